#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests nsjoin.

. ./lib.sh

# expected LIST OWN... OTHER...: prints the lines that nsjoin must print if it enters these types
expected() {
	list=$1
	shift
	for type in $types; do
		case ,$list, in
		*,$type,*) printf '%-6s %s -> %s\n' "$type" "$1" "$9" ;;
		*) printf '%-6s %s unchanged\n' "$type" "$1" ;;
		esac
		shift
	done
}

# enters LIST CMD...: succeeds if nsjoin reports that exactly these types changed
enters() {
	list=$1
	shift
	# shellcheck disable=SC2046,SC2086 # eight words each
	prints "$(expected "$list" $own $(identities "$pid"))" "$@"
}

all=$(echo "$types" | tr ' ' ,)

# test_types HOW OPTION...
test_types() {
	how=$1
	shift
	check "$how: all that differ" enters "$all" ./nsjoin "$pid" "$@"
	check "$how: all by name" enters "$all" ./nsjoin "$pid" "$all" "$@"
	check "$how: two" enters uts,net ./nsjoin "$pid" net,uts "$@"
	for type in $types; do
		check "$how: $type" enters "$type" ./nsjoin "$pid" "$type" "$@"
	done
}

# The command prints its own view of each type, after the lines of nsjoin
runs_inside() {
	# shellcheck disable=SC2016,SC2086 # the inner shell expands it, and types is a list
	run ./nsjoin "$pid" "$@" -- \
		sh -c 'cd /proc/self/ns && exec stat -L -c %i "$@"' sh $types
	[ "$rc" = 0 ] && [ "$(echo "$out" | tail -n 8)" = "$(identities "$pid")" ]
}

returns() {
	status=$1
	shift
	run ./nsjoin "$pid" uts -- "$@"
	[ "$rc" = "$status" ]
}

runs_nothing() {
	run ./nsjoin $$ user -- touch "$dir/ran"
	[ "$rc" = 2 ] && ! [ -e "$dir/ran" ]
}

own=$(identities self)
usage="usage: nsjoin PID [TYPE[,TYPE...]] [--one-by-one] [-- CMD ARGS...]"

ktap_print_header
ktap_set_plan 51

full="--user --map-root-user --mount --uts --ipc --pid --fork --cgroup --net --time"
# shellcheck disable=SC2086 # full is a list
container unshare $full
test_types "at once"
test_types "one by one" --one-by-one
check "at once: a command runs inside" runs_inside
check "one by one: a command runs inside" runs_inside --one-by-one
check "the exit status is that of the command" returns 7 sh -c 'exit 7'
# shellcheck disable=SC2016 # the inner shell expands it
check "a signal is 128 and its number" returns 137 sh -c 'kill -9 $$'

check "unprivileged: read" refuses "cannot read the namespaces of process $pid: $privilege" \
	nobody ./nsjoin "$pid"
check "unprivileged: at once" refuses "cannot enter uts of process $pid: $privilege" \
	nobody ./nsjoin "$pid" uts
check "unprivileged: one by one" refuses "cannot open the uts namespace: $privilege" \
	nobody ./nsjoin "$pid" uts --one-by-one
already="this process may already be in that user namespace, leave out 'user'"
for how in "" --one-by-one; do
	check "own user namespace ${how:-at once}" \
		refuses "cannot enter user of process $$: $already" ./nsjoin $$ user $how
	list=user
	[ -n "$how" ] || list=user,uts
	check "own user namespace and another ${how:-at once}" \
		refuses "cannot enter $list of process $$: $already" ./nsjoin $$ user,uts $how
done
check "pid namespace that is not below" refuses "cannot enter pid of process $pid: \
that pid namespace is not a descendant of this process's own, leave out 'pid'" \
	unshare --pid --fork ./nsjoin "$pid" pid --one-by-one
check "a refused call runs no command" runs_nothing

end_process
check "process that has ended" refuses \
	"there is no process $pid, give the ID of a running one" ./nsjoin "$pid" uts
names="use one of: user, mnt, uts, ipc, pid, cgroup, net, time"
check "unknown type" refuses "there is no namespace type 'x', $names" ./nsjoin $$ uts,x
check "empty list of types" refuses "there is no namespace type '', $names" ./nsjoin $$ ""
check "answers --help and -h" helps "$usage"
check "no arguments" refuses "$usage" ./nsjoin
check "two lists of types" refuses "$usage" ./nsjoin $$ uts net
check "unknown option" refuses "$usage" ./nsjoin $$ --all
check "no command" refuses "$usage" ./nsjoin $$ --
for word in x 0 -1 99999999999; do
	check "process ID $word" refuses \
		"'$word' is not a process ID, give the number of a running process" ./nsjoin "$word"
done

# Root may enter this network namespace only before root enters the user namespace
container unshare --net unshare --user --map-root-user --uts
mixed=user,uts,net
check "namespaces of two owners: at once" enters "$mixed" ./nsjoin "$pid" "$mixed"
check "namespaces of two owners: one by one" enters "$mixed" ./nsjoin "$pid" "$mixed" --one-by-one

# shellcheck disable=SC2086 # full is a list
container user unshare $full
check "owner of the user namespace: at once" enters "$all" user ./nsjoin "$pid"
check "owner of the user namespace: one by one" enters "$all" user ./nsjoin "$pid" --one-by-one

ktap_finished
