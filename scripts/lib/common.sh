# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0
#
# This file has the settings, the messages, the folders and the locks of all scripts. steps.sh,
# tree.sh and debian.sh have the rest.
#
# Settings come from the environment, or from options of the same name. Every script exits
# with 0 (passed), 1 (a test failed) or 2 (it could not do its work).

set -Eeuo pipefail
# An unforeseen error is one of the harness, not of a test
trap 'exit 2' ERR
# Sorted lists and error messages do not depend on the language of the user
export LC_ALL=C.UTF-8
# Without this, git refreshes the index of a tree when it only reads it
export GIT_OPTIONAL_LOCKS=0
# Without this, Python leaves folders in the tree
export PYTHONDONTWRITEBYTECODE=1

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scripts=$top/scripts
build=$top/build
cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/rust-setns
tools=$cache/tools
# The series is for this release of Linux, and applies to each of its point releases
release=7.3

# shellcheck source=scripts/lib/steps.sh
. "$scripts/lib/steps.sh"
# shellcheck source=scripts/lib/tree.sh
. "$scripts/lib/tree.sh"
# shellcheck source=scripts/lib/debian.sh
. "$scripts/lib/debian.sh"

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

say() {
	printf '==> %s\n' "$*"
}

[ -n "${HOME:-}" ] || die "HOME is not set; set it to a folder that you may write to."

# The lines of a script that start with "#:" are its manual
usage() {
	sed -n 's/^#: \{0,1\}//p' "$0"
	exit 0
}

# takes_option OPTION: whether the first lines of the manual of this script name it
takes_option() {
	sed -n '/^#: usage:/,/^#:$/p' "$0" | grep -qwF -e "[$1"
}

# Sets ARCH, IMPL, FLAVOUR and KDIR, and leaves what follows "--" in "args"
parse_options() {
	ARCH=${ARCH:-x86_64} IMPL=${IMPL:-rust} FLAVOUR=${FLAVOUR:-builtin} KDIR=${KDIR:-}
	args=()
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h) usage ;;
		--arch | --impl | --flavour | --kdir)
			takes_option "$1" || die "it has no option $1; see --help."
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
			[[ ${0##*/} =~ ^(vm|mutate)$ || $# -eq 0 ]] || die "it takes no words after --; see --help."
			break
			;;
		*) die "unknown option '$1'; see --help." ;;
		esac
	done
	check_settings
	export ARCH IMPL FLAVOUR KDIR
}

# Prints the flavours: the files in scripts/config, except the base and the architectures
flavours() {
	(cd "$scripts/config" && echo *) | tr ' ' '\n' | grep -vxF -f <(echo base && ls "$scripts/arch") | xargs
}

check_settings() {
	# No pipe here: grep -q ends at the first match. If the command before it still writes, SIGPIPE
	# ends that command, and pipefail makes the pipe fail although grep has found the name.
	grep -qxF -e "$ARCH" < <(cd "$scripts/arch" && printf '%s\n' *) ||
		die "ARCH '$ARCH' is not known; take one of: $(cd "$scripts/arch" && echo *)."
	grep -qxF -e "$FLAVOUR" < <(flavours | tr ' ' '\n') ||
		die "FLAVOUR '$FLAVOUR' is not known; take one of: $(flavours)."
	case $IMPL in
	c | rust) ;;
	*) die "IMPL '$IMPL' is not known; take c or rust." ;;
	esac
	check_seconds VM_TIMEOUT
	check_seconds FUZZ_TIMEOUT
	[[ ${VM_CPUS:-2} =~ ^[1-9]$ ]] || die "VM_CPUS '$VM_CPUS' is not known; take a number from 1 to 9."
	[[ ${VM_ACCEL:-tcg} =~ ^(kvm|tcg)$ ]] || die "VM_ACCEL '$VM_ACCEL' is not known; take kvm or tcg."
	[ -z "$KDIR" ] || check_kdir
	# shellcheck source=scripts/arch/x86_64
	. "$scripts/arch/$ARCH"
}

# check_seconds NAME: dies if this variable has another value than a number of seconds
check_seconds() {
	[[ ${!1:-1} =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 '${!1}' is not a number of seconds; take one from 1."
}

# Sets "only" to the regular expression after --only, and leaves the other options in "others"
parse_only() {
	only=. others=()
	while [ $# -gt 0 ]; do
		if [ "$1" = --only ]; then
			[ -n "${2:-}" ] || die "--only needs a value; see --help."
			grep -qE -e "$2" /dev/null 2>/dev/null || [ $? -eq 1 ] ||
				die "'$2' is not a regular expression; see --help."
			only=$2
			shift
		else
			others+=("$1")
		fi
		shift
	done
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

# Takes the locks of the cache and of build/, until this process and its children end. If
# another script has started this one, it holds them already.
lock() {
	local cache_fd build_fd
	[ -z "${RUST_SETNS_LOCKED:-}" ] || return 0
	{ mkdir -p "$cache" && : >>"$cache/lock"; } 2>/dev/null ||
		die "cannot write to '$cache'; set XDG_CACHE_HOME to a folder you may write to."
	{ mkdir -p "$build" && : >>"$build/lock"; } 2>/dev/null ||
		die "cannot write to '$build'; take a checkout that you may write to."
	exec {cache_fd}>"$cache/lock" {build_fd}>"$build/lock"
	flock -n "$cache_fd" ||
		die "another run is using '$cache'; wait for it, or set XDG_CACHE_HOME to another folder."
	flock -n "$build_fd" ||
		die "another run is using '$build'; wait for it, or take another checkout."
	export RUST_SETNS_LOCKED="$cache_fd $build_fd"
}

# need_disk MIB: dies unless the disk of the cache has so much free space
need_disk() {
	local free
	free=$(df -Pm "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "'$cache' has $free MiB free and $1 are needed; make room, or set XDG_CACHE_HOME to another disk."
}
