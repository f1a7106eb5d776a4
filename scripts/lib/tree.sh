# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# These functions know the kernel tree, its build and its guests.

# kmake TARGET...: runs make in the patched kernel tree, with the toolchain of scripts/setup, and
# without the caller's environment
kmake() {
	# Kbuild records the flags of an object with its command. The objects of setns(2) have line
	# numbers for gdb; with them for all, a kernel would take twice as long to build.
	local instead=
	[ ! -f "$out/instead.yaml" ] || instead=" -ivfsoverlay $out/instead.yaml"
	local flags=("CFLAGS_nsproxy.o=-g$instead"
		CFLAGS_dispatch.o=-g CFLAGS_switch.o=-g CFLAGS_proc_ns_glue.o=-g RUSTFLAGS_rust_setns_main.o=-Cdebuginfo=2)
	env -i --default-signal=INT HOME="$HOME" TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 PATH="$kernel_path" \
		${CLANG_FLAGS:+CLANG_FLAGS="$CLANG_FLAGS"} \
		make -C "$src" O="$out" ARCH="$KERNEL_ARCH" LLVM=1 -j "$(nproc)" \
		KBUILD_BUILD_TIMESTAMP=2026-01-01 KBUILD_BUILD_USER=rust_setns \
		KBUILD_BUILD_HOST=localhost "${flags[@]}" "$@"
}

