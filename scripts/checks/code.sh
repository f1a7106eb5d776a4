# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# The checks of scripts/check that look at the code itself, as it is in the kernel tree.

check_rustfmt() {
	local files
	mapfile -t files < <(crate_files | grep -vxF rust/kernel/lib.rs)
	(cd "$src" && rustfmt --check --edition 2021 --config-path "$src/.rustfmt.toml" \
		"${files[@]}" kernel/rust_setns/*.rs)
}

# The core as a module outside the tree, so that the kernel crate is not built again
check_clippy() {
	rm -rf "$work/clippy" && mkdir -p "$work/clippy"
	kmake M="$src/kernel/rust_setns" MO="$work/clippy" CLIPPY=1 CONFIG_RUST_SETNS=m \
		CONFIG_RUST_SETNS_DISPATCH= W=e modules 2>&1 | tee "$work/clippy.log"
	with_crate_flags "clippy-driver --emit=metadata --out-dir '$work/clippy'" 2>&1 | tee -a "$work/clippy.log"
	! grep -E '^(warning|error)' "$work/clippy.log"
}

# recorded OBJECT PATTERN: the flags in the build's command for OBJECT, which PATTERN follows
recorded() {
	local flags
	flags=$(sed -n "1s/.* rustc \(.*\) $2 .*/\1/p" "$out/$1" | sed 's/--remap-path-scope=[a-z]*//')
	[ -n "$flags" ] || die "the build has recorded no command for $1."
	printf '%s\n' "$flags"
}

# The flags with which the build has compiled the core
core_flags() {
	recorded kernel/rust_setns/.rust_setns_main.o.cmd '--crate-type rlib'
}

# with_crate_flags COMMAND: runs it on the kernel crate as the build has compiled that
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
	"$src/scripts/kernel-doc" -none -Wall -Werror "$src"/kernel/rust_setns/*.[ch]
}

# our_helpers: the files in rust/helpers/ that the series adds
our_helpers() {
	(cd "$top" && find rust/helpers -name '*.c' | sort)
}

# our_lines: of kernel/nsproxy.c, each as FILE:LINE:
our_lines() {
	diff --old-line-format= --unchanged-line-format= --new-line-format='kernel/nsproxy.c:%dn:
' "${KDIR:-$tree/pristine}/kernel/nsproxy.c" "$src/kernel/nsproxy.c" || [ $? -eq 1 ]
}

# Debian's sparse is older than __typeof_unqual__, and the kernel would leave it out without a
# word, so its word is asked for. It cannot count the letters of a string, as MODULE_*() does
# in an assertion, and says no more of a file with such an error: without assertions there is
# none. Nor has it anything to say of functions that are inline and not called, as the helpers
# are but for bindgen. That these have no declaration it would say of each; of others, the
# compiler does.
check_sparse() {
	local object objects='kernel/nsproxy kernel/rust_setns/dispatch kernel/rust_setns/proc_ns_glue rust/helpers/helpers'
	local flags="-D__typeof_unqual__=typeof -D__BINDGEN__ '-D_Static_assert(...)=' -Wno-decl"
	# sparse looks at a file only if it is compiled
	rm -f "$out/rust/helpers/helpers.o"
	# shellcheck disable=SC2046,SC2086
	kmake C=2 CF="$flags" $(printf '%s.o ' $objects) 2>&1 | tee "$work/sparse"
	for object in $objects; do
		grep -qx "  CHECK   $object.c" "$work/sparse"
	done
	our_lines >"$work/ours"
	sed -n "s,^$src/,,p" "$work/sparse" | grep -E ': (error|warning): ' >"$work/findings" || true
	! grep -E "^(kernel/rust_setns/|($(our_helpers | paste -sd '|')):)" "$work/findings" &&
		! grep -Ff "$work/ours" "$work/findings"
}

# coccicheck MODE=report on our files and on our lines of nsproxy.c, without the rules that
# need an OCaml compiler. One file has a bug on purpose, to tell silence from none.
check_coccinelle() {
	local files
	cd "$src" || return
	mapfile -t files < <(our_helpers)
	files+=(kernel/nsproxy.c kernel/rust_setns/*.[ch] "$work/bug.c")
	echo 'static void bug(char *p) { if (p) kfree(p); }' >"$work/bug.c"
	# shellcheck disable=SC2016 # it is for the inner shell to expand
	grep -rlE 'virtual[[:space:]]+report' scripts/coccinelle | xargs grep -L 'script:ocaml' |
		xargs -P "$(nproc)" -I{} bash -c 'spatch -D report --no-show-diff --very-quiet --cocci-file {} \
			$(sed -n "s,^// *Options:,,p" {}) "$@"' -- "${files[@]}" >"$work/findings"
	our_lines >"$work/ours"
	grep -qF "$work/bug.c:1:" "$work/findings"
	! grep -vF -e "$work/bug.c:" -e kernel/nsproxy.c: "$work/findings" &&
		! grep -Ff "$work/ours" "$work/findings"
}
