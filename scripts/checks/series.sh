# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# These checks of scripts/check look at the patch series.

# The series is for the release, so the module must not need an export that only the distribution
# has. The files that the distribution has patched are newer than COPYING. All exports in these
# files count as the distribution's, except two that the release has as well.
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

# A patch must not use a line that the distribution added as context. The distribution has changed
# three of the files that the series changes, and these are newer than the rest. One has an added
# export, one has lines that make a sysctl stricter, and kernel-parameters.txt describes parameters
# that only the distribution has. All patches must also apply to the files without these lines.
check_vanilla() {
	local patch
	(cd "$tree/pristine" && find . -type f -newer "$src/COPYING" | sort | xargs) |
		grep -x './Documentation/admin-guide/kernel-parameters.txt ./ipc/namespace.c ./kernel/events/core.c'
	rm -rf "$work/vanilla" && cp -a "$tree/pristine" "$work/vanilla"
	sed -i '/^EXPORT_SYMBOL_GPL(put_ipc_ns);/d' "$work/vanilla/ipc/namespace.c"
	sed -i '/paranoid/,+2d' "$work/vanilla/kernel/events/core.c"
	source_patches | while read -r patch; do
		their_diff "$patch" >"$work/diff"
		! grep -q '^+++ b/' "$work/diff" || patch -s -f -p1 --fuzz=0 -d "$work/vanilla" <"$work/diff"
	done
}

check_series() {
	"$scripts/series"
	# A copy that was unpacked from an archive has no history to compare with
	! [ -e "$top/.git" ] || git -C "$top" diff --check 4b825dc642cb6eb9a060e54bf8d69288fbee4904 -- \
		rust_setns rust selftests scripts host_test ':!scripts/lists/mutations' ':!scripts/lists/must-not-compile'
}

# Three types of message are ignored. The submitter adds the sign-offs. checkpatch.pl cannot look up
# the commits that the messages name, because the kernel's history is not here. It asks of each patch
# with a new file whether MAINTAINERS must change; check_entries answers that.
check_patches() {
	local patches
	mapfile -t patches < <(series_patches)
	(cd "$work" && "$src/scripts/checkpatch.pl" --no-tree --strict \
		--ignore MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID,FILE_PATH_CHANGES "${patches[@]}")
	check_entries "${patches[@]}"
}

# check_entries PATCH...: each new file must have an F: line in MAINTAINERS, which its patch or an
# earlier one adds. The release has one for rust/.
check_entries() {
	local patch file entry entries=(rust/)
	for patch; do
		mapfile -t -O ${#entries[@]} entries < <(sed -n 's/^+F:\t//p' "$patch")
		while read -r file; do
			for entry in "${entries[@]}"; do
				[[ $file != "$entry" && ($entry != */ || $file != "$entry"*) ]] || continue 2
			done
			echo "${patch##*/} adds $file, and MAINTAINERS has no F: line for it."
			return 1
		done < <(sed -n '/^new file mode/,/^+++ /s,^+++ b/,,p' "$patch")
	done
}

# git send-email must take each message of the series as it is. It sends nothing here, but says "OK"
# for each message that it would send. If an encoding is not declared, it asks for one; without a
# terminal it assumes an answer.
check_mail() {
	local name files
	for name in $(series_names); do
		files=("$build/series/$name"/*.patch)
		GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git -C "$work" \
			-c user.name='A Submitter' -c user.email=submitter@example.org send-email --dry-run \
			--confirm=never --from='A Submitter <submitter@example.org>' --to=list@example.org \
			--suppress-cc=all --smtp-server=/bin/true "${files[@]}" </dev/null 2>&1 | tee "$work/mail"
		if grep -q 'do not declare a Content-Transfer-Encoding' "$work/mail"; then
			echo "A message is not ASCII, and does not declare its encoding."
			return 1
		fi
		[ "$(grep -cx 'Result: OK' "$work/mail")" -eq ${#files[@]} ]
	done
}

# Each patch must compile without the later ones. The kernel's build is the check for the kernel
# (scripts/check-bisect). Here the selftests are compiled after each patch that changes them.
check_selftests_alone() {
	local patch file folder=tools/testing/selftests/setns programs
	rm -rf "$work/alone" && mkdir -p "$work/alone"
	cd "$work/alone" || return
	while read -r patch; do
		awk -v folder="a/$folder/" '/^diff --git / { its = index($3, folder) == 1 } its' "$patch" >"$work/diff"
		[ -s "$work/diff" ] || continue
		patch -s -f -p1 --fuzz=0 <"$work/diff"
		# The lists must name what is there
		diff <(cd "$folder" && printf '%s\n' *_test.c *.h | sed 's/\.c$//') \
			<(sed -n 's/^\(TEST_GEN_PROGS\|LOCAL_HDRS\) += //p' "$folder/Makefile")
		diff <(cd "$folder" && printf '%s\n' *_test.c | sed 's/\.c$//') <(sed 1d "$folder/.gitignore")
		programs=$(sed -n 's,^+++ b/\(.*_test\.c\)$,\1,p' "$work/diff")
		# A header that was there before may be part of each program
		! grep -q '^--- a/.*\.h$' "$work/diff" || programs=$(echo $folder/*_test.c)
		for file in $programs; do
			gcc -fsyntax-only -Wall -Werror -O2 -D_GNU_SOURCE= -isystem "$out/usr/include" \
				-isystem "$src/tools/include/uapi" -I "$src/tools/testing/selftests" "$file"
		done
		echo "compiled after ${patch##*/}: $programs"
	done < <(series_patches)
}

# disassemble NSPROXY.C: compiles the file as a kernel without the Rust core would, and prints its
# instructions
disassemble() {
	printf '#undef CONFIG_RUST_SETNS\n#include "%s"\n' "$1" >"$work/nsproxy.c"
	compile kernel/nsproxy.o "$work/nsproxy.c" "$work/nsproxy.o"
	llvm-objdump -dr --no-show-raw-insn "$work/nsproxy.o" | sed 1,3d
}

# Both files have the fix of the leak, so that only the other patches can make a difference
check_costs_nothing() {
	patch -s -f -p1 -o "$work/fixed.c" "${KDIR:-$tree/pristine}/kernel/nsproxy.c" \
		<"$top/patches/fixes/0001-nsproxy-fix-leak.patch"
	disassemble "$work/fixed.c" >"$work/nsproxy.without"
	disassemble "$src/kernel/nsproxy.c" >"$work/nsproxy.with"
	grep -q '__do_sys_setns\|__x64_sys_setns\|__arm64_sys_setns' "$work/nsproxy.with"
	diff "$work/nsproxy.without" "$work/nsproxy.with"
}