# Sets the folders: src is the patched tree, out its build, and root the file system of a guest
# of another architecture. scripts/source has recorded the tree. scripts/fault explains UNFIXED,
# and scripts/trace-alone ALONE.
# A flavour may boot the kernel of another one ("# kernel: FLAVOUR").
use_tree() {
	local id kernel
	id=$(cat "$cache/current${KDIR:+-kdir}" 2>/dev/null) || die "no kernel source yet; run scripts/source."
	tree=$cache/$id
	src=$tree/src${ALONE:+-alone}
	kernel=$(sed -n 's/^# kernel: //p' "$scripts/config/$FLAVOUR")
	out=$tree/$ARCH-${kernel:-$FLAVOUR}${UNFIXED:+-unfixed}${ALONE:+-alone}
	root=$cache/root-$ARCH
	kernel_path=$tools/bin:/usr/lib/llvm-22/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

# copy_build OTHER: makes "out" a copy of another build
copy_build() {
	rm -rf "$out.new"
	cp -a --reflink=auto "$1" "$out.new"
	# The build of objtool records absolute paths, and make compiles everything again after
	# objtool
	[ ! -d "$out.new/tools" ] || find "$out.new/tools" -name '.*.cmd' -exec sed -i "s,$1/,$out/,g" {} +
	mv "$out.new" "$out"
}

# Whether the cache has Debian's kernel source
has_source() {
	grep -qs "^linux-$release\." "$cache/current"
}

# Whether the cache has a bindgen that works. 0.71 makes opaque types of structs with LLVM 22.
has_bindgen() {
	local version
	version=$("$tools/bin/bindgen" --version 2>/dev/null) || return
	printf 'bindgen 0.72\n%s\n' "$version" | sort -C -V
}

# Whether KDIR itself is a repository, and not a folder in one
is_repository() {
	[ -e "$KDIR/.git" ]
}

# Runs git in KDIR, which may belong to another user
kdir_git() {
	git -c safe.directory='*' -C "$KDIR" "$@"
}

# Whether programs of this machine run in the guest
native() {
	[ "$DEBIAN_ARCH" = "$(dpkg --print-architecture)" ]
}

# Builds the fuzzer, and sets "fuzzer" to the program. It uses the headers of the kernel, and is
# static, because the guest may have another C library.
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

# Prints what the flavour adds to the kernel command line
parameters() {
	sed -n 's/^# cmdline: //p' "$scripts/config/$FLAVOUR"
}

# check_config FRAGMENT: dies unless the configuration has each option that FRAGMENT sets, and
# none that it unsets. Kconfig silently drops an option that it does not know, and one that
# lacks a dependency.
check_config() {
	local option
	while read -r option; do
		grep -qxF "$option" "$out/.config" || die "Kconfig refuses $option for $ARCH; see scripts/config/."
	done < <(grep '^CONFIG_' "$1")
	while read -r option; do
		! grep -q "^$option=" "$out/.config" || die "Kconfig insists on $option for $ARCH; see scripts/config/."
	done < <(sed -n 's/^# \(CONFIG_.*\) is not set$/\1/p' "$1")
}

# The folders and files that this repository adds to the kernel tree. lands() has their places.
our_folders="Documentation Kconfig include rust rust_setns selftests trace"

# Copies the samples into the cache, where cargo builds them. cargo looks at the times of files, and not
# at their folder. A file that differs from that of the last build gets a new time here, even if it is
# from an older checkout.
copy_samples() {
	rsync -rlpc --delete --exclude=/target "$top/samples/" "$cache/samples-source/"
}

# Prints the hash of all files of the series
series_hash() {
	# shellcheck disable=SC2086
	(cd "$top" && find $our_folders patches -type f | LC_ALL=C sort |
		xargs -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1)
}

# Prints the names of the series, in the order in which they are applied
series_names() {
	sed -n 's/^\([a-z][a-z0-9_-]*\).*/\1/p' "$top/patches/order"
}

# Prints the patches in patches/, in the order in which they are applied
source_patches() {
	local name
	for name in $(series_names); do
		sed -n "s,^\([0-9][^ ]*\).*,$top/patches/$name/\1,p" "$top/patches/$name/series"
	done
}

# Prints the hash and the name of each file of the series, the tests and the harness, but not of the
# documentation of the project. A patch has two entries: its diffs, and its message.
input_hashes() (
	cd "$top" || exit
	# shellcheck disable=SC2086 # a list of folders
	find Makefile $our_folders bench fuzz host_test patches samples scripts -type f \
		! -name '*.md' ! -path '*/.ruff_cache/*' ! -path '*/__pycache__/*' ! -path 'patches/*.patch' |
		LC_ALL=C sort | xargs -d '\n' sha256sum
	for patch in patches/*/*.patch; do
		sed -n '/^diff /,$p' "$patch" | sha256sum | sed "s,-$,$patch,"
		sed '/^diff /,$d' "$patch" | sha256sum | sed "s,-$,message of $patch,"
	done
)

# Prints the files of our folders, by their place in the kernel tree
our_files() {
	local file
	# shellcheck disable=SC2086
	while read -r file; do
		lands "$file"
	done < <(cd "$top" && find $our_folders -type f)
}

# their_diff PATCH: prints a patch without the diffs of our files, because the folders have these
# files in their final form. A series with an entry for MAINTAINERS needs no diff of that file.
their_diff() {
	awk 'NR == FNR { ours[$0]; next }
		/^diff --git / { skip = substr($3, 3) in ours }
		!skip' <(our_files && cd "${1%/*}" && find . -name MAINTAINERS -printf '%P\n') "$1"
}

# Prints the files of the kernel tree that the series change, without the new ones
touched() {
	local patch
	{
		source_patches | while read -r patch; do
			their_diff "$patch"
		done | sed -n 's,^--- a/\([^ ]*\).*,\1,p'
		cd "$top/patches" && find . -name MAINTAINERS -printf 'MAINTAINERS\n'
	} | sort -u
}

# Sets "name" and "email" to those of the person who submits the series
submitter() {
	name=$(git -C "$top" config user.name || echo rust_setns)
	email=$(git -C "$top" config user.email || echo rust_setns@localhost)
}

# enter_maintainers TREE: puts the entries in patches/*/MAINTAINERS into TREE/MAINTAINERS. The
# entry that an earlier call has put there is replaced. An F: line comes with the first file that
# it names, and the entry with its first F: line.
enter_maintainers() {
	local entry kind value after title text files
	submitter
	for entry in "$top"/patches/*/MAINTAINERS; do
		[ -f "$entry" ] || continue
		after='' title='' text='' files=''
		while IFS=$'\t' read -r kind value; do
			case $kind in
			'# after') after=$value ;;
			'#'*) continue ;;
			M:) text+="M:"$'\t'"$name <$email>"$'\n' ;;
			F:)
				[ -e "$1/$value" ] || continue
				files=yes
				text+="F:"$'\t'"$value"$'\n'
				;;
			?:) text+="$kind"$'\t'"$value"$'\n' ;;
			*) title=$kind text=$kind$'\n' ;;
			esac
		done <"$entry"
		grep -qxF -e "$after" "$1/MAINTAINERS" ||
			die "MAINTAINERS has no entry '$after'; correct ${entry#"$top"/}."
		TITLE=$title AFTER=$after TEXT=${files:+$text} awk '
			$0 == ENVIRON["TITLE"] { old = 1 }
			!old
			$0 == ENVIRON["AFTER"] { here = 1 }
			/^$/ && old { old = 0; next }
			/^$/ && here { here = 0; if (ENVIRON["TEXT"]) print ENVIRON["TEXT"] }
		' "$1/MAINTAINERS" >"$1/MAINTAINERS.new"
		mv "$1/MAINTAINERS.new" "$1/MAINTAINERS"
	done
}

# series_patches [SERIES...]: prints the patches that scripts/series has written, without the cover
# letters, in the order in which they are applied
series_patches() {
	local name
	# shellcheck disable=SC2048
	for name in ${*:-$(series_names)}; do
		find "$build/series/$name" -name '[0-9]*.patch' ! -name '0000-*' | LC_ALL=C sort
	done
}

# Prints the files of the kernel crate that the series adds or changes
crate_files() {
	{
		(cd "$top" && find rust/kernel -name '*.rs')
		source_patches | xargs sed -n 's,^+++ b/\(rust/kernel/[^ ]*\.rs\)$,\1,p'
	} | sort -u
}

# lands FILE: prints the place in the kernel tree of a file of this repository
lands() {
	case $1 in
	Kconfig) echo kernel/rust_setns/Kconfig ;;
	rust_setns/*) echo "kernel/$1" ;;
	Documentation/* | include/* | rust/*) echo "$1" ;;
	selftests/*) echo "tools/testing/selftests/setns/${1#selftests/}" ;;
	trace/selftests/*) echo "tools/testing/selftests/trace_setns/${1#trace/selftests/}" ;;
	trace/*) echo "kernel/${1#trace/}" ;;
	esac
}
