# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# These checks of scripts/check look at the symbols that the series exports to modules.

# pristine FOLDER TO: copies a folder of the source tree, as the release has it
pristine() {
	local file
	mkdir -p "$2"
	cp -r "$src/$1/." "$2"
	while read -r file; do
		rm -f "$2/${file#"/$1/"}"
		[ ! -e "${KDIR:-$tree/pristine}$file" ] || cp "${KDIR:-$tree/pristine}$file" "$2/${file#"/$1/"}"
	done < <(grep "^/$1/" "$tree/overlay")
}

# compile OBJECT FROM TO: compiles the C file FROM with the command that the build recorded for
# OBJECT. FROM may include the headers beside the source of OBJECT.
compile() {
	local command
	command=$(sed -n '1s/^savedcmd_[^ ]* := \(.*\) -c -o .*/\1/p' "$out/${1%/*}/.${1##*/}.cmd")
	[ -n "$command" ] || die "the build recorded no command; see $out/${1%/*}/.${1##*/}.cmd."
	(cd "$out" && bash -c "$command -I'$src/${1%/*}' -c -o '$3' '$2'")
}

# c_exports OBJECT: prints the symbols that a C object exports
c_exports() {
	llvm-nm --format=just-symbols "$1" | sed -n 's/^__export_symbol_//p' | sort
}

# Prints the C objects that the series changes or adds, as far as this kernel has them
changed_objects() {
	{
		touched
		our_files
	} | grep '\.c$' | grep -vE '^(rust|tools)/' | while read -r file; do
		[ ! -f "$out/${file%.c}.o" ] || echo "${file%.c}.o"
	done
}

# The core is built in here, so C must export what it exports in the release. The same holds without
# the core. The exports for the module are behind one macro.
check_c_exports() {
	local object source count=0 dir=$work/c-exports
	rm -rf "$dir" && mkdir -p "$dir"
	for object in $(changed_objects); do
		source=${object%.o}.c
		: >"$dir/release"
		if [ -f "${KDIR:-$tree/pristine}/$source" ]; then
			cp "${KDIR:-$tree/pristine}/$source" "$dir/release.c"
			# The release's own file does not compile with the headers that the cleanup changes
			! grep -q "^+++ b/$source" "$top/patches/$cleanup" ||
				release_with fixes trace "$cleanup" "$source" >"$dir/release.c"
			compile "$object" "$dir/release.c" "$dir/release.o"
			c_exports "$dir/release.o" >"$dir/release"
			printf '#undef CONFIG_RUST_SETNS\n#include "%s"\n' "$src/$source" >"$dir/without.c"
			compile "$object" "$dir/without.c" "$dir/without.o"
			diff "$dir/release" <(c_exports "$dir/without.o")
		fi
		diff "$dir/release" <(c_exports "$out/$object")
		count=$((count + 1))
	done
	echo "==> $count objects"
	[ "$count" -ge 18 ]
}

# With a module, C must export what the module needs and the release does not export, and nothing
# more. Each of these exports must be to this module alone. check_clippy has built the module.
check_module_exports() {
	local object source count dir=$work/m-exports
	rm -rf "$dir" && mkdir -p "$dir"
	llvm-nm -u --format=just-symbols "$work/clippy/rust_setns.ko" | sort -u >"$dir/needed"
	for object in $(changed_objects); do
		source=${object%.o}.c
		printf '#undef CONFIG_RUST_SETNS\n#define CONFIG_RUST_SETNS_MODULE 1\n#include "%s"\n' \
			"$src/$source" >"$dir/with.c"
		compile "$object" "$dir/with.c" "$dir/with.o"
		count=$(c_exports "$dir/with.o" | grep -vcxFf <(c_exports "$out/$object") || true)
		c_exports "$dir/with.o" | grep -vxFf <(c_exports "$out/$object") >>"$dir/new" || true
		[ "$count" -gt 0 ] || continue
		llvm-objcopy --dump-section .export_symbol="$dir/section" "$dir/with.o" "$dir/copy.o"
		[ "$(tr '\0' '\n' <"$dir/section" | grep -cx 'module:rust_setns')" -eq "$count" ]
	done
	sort -u -o "$dir/new" "$dir/new"
	echo "==> $(wc -l <"$dir/new") exports to the module"
	[ -s "$dir/new" ]
	# bash ignores -e for a command after "!"
	! grep -vxFf "$dir/needed" "$dir/new" || return
	! comm -23 "$dir/needed" <(awk '{ print $2 }' "$out/Module.symvers" | sort -u) | grep -vxFf "$dir/new"
}

# rust_exports OBJECT: prints the symbols that rust/Makefile exports from an object, without the
# hashes and numbers in the names
rust_exports() {
	llvm-nm -p --defined-only "$1" | awk '$2 ~ /^[TRDB]$/ && $3 !~ /__(pfx|cfi|odr_asan)/ { print $3 }' |
		llvm-cxxfilt | sort
}

# reached OBJECT: prints "FUNCTION CALLEE" for each call of a function that C does not export
reached() {
	llvm-objdump -dr --no-show-raw-insn "$1" |
		awk '/^[0-9a-f]+ <.*>:$/ { gsub(/[<>:]/, "", $2); f = $2 }
			/R_X86_64_(PLT32|PC32|32S)|R_AARCH64_(CALL|JUMP)26/ { sub(/[-+]0x.*/, "", $NF); print f, $NF }' |
		sort -u | awk 'NR == FNR { exported[$2]; next } !($2 in exported)' "$out/Module.symvers" - |
		awk 'NR == FNR { if ($2 ~ /^[tT]$/) is_function[$3]; next } $2 in is_function' "$out/System.map" -
}

# Without RUST_INLINE_HELPERS, the kernel exports each helper to every GPL module. It always exports
# the functions of the kernel crate that are not inline. scripts/lists/exports has what the series
# adds, and the C functions that a module reaches in this way although C does not export them.
check_rust_exports() {
	local dir=$work/rust-exports flags
	rm -rf "$dir" && mkdir -p "$dir"
	pristine rust/helpers "$dir/helpers"
	pristine rust/kernel "$dir/kernel"
	compile rust/helpers/helpers.o "$dir/helpers/helpers.c" "$dir/helpers.o"
	# With RUST_INLINE_HELPERS, a build does not make this object again
	compile rust/helpers/helpers.o "$src/rust/helpers/helpers.c" "$dir/helpers-new.o"
	flags=$(recorded rust/.kernel.o.cmd '--emit=dep-info=[^ ]*')
	(cd "$out" && RUSTC_BOOTSTRAP=1 OBJTREE=$out RUST_MODFILE=rust/kernel bash -c "rustc $flags -L ./rust/ \
		--emit=obj='$dir/kernel.o' --sysroot=/dev/null --crate-name kernel --crate-type rlib \
		-Zunstable-options '$dir/kernel/lib.rs'")
	comm -13 <(rust_exports "$dir/helpers.o") <(rust_exports "$dir/helpers-new.o") >"$dir/new"
	comm -13 <(rust_exports "$dir/kernel.o") <(rust_exports "$out/rust/kernel.o") >>"$dir/new"
	reached "$dir/helpers-new.o" |
		awk 'NR == FNR { callees[$1] = callees[$1] " " $2; next } { print $0 callees[$1] }' - "$dir/new" >"$dir/found"
	diff <(grep -v '^#' "$scripts/lists/exports") "$dir/found"
	echo "==> $(wc -l <"$dir/new") new exports from rust/"
	sed -n 's/^\(rust_helper_[^ ]*\) \(.*\)/==> \1() reaches \2()/p' "$dir/found"
}
