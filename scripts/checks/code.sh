# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# These checks of scripts/check look at the code itself, as it lies in the kernel tree.

check_rustfmt() {
	local files
	mapfile -t files < <(crate_files | grep -vxF rust/kernel/lib.rs)
	(cd "$src" && rustfmt --check --edition 2021 --config-path "$src/.rustfmt.toml" \
		"${files[@]}" kernel/rust_setns/*.rs)
}

# This check builds the core as a module outside the tree, so that make does not build the kernel
# crate again. Then it runs clippy on the kernel crate. The core is built in here, so the kernel
# exports nothing to the module, and modpost may only warn. In the core, an unsafe block has one
# operation.
check_clippy() {
	rm -rf "$work/clippy" && mkdir -p "$work/clippy"
	kmake M="$src/kernel/rust_setns" MO="$work/clippy" CLIPPY=1 W=e \
		KRUSTFLAGS=-Wclippy::multiple_unsafe_ops_per_block CONFIG_RUST_SETNS=m \
		KBUILD_MODPOST_WARN=1 modules 2>&1 | tee "$work/clippy.log"
	with_crate_flags "clippy-driver --emit=metadata --out-dir '$work/clippy'" 2>&1 | tee -a "$work/clippy.log"
	! grep -E '^(warning|error)' "$work/clippy.log"
}

# recorded OBJECT PATTERN: prints the flags of the command that built OBJECT. PATTERN is what
# follows the flags in that command.
recorded() {
	local flags
	flags=$(sed -n "1s/.* rustc \(.*\) $2 .*/\1/p" "$out/$1" | sed 's/--remap-path-scope=[a-z]*//')
	[ -n "$flags" ] || die "the build has recorded no rustc command; see $out/$1."
	printf '%s\n' "$flags"
}

# core_flags: prints the flags that the build used for the core
core_flags() {
	recorded kernel/rust_setns/.rust_setns_main.o.cmd '--crate-type rlib'
}

# with_crate_flags COMMAND: runs COMMAND on the kernel crate, with the flags that the build used
with_crate_flags() {
	local flags
	flags=$(recorded rust/.kernel.o.cmd '--emit=dep-info=[^ ]*')
	(cd "$out" && RUSTC_BOOTSTRAP=1 OBJTREE=$out RUST_MODFILE=rust/kernel CLIPPY_CONF_DIR=$src \
		bash -c "$1 $flags -L ./rust/ --sysroot=/dev/null --crate-name kernel --crate-type rlib \
			-Zunstable-options '$src/rust/kernel/lib.rs'")
}

check_rustdoc() {
	local flags
	flags=$(core_flags)
	(cd "$out" && RUSTC_BOOTSTRAP=1 OBJTREE=$out RUST_MODFILE=kernel/rust_setns/rust_setns \
		bash -c "rustdoc $flags -L ./rust/ --sysroot=/dev/null --crate-name rust_setns -Drustdoc::all \
			-Arustdoc::private_intra_doc_links --document-private-items --output '$work/rustdoc' \
			'$src/kernel/rust_setns/rust_setns_main.rs'")
	with_crate_flags "rustdoc -Dwarnings --output '$work/rustdoc-kernel'"
}

check_kernel_doc() {
	"$src/scripts/kernel-doc" -none -Wall -Werror "$src"/kernel/rust_setns/*.[ch] "$src/kernel/setns_trace.c" \
		"$src/include/linux/setns.h" "$src/include/trace/events/setns.h"
}

# The documentation of the events has a table of the reasons, with the words of the header
check_reasons() {
	awk '/^\t\/\* .* \*\/\t/ { sub(/^\t\/\* /, ""); sub(/ \*\/.*/, ""); why = $0 }
		match($0, /^\t(R|last)\([A-Z_]+, [0-9]+\)/) {
			gsub(/^\t[A-Za-z]+\(|\).*/, ""); split($0, of, ", "); print of[2], of[1], why
		}' "$top/include/linux/setns.h" >"$work/reasons.header"
	awk '/^number name/ { at = index($0, "the call") }
		/^[0-9]+ *``/ { why = substr($0, at); gsub("`", "", $2); print $1, $2, why }' \
		"$top/Documentation/trace/events-setns.rst" >"$work/reasons.table"
	[ -s "$work/reasons.header" ]
	diff "$work/reasons.header" "$work/reasons.table"
}

