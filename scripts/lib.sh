# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# What the scripts share: settings, messages, folders, one run at a time.
#
# Settings come from the environment, or from options of the same name. Every
# script leaves with 0 (passed), 1 (a test failed) or 2 (could not do its work).

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scripts=$top/scripts
build=$top/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rust-setns
tools=$cache/tools
# The release that the series is for; any of its point releases will do
release=7.3

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

say() {
	printf '==> %s\n' "$*"
}

# The lines of a script that start with "#:" are its manual
usage() {
	sed -n 's/^#: \{0,1\}//p' "$0"
	exit 0
}

# Sets ARCH, IMPL, FLAVOUR and KDIR, and leaves what follows "--" in "args"
parse_options() {
	ARCH=${ARCH:-x86_64} IMPL=${IMPL:-rust} FLAVOUR=${FLAVOUR:-builtin} KDIR=${KDIR:-}
	args=()
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h) usage ;;
		--arch | --impl | --flavour | --kdir)
			[ $# -ge 2 ] || die "$1 needs a value; see --help."
			case $1 in
			--arch) ARCH=$2 ;;
			--impl) IMPL=$2 ;;
			--flavour) FLAVOUR=$2 ;;
			--kdir) KDIR=$2 ;;
			esac
			shift 2
			;;
		--)
			shift
			args=("$@")
			break
			;;
		*) die "unknown option '$1'; see --help." ;;
		esac
	done
	check_settings
	export ARCH IMPL FLAVOUR KDIR
}

# A flavour is a file in scripts/config that is neither the base nor an architecture's
flavours() {
	(cd "$scripts/config" && echo *) | tr ' ' '\n' | grep -vxF -f <(echo base && ls "$scripts/arch") | xargs
}

check_settings() {
	[ -f "$scripts/arch/$ARCH" ] ||
		die "ARCH '$ARCH' is not known; take one of: $(cd "$scripts/arch" && echo *)."
	flavours | tr ' ' '\n' | grep -qxF -e "$FLAVOUR" ||
		die "FLAVOUR '$FLAVOUR' is not known; take one of: $(flavours)."
	case $IMPL in
	c | rust) ;;
	*) die "IMPL '$IMPL' is not known; take c or rust." ;;
	esac
	[ -z "$KDIR" ] || check_kdir
	# shellcheck source=scripts/arch/x86_64
	. "$scripts/arch/$ARCH"
}

check_kdir() {
	local version patchlevel
	[ -d "$KDIR" ] || die "KDIR '$KDIR' is not a folder; name a Linux $release source tree."
	if ! [ -f "$KDIR/Makefile" ] || ! [ -f "$KDIR/kernel/nsproxy.c" ]; then
		die "KDIR '$KDIR' is not a kernel source tree; name a Linux $release one."
	fi
	version=$(sed -n 's/^VERSION = //p' "$KDIR/Makefile")
	patchlevel=$(sed -n 's/^PATCHLEVEL = //p' "$KDIR/Makefile")
	[ "$version.$patchlevel" = "$release" ] ||
		die "KDIR '$KDIR' is Linux $version.$patchlevel; the series is for $release."
	KDIR=$(cd "$KDIR" && pwd)
}

# Takes the lock of the cache for as long as this process and its children live.
# A script that another one started has it already.
lock() {
	[ -z "${RUST_SETNS_LOCKED:-}" ] || return 0
	mkdir -p "$cache" || die "cannot create '$cache'; set XDG_CACHE_HOME to a folder you may write to."
	exec {lock_fd}>"$cache/lock"
	flock -n "$lock_fd" ||
		die "another run is using '$cache'; wait for it, or set XDG_CACHE_HOME to another folder."
	export RUST_SETNS_LOCKED=$lock_fd
}

# need_disk MIB: at least so much is free where the cache is
need_disk() {
	local free
	free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "'$cache' has $free MiB free and $1 are needed; make room, or set XDG_CACHE_HOME to another disk."
}

# Sets "architectures" to the one that was asked for, or to those that are tested
choose_architectures() {
	architectures="x86_64 arm64"
	case ${ARCH:+set}" $* " in
	set* | *' --arch '*)
		parse_options "$@"
		architectures=$ARCH
		;;
	*) parse_options "$@" ;;
	esac
}

# step NAME COMMAND...: goes on after failed tests, not after a broken harness
step() {
	local name=$1 rc=0
	shift
	say "$name"
	"$@" || rc=$?
	case $rc in
	0) ;;
	1) failed+="${failed:+, }$name" ;;
	*) exit 2 ;;
	esac
}

# After the last step: says which have failed, and ends
conclude() {
	if [ -n "$failed" ]; then
		say "FAILED: $failed"
		exit 1
	fi
	say "all passed, in $SECONDS s"
}

