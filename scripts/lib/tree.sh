# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# The part of scripts/lib/common.sh that knows the kernel tree, its build and its guests.

# kmake TARGET...: make in the patched kernel tree, with the toolchain that was
# set up and nothing else of the caller's environment
kmake() {
	# Kbuild records the flags of an object with its command. The objects of setns(2) have line
	# numbers for gdb; with them for all, a kernel would take twice as long to build.
	local flags=("CFLAGS_nsproxy.o=-g${UNFIXED:+ -ivfsoverlay $out/unfixed.yaml}"
		CFLAGS_dispatch.o=-g CFLAGS_proc_ns_glue.o=-g RUSTFLAGS_rust_setns_main.o=-Cdebuginfo=2)
	env -i --default-signal=INT HOME="$HOME" TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 PATH="$kernel_path" \
		${CLANG_FLAGS:+CLANG_FLAGS="$CLANG_FLAGS"} \
		make -C "$src" O="$out" ARCH="$KERNEL_ARCH" LLVM=1 -j "$(nproc)" \
		KBUILD_BUILD_TIMESTAMP=2026-01-01 KBUILD_BUILD_USER=rust_setns \
		KBUILD_BUILD_HOST=localhost "${flags[@]}" "$@"
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

# Whether the cache has Debian's kernel source
has_source() {
	grep -qs "^linux-$release\." "$cache/current"
}

# Whether the cache has a bindgen that the kernel takes
has_bindgen() {
	[[ "$("$tools/bin/bindgen" --version 2>/dev/null)" == "bindgen 0.7"[1-9]* ]]
}

# Whether KDIR is a repository, and not just a folder in another one
is_repository() {
	[ -e "$KDIR/.git" ]
}

# git in KDIR, which may belong to somebody else
kdir_git() {
	git -c safe.directory='*' -C "$KDIR" "$@"
}

# Whether programs of this machine run in the guest
native() {
	[ "$DEBIAN_ARCH" = "$(dpkg --print-architecture)" ]
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
	PATH=$kernel_path clang "${flags[@]}" -o "$fuzzer" "$top"/fuzz/*.c ||
		die "fuzz/ does not compile; the reason is above."
}

# parameters: what the flavour adds to the kernel command line
parameters() {
	sed -n 's/^# cmdline: //p' "$scripts/config/$FLAVOUR"
}

# check_config FRAGMENT: every option that it asks for must be there in the end, and what it
# does not want must not. Kconfig drops silently what it does not know, or what lacks a
# dependency.
check_config() {
	local option
	while read -r option; do
		grep -qxF "$option" "$out/.config" || die "Kconfig refuses $option for $ARCH; see scripts/config/."
	done < <(grep '^CONFIG_' "$1")
	while read -r option; do
		! grep -q "^$option=" "$out/.config" || die "Kconfig insists on $option for $ARCH; see scripts/config/."
	done < <(sed -n 's/^# \(CONFIG_.*\) is not set$/\1/p' "$1")
}

# The hash of all files that the series is made of
series_hash() {
	(cd "$top" && find Kconfig patches rust rust_setns selftests -type f | LC_ALL=C sort |
		xargs -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1)
}

# The files of the kernel tree that patches/ changes
touched() {
	sed -n 's,^--- a/\([^ ]*\).*,\1,p' "$top"/patches/*.patch | sort -u
}

# The patches that scripts/series has written, a line each, without the cover letter
series_patches() {
	find "$build/series" -name '[0-9]*.patch' ! -name '0000-*' | LC_ALL=C sort
}

# The files of the kernel crate that the series adds or changes
crate_files() {
	{
		(cd "$top" && find rust/kernel -name '*.rs')
		sed -n 's,^+++ b/\(rust/kernel/[^ ]*\.rs\)$,\1,p' "$top"/patches/*.patch
	} | sort -u
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
