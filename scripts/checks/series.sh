# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# The checks of scripts/check that look at the patch series.

# The series must hold on the release, too: the module must not need an export that
# only the distribution has. What that has patched is newer than the rest; there, two
# of the exports are the release's own.
check_exports() {
	llvm-nm -u --format=just-symbols "$work/clippy/rust_setns.ko" | sort -u >"$work/needed"
	[ -s "$work/needed" ]
	(cd "$tree/pristine" && find . -type f -newer "$src/COPYING" -exec cat {} +) >"$work/patched.c"
	(cd "$src" && find . -name '*.c' -newer COPYING | sed 's,^\.,,' | grep -vxFf "$tree/overlay" | sed 's,^/,,' |
		xargs -r cat) >>"$work/patched.c"
	sed -n 's/^EXPORT_SYMBOL[A-Z_]*(\([a-zA-Z0-9_]*\).*/\1/p' "$work/patched.c" | sort -u |
		grep -vxF -e __put_user_ns -e fdget >"$work/patched"
	! comm -12 "$work/needed" "$work/patched" | grep .
}

# A patch must not use a line of the distribution's as context. The distribution has changed two
# of the files, which are newer than the rest: an export in one, and in the other the lines that
# make a sysctl stricter. Without these, all must apply as well.
check_vanilla() {
	local patch
	(cd "$tree/pristine" && find . -type f -newer "$src/COPYING" | sort | xargs) |
		grep -x './ipc/namespace.c ./kernel/events/core.c'
	rm -rf "$work/vanilla" && cp -a "$tree/pristine" "$work/vanilla"
	sed -i '/^EXPORT_SYMBOL_GPL(put_ipc_ns);/d' "$work/vanilla/ipc/namespace.c"
	sed -i '/paranoid/,+2d' "$work/vanilla/kernel/events/core.c"
	for patch in "$top"/patches/*.patch; do
		! grep -q '^--- a/' "$patch" || patch -s -f -p1 --fuzz=0 -d "$work/vanilla" <"$patch"
	done
}

check_series() {
	"$scripts/series"
	# Not in what was unpacked from an archive
	! [ -e "$top/.git" ] || git -C "$top" diff --check 4b825dc642cb6eb9a060e54bf8d69288fbee4904 -- \
		rust_setns rust selftests scripts host_test ':!scripts/lists/mutations' ':!scripts/lists/must-not-compile'
}

# Two types are filtered: whoever submits the series signs it, and there is no history
# of the kernel here to find in it the commit that the fix is for
check_patches() {
	local patches
	mapfile -t patches < <(series_patches)
	(cd "$work" && "$src/scripts/checkpatch.pl" --no-tree --strict --ignore MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID \
		"${patches[@]}")
}

# disassemble NSPROXY.C: as a kernel without the Rust core compiles it, with the
# command that the build has recorded
disassemble() {
	local command
	printf '#undef CONFIG_RUST_SETNS\n#undef CONFIG_RUST_SETNS_MODULE\n#include "%s"\n' "$1" >"$work/nsproxy.c"
	command=$(sed -n '1s/^savedcmd_[^ ]* := \(.*\) -c -o .*/\1/p' "$out/kernel/.nsproxy.o.cmd")
	[ -n "$command" ] || die "the build of kernel/nsproxy.c has recorded no command."
	(cd "$out" && bash -c "$command -I'$src/kernel' -c -o '$work/nsproxy.o' '$work/nsproxy.c'")
	llvm-objdump -dr --no-show-raw-insn "$work/nsproxy.o" | sed 1,3d
}

# The fix at the head of the series is in both
check_costs_nothing() {
	patch -s -f -p1 -o "$work/fixed.c" "${KDIR:-$tree/pristine}/kernel/nsproxy.c" \
		<"$top/patches/0001-nsproxy-fix-leak.patch"
	disassemble "$work/fixed.c" >"$work/nsproxy.without"
	disassemble "$src/kernel/nsproxy.c" >"$work/nsproxy.with"
	grep -q '__do_sys_setns\|__x64_sys_setns\|__arm64_sys_setns' "$work/nsproxy.with"
	diff "$work/nsproxy.without" "$work/nsproxy.with"
}
