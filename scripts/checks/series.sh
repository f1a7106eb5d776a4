# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# These checks of scripts/check look at the patch series.

# The series is for the release, so the module must not need an export that only the distribution
# has. The files that the distribution has patched are newer than COPYING. All exports in these
# files count as the distribution's, except three that the release has as well.
check_exports() {
	llvm-nm -u --format=just-symbols "$work/clippy/rust_setns.ko" | sort -u >"$work/needed"
	[ -s "$work/needed" ]
	(cd "$tree/pristine" && find . -type f -newer "$src/COPYING" -exec cat {} +) >"$work/patched.c"
	(cd "$src" && find . -name '*.c' -newer COPYING | sed 's,^\.,,' | grep -vxFf "$tree/overlay" | sed 's,^/,,' |
		xargs -r cat) >>"$work/patched.c"
	sed -n 's/^EXPORT_SYMBOL[A-Z_]*(\([a-zA-Z0-9_]*\).*/\1/p' "$work/patched.c" | sort -u |
		grep -vxF -e __put_user_ns -e fdget -e path_put >"$work/patched"
	! comm -12 "$work/needed" "$work/patched" | grep .
}

# A patch must not use a line that the distribution added as context. The distribution has changed
# four of the files that the series changes, and these are newer than the rest. One has an added
# export, two have lines of a stricter sysctl, and kernel-parameters.txt describes parameters that
# only the distribution has. All patches must also apply to the files without these lines.
check_vanilla() {
	local patch
	(cd "$tree/pristine" && find . -type f -newer "$src/COPYING" | sort | xargs) |
		grep -x './Documentation/admin-guide/kernel-parameters.txt ./ipc/namespace.c ./kernel/events/core.c ./kernel/user_namespace.c'
	rm -rf "$work/vanilla" && cp -a "$tree/pristine" "$work/vanilla"
	sed -i '/^EXPORT_SYMBOL_GPL(put_ipc_ns);/d' "$work/vanilla/ipc/namespace.c"
	sed -i '/paranoid/,+2d' "$work/vanilla/kernel/events/core.c"
	sed -i '/^\/\* sysctl \*\/$/,+2d' "$work/vanilla/kernel/user_namespace.c"
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
# with a new file whether MAINTAINERS must change; check_entries answers that. It also does not know
# the form of trace events and of lists that are macros, so the headers of the events are checked for
# the other types of message only.
check_patches() {
	local patches macros=COMPLEX_MACRO,MACRO_ARG_REUSE,MACRO_ARG_UNUSED,TRAILING_SEMICOLON
	local ignored=MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID,FILE_PATH_CHANGES checkpatch
	checkpatch=("$src/scripts/checkpatch.pl" --no-tree --strict --ignore)
	macros+=,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT,LINE_SPACING
	mapfile -t patches < <(series_patches)
	cd "$work" || return
	grep -L '^+++ b/include/trace/' "${patches[@]}" | xargs -d '\n' "${checkpatch[@]}" "$ignored"
	grep -l '^+++ b/include/trace/' "${patches[@]}" | xargs -d '\n' "${checkpatch[@]}" "$ignored,$macros"
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
	local patch file folder=tools/testing/selftests/setns programs count=0
	rm -rf "$work/alone" && mkdir -p "$work/alone"
	cd "$work/alone" || return
	while read -r patch; do
		awk -v folder="a/$folder/" '/^diff --git / { its = index($3, folder) == 1 } its' "$patch" >"$work/diff"
		[ -s "$work/diff" ] || continue
		patch -s -f -p1 --fuzz=0 <"$work/diff"
		# The lists must name what is there
		diff <(cd "$folder" && printf '%s\n' *_test.c *.h | sed 's/\.c$//') \
			<(sed -n 's/^\(TEST_GEN_PROGS\|LOCAL_HDRS\) += //p' "$folder/Makefile")
		diff <(cd "$folder" && printf '%s\n' *.c | sed 's/\.c$//') <(sed 1d "$folder/.gitignore")
		programs=$(sed -n 's,^+++ b/\(.*_test\.c\)$,\1,p' "$work/diff")
		# A header that was there before may be part of each program
		! grep -q '^--- a/.*\.h$' "$work/diff" || programs=$(echo $folder/*_test.c)
		for file in $programs; do
			gcc -fsyntax-only -Wall -Werror -O2 -D_GNU_SOURCE= -isystem "$out/usr/include" \
				-isystem "$src/tools/include/uapi" -I "$src/tools/testing/selftests" "$file"
		done
		echo "compiled after ${patch##*/}: $programs"
		count=$((count + 1))
	done < <(series_patches)
	[ "$count" -gt 0 ]
}

# The patch of perf is no part of a series. It must apply to the release, pass checkpatch.pl, and
# compile. Perf itself is not built.
check_perf_patch() {
	local patch=$top/bench/perf-bench-setns.patch file include machine
	machine=$(uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
	rm -rf "$work/perf" && mkdir -p "$work/perf"
	cd "$work/perf" || return
	grep -q '^+++ b/.*\.c$' "$patch"
	# No series changes these files, so they are those of the release
	sed -n 's,^--- a/,,p' "$patch" | while read -r file; do
		mkdir -p "${file%/*}"
		cp "$src/$file" "$file"
	done
	patch -s -f -p1 --fuzz=0 <"$patch"
	"$src/scripts/checkpatch.pl" --no-tree --strict --ignore MISSING_SIGN_OFF "$patch"
	# The folders are those of tools/perf/Makefile.config. The other headers are not copied.
	include=(-iquote "$src/tools/perf/bench")
	for file in lib/perf/include perf/util/include "perf/arch/$machine/include" include \
		"arch/$machine/include/uapi" include/uapi "arch/$machine/include" perf/util perf lib; do
		include+=(-I "$src/tools/$file")
	done
	sed -n 's,^+++ b/\(.*\.c\)$,\1,p' "$patch" | while read -r file; do
		gcc -fsyntax-only -Wall -Wextra -Wno-type-limits -Werror -O2 -std=gnu11 -D_GNU_SOURCE \
			-DHAVE_SETNS_SUPPORT -DHAVE_PTHREAD_ATTR_SETAFFINITY_NP "${include[@]}" "$file"
		echo "==> compiled: $file"
	done
}

# disassemble OBJECT SOURCE OPTION...: compiles the file as a kernel without these options would,
# and prints its instructions
disassemble() {
	local object=$1 source=$2
	shift 2
	{
		printf '#undef CONFIG_%s\n' "$@"
		printf '#include "%s"\n' "$source"
	} >"$work/without.c"
	compile "$object" "$work/without.c" "$work/without.o"
	# The name of the file is one of the strings, so their places differ
	llvm-objdump -dr --no-show-raw-insn "$work/without.o" | sed '1,3d; s/\(\.rodata\.str[0-9.]*\)+0x[0-9a-f]*/\1/'
}

# The patch of the core that is for C alone, and changes instructions of C
cleanup=core/0001-nsproxy-rules.patch

# release_with WHAT... FILE: prints a file of the release with the patches of these series, or with
# single patches
release_with() {
	local file=${*: -1} name patch
	cp "${KDIR:-$tree/pristine}/$file" "$work/release.c"
	for name in "${@:1:$#-1}"; do
		{
			if [ -d "$top/patches/$name" ]; then
				sed -n "s,^\([0-9][^ ]*\).*,$top/patches/$name/\1,p" "$top/patches/$name/series"
			else
				echo "$top/patches/$name"
			fi
		} | while read -r patch; do
			awk -v file="a/$file" '/^diff --git / { its = $3 == file } its' "$patch" >"$work/diff"
			[ ! -s "$work/diff" ] || patch -s -f -p1 --fuzz=0 "$work/release.c" <"$work/diff"
		done
	done
	cat "$work/release.c"
}

# Without RUST_SETNS, only the first patch of the core may change an instruction of kernel/nsproxy.o
check_costs_nothing() {
	release_with fixes trace "$cleanup" kernel/nsproxy.c >"$work/earlier.c"
	disassemble kernel/nsproxy.o "$work/earlier.c" RUST_SETNS >"$work/nsproxy.without"
	disassemble kernel/nsproxy.o "$src/kernel/nsproxy.c" RUST_SETNS >"$work/nsproxy.with"
	grep -q '__do_sys_setns\|__x64_sys_setns\|__arm64_sys_setns' "$work/nsproxy.with"
	diff "$work/nsproxy.without" "$work/nsproxy.with"
}

# Without TRACEPOINTS, the events must change no instruction of the files that name a reason
check_trace_costs_nothing() {
	local file
	sed -n 's,^+++ b/\(.*\.c\)$,\1,p' "$top"/patches/trace/*.patch | sort -u | while read -r file; do
		release_with fixes "$file" >"$work/earlier.c"
		release_with fixes trace "$file" >"$work/later.c"
		disassemble "${file%.c}.o" "$work/earlier.c" RUST_SETNS TRACEPOINTS >"$work/trace.without"
		disassemble "${file%.c}.o" "$work/later.c" RUST_SETNS TRACEPOINTS >"$work/trace.with"
		echo "==> $file"
		diff "$work/trace.without" "$work/trace.with" || return
	done
}
