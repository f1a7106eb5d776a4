# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# The check of scripts/check that compares the figures in README.md with the lists and constants
# that they come from. scripts/test compares those that only a run knows.

# figure ROW NUMBER...: the row of the table that contains ROW has these numbers, in this order
figure() {
	local row numbers
	row=$(grep -F "$1" "$top/README.md" | grep '^|') || {
		echo "README.md has no row with '$1'"
		return 1
	}
	numbers=$(printf '%s\n' "$row" | cut -d '|' -f 3 | tr -d ', ' | tr ';' ' ')
	[ "$numbers" = "${*:2}" ] || {
		echo "README.md has '$numbers' and should have '${*:2}' in the row: $row"
		return 1
	}
}

# count_suites PATTERN
count_suites() {
	grep '^[a-z_/]*:' "$scripts/lists/suites" | grep -cE "$@"
}

# count_refusals REACH: a pattern
count_refusals() {
	awk -F'\t' -v reach="^($1)\$" '!/^#/ && NF > 3 && $2 != "-" && $3 ~ reach' "$scripts/lists/refusals" | wc -l
}

# ratios COLUMN ROW...: what make bench has on record for these rows, divided by that for C in a
# kernel without the series. Set "arch" for another architecture than x86_64.
ratios() {
	awk -F, -v column="$1" -v rows="${*:2}" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
		{ ratio[$1] = sprintf("%.2f", $at[column] / $at["c_alone"]) }
		END { n = split(rows, name, " "); for (i = 1; i <= n; i++) print ratio[name[i]] }' \
		"$scripts/lists/bench-${arch:-x86_64}.csv"
}

# check_ratios PATTERN COLUMN ROW...: the row of the README has these ratios
check_ratios() {
	local found
	mapfile -t found < <(ratios "${@:2}")
	figure "$1" "${found[@]}"
}

check_figures() {
	local sets
	figure "programs that call setns(2)" "$(count_suites -v '^(setns|trace_setns|samples):')" "$(count_suites '^(setns|trace_setns):')" \
		"$(count_suites '^samples:')"
	figure "calls on the host" "$host_calls"
	figure "the compiler must refuse" "$(find "$scripts/lists/must-not-compile" -name '*.patch' | wc -l)"
	figure "can refuse a call" "$(count_refusals '.*')" "$(count_refusals yes)"
	figure "instructions are counted" "$(tail -n +2 "$scripts/lists/bench-x86_64.csv" | wc -l)"
	figure "random calls" "$(sed -n 's/^\tcalls=\([0-9]*\) .*/\1/p' "$scripts/fuzz")"
	sets=$(sed -n 's/^SETS = {\(.*\), CREATE.*/\1/p' "$scripts/py/faults/checks.py" | grep -oE '[0-9]+' | paste -sd+)
	figure "allocation of the call fails once" "$((sets))"
	figure "faults put into the series" "$(find "$scripts/lists/mutations" -name '*.patch' | wc -l)"
	check_ratios "join uts; ipc" rust uts ipc pid cgroup net
	check_ratios "join mnt; time; user" rust mnt time user
	check_ratios "by one pidfd" rust pidfd_one pidfd_three pidfd_six pidfd_all
	check_ratios "refused: no capability" rust refused_private bad_fd other_type not_a_namespace
	arch=arm64 check_ratios "the same four on arm64" rust refused_private bad_fd other_type not_a_namespace
	check_ratios "C with an experimental patch" c_in_place net
}