# our_helpers: lists the files in rust/helpers/ that the series adds
our_helpers() {
	(cd "$top" && find rust/helpers -name '*.c' | sort)
}

# our_lines: lists the lines of kernel/nsproxy.c that the series adds or changes, as FILE:LINE:
our_lines() {
	diff --old-line-format= --unchanged-line-format= --new-line-format='kernel/nsproxy.c:%dn:
' "${KDIR:-$tree/pristine}/kernel/nsproxy.c" "$src/kernel/nsproxy.c" || [ $? -eq 1 ]
}

# Debian's sparse does not know __typeof_unqual__. make would print a warning and go on without
# sparse. So sparse is told to treat it as typeof, and each file must have its CHECK line.
#
# sparse cannot compute the length of a string in an assertion, as MODULE_*() needs. After that
# error it reports nothing more in the file. So assertions are defined away.
#
# sparse skips inline functions that nobody calls. The helpers are inline, except for bindgen. So
# __BINDGEN__ is defined. sparse would then ask for a declaration of each helper, so -Wno-decl
# turns that off. The compiler asks for the declarations of all other functions.
check_sparse() {
	local object objects='kernel/nsproxy kernel/setns_trace kernel/rust_setns/dispatch kernel/rust_setns/switch kernel/rust_setns/proc_ns_glue rust/helpers/helpers'
	local flags="-D__typeof_unqual__=typeof -D__BINDGEN__ '-D_Static_assert(...)=' -Wno-decl"
	# make runs sparse only on a file that it compiles
	rm -f "$out/rust/helpers/helpers.o"
	# shellcheck disable=SC2046,SC2086
	kmake C=2 CF="$flags" $(printf '%s.o ' $objects) 2>&1 | tee "$work/sparse"
	for object in $objects; do
		grep -qx "  CHECK   $object.c" "$work/sparse"
	done
	our_lines >"$work/ours"
	sed -n "s,^$src/,,p" "$work/sparse" | grep -E ': (error|warning): ' >"$work/findings" || true
	! grep -E "^(kernel/rust_setns/|kernel/setns_trace.c:|($(our_helpers | paste -sd '|')):)" "$work/findings" &&
		! grep -Ff "$work/ours" "$work/findings"
}

# This check runs coccinelle's rules in report mode on our files and on nsproxy.c. It leaves out
# the rules that need an OCaml compiler. In nsproxy.c only findings in our lines count. The file
# bug.c has a bug on purpose: if that is not found, the rules did not run.
check_coccinelle() {
	local files
	cd "$src" || return
	mapfile -t files < <(our_helpers)
	files+=(kernel/nsproxy.c kernel/setns_trace.c kernel/rust_setns/*.[ch] "$work/bug.c")
	echo 'static void bug(char *p) { if (p) kfree(p); }' >"$work/bug.c"
	# shellcheck disable=SC2016 # the inner shell expands it
	grep -rlE 'virtual[[:space:]]+report' scripts/coccinelle | xargs grep -L 'script:ocaml' |
		xargs -P "$(nproc)" -I{} bash -c 'spatch -D report --no-show-diff --very-quiet --cocci-file {} \
			$(sed -n "s,^// *Options:,,p" {}) "$@"' -- "${files[@]}" >"$work/findings"
	our_lines >"$work/ours"
	grep -qF "$work/bug.c:1:" "$work/findings"
	! grep -vF -e "$work/bug.c:" -e kernel/nsproxy.c: "$work/findings" &&
		! grep -Ff "$work/ours" "$work/findings"
}

# The samples are a cargo workspace of their own. cargo would prefer subcommands of rustup to
# those of Debian's compiler, so this names them.
check_samples() {
	export RUSTC=/usr/bin/rustc CARGO_TARGET_DIR=$cache/samples
	cd "$top/samples" || return
	/usr/bin/cargo-fmt --check
	shellcheck -x ./*/test.sh ./lib.sh
	copy_samples
	cd "$cache/samples-source" || return
	/usr/bin/cargo-clippy clippy --locked --all-targets -- -D warnings
	cargo test --locked -q
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps -q
}