# logged LOG WHAT COMMAND...: runs COMMAND with its output in LOG, shows how far
# it is, and on failure says why
logged() {
	local log=$1 what=$2 rc=0 start=$SECONDS progress
	shift 2
	mkdir -p "$(dirname "$log")"
	: >"$log"
	show_progress "$log" "$what" &
	progress=$!
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	kill "$progress" 2>/dev/null || true
	wait "$progress" 2>/dev/null || true
	[ ! -t 1 ] || printf '\r\033[K'
	if [ "$rc" -ne 0 ]; then
		tail -n 15 "$log" >&2
		if grep -q 'No space left on device' "$log"; then
			die "the disk is full; make room in '$cache' and run again. Log: $log"
		fi
		if grep -qiE 'could not resolve|temporary failure|unreachable|unable to connect|failed to fetch' "$log"; then
			die "the network cannot be reached; connect it and run again. Log: $log"
		fi
		die "$what failed; the reason is above. Log: $log"
	fi
	say "$what: done in $((SECONDS - start)) s"
}

# One line that changes on a terminal; elsewhere a line a minute
show_progress() {
	local log=$1 what=$2 start=$SECONDS line
	# What outlives an interrupted run must not keep the next one waiting
	[ -z "${RUST_SETNS_LOCKED:-}" ] || eval "exec $RUST_SETNS_LOCKED>&-"
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		[ -t 1 ] || [ $(((SECONDS - start) % 60)) -eq 59 ] || continue
		line="$what: $((SECONDS - start)) s, $(wc -l <"$log") lines, now:$(tail -n 1 "$log" | tr -d '\r')"
		if [ -t 1 ]; then
			printf '\r\033[K%.*s' "${COLUMNS:-80}" "    $line"
		else
			printf '    %s\n' "$line"
		fi
	done
}

# kmake TARGET...: make in the patched kernel tree, with the toolchain that was
# set up and nothing else of the caller's environment
kmake() {
	local unfixed=
	# For one object alone, and recorded with its command
	[ -z "${UNFIXED:-}" ] || unfixed="CFLAGS_nsproxy.o=-ivfsoverlay $out/unfixed.yaml"
	env -i --default-signal=INT HOME="$HOME" TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 PATH="$kernel_path" \
		${CLANG_FLAGS:+CLANG_FLAGS="$CLANG_FLAGS"} \
		make -C "$src" O="$out" ARCH="$KERNEL_ARCH" LLVM=1 -j "$(nproc)" \
		KBUILD_BUILD_TIMESTAMP=2026-01-01 KBUILD_BUILD_USER=rust_setns \
		KBUILD_BUILD_HOST=localhost ${unfixed:+"$unfixed"} "$@"
}

# The folders in use: src is the patched tree, out its build, root the file system
# of a foreign guest.
# scripts/source records which one it is. UNFIXED: see scripts/fault.
use_tree() {
	local id
	id=$(cat "$cache/current${KDIR:+-kdir}" 2>/dev/null) || die "no kernel source yet; run scripts/source."
	tree=$cache/$id
	src=$tree/src
	out=$tree/$ARCH-$FLAVOUR${UNFIXED:+-unfixed}
	root=$cache/root-$ARCH
	kernel_path=$tools/bin:/usr/lib/llvm-22/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

# Whether programs of this machine run in the guest
native() {
	[ "$DEBIAN_ARCH" = "$(dpkg --print-architecture)" ]
}

# sources SUITE: its source line on each mirror that apt uses. The suite is for the
# one command that asks, no source is added to the machine.
sources() {
	# shellcheck disable=SC2016 # apt's variable, not ours
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sort -u |
		sed "s,.*,deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & $1 main,"
}

# Sets "fuzzer" to the program, and builds it: static, as the guest may have another C
# library, and with the headers of the kernel
build_fuzzer() {
	local flags=(-O2 -std=gnu11 -Wall -static -isystem "$out/usr/include") triple
	if ! native; then
		triple=$(basename "$root"/usr/lib/*-linux-gnu)
		flags+=("--target=$triple" "--sysroot=$root" -fuse-ld=lld)
	fi
	fuzzer=$build/fuzz/$ARCH/setns_fuzz
	mkdir -p "$(dirname "$fuzzer")"
	PATH=$kernel_path clang "${flags[@]}" -o "$fuzzer" "$top/fuzz/setns_fuzz.c" ||
		die "fuzz/setns_fuzz.c does not compile; the reason is above."
}

# parameters: what the flavour adds to the kernel command line
parameters() {
	sed -n 's/^# cmdline: //p' "$scripts/config/$FLAVOUR"
}

# The files of the kernel tree that patches/ changes
touched() {
	sed -n 's,^--- a/\([^ ]*\).*,\1,p' "$top"/patches/*.patch | sort -u
}

# lands FILE: where in the kernel tree a file of this repository goes
lands() {
	case $1 in
	Kconfig) echo kernel/rust_setns/Kconfig ;;
	rust_setns/*) echo "kernel/$1" ;;
	rust/*) echo "$1" ;;
	selftests/*) echo "tools/testing/selftests/setns/${1#selftests/}" ;;
	esac
}
