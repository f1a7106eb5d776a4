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

check_figures() {
	local sets
	figure "programs that call setns(2)" "$(count_suites -v '^(setns|trace_setns|samples):')" "$(count_suites '^(setns|trace_setns):')" \
		"$(count_suites '^samples:')"
	figure "calls on the host" "$host_calls"
	figure "the compiler must refuse" "$(find "$scripts/lists/must-not-compile" -name '*.patch' | wc -l)"
	figure "can refuse a call" "$(count_refusals '.*')" "$(count_refusals yes)"
	figure "random calls" "$(sed -n 's/^\tcalls=\([0-9]*\) .*/\1/p' "$scripts/fuzz")"
	sets=$(sed -n 's/^SETS = {"nsfd": \([0-9]*\), "pidfd": \([0-9]*\),.*/\1 + \2/p' "$scripts/py/faults/checks.py")
	figure "allocation of the call fails once" "$((sets))"
	figure "faults put into the series" "$(find "$scripts/lists/mutations" -name '*.patch' | wc -l)"
}
