#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests exec-in.

. ./lib.sh

returns() {
	status=$1
	shift
	run ./exec-in "$pid" "$@"
	[ "$rc" = "$status" ]
}

# test_inside NAME AS...: tests a command in the container. AS runs exec-in as some user.
test_inside() {
	who=$1
	shift
	# shellcheck disable=SC2016,SC2086 # the inner shell expands it, and types is a list
	check "$who: all namespaces" prints "$(identities "$pid")" "$@" ./exec-in "$pid" \
		sh -c 'cd /proc/self/ns && exec stat -L -c %i "$@"' sh $types
	check "$who: user 0" prints 0 "$@" ./exec-in "$pid" id -u
	check "$who: group 0" prints 0 "$@" ./exec-in "$pid" id -g
	check "$who: privileged inside" prints moved "$@" ./exec-in "$pid" \
		sh -c 'hostname moved && exec uname -n'
}

ktap_print_header
ktap_set_plan 26

full="--user --map-root-user --mount --uts --ipc --pid --fork --cgroup --net --time"
host=$(uname -n)
usage="usage: exec-in PID CMD [ARGS...]"
# shellcheck disable=SC2086 # full is a list
{
	container unshare $full
	test_inside "root" env
	container user unshare $full
	test_inside "owner" user
}
# shellcheck disable=SC2016 # the inner shell expands it
check "owner: reads as the owner outside" prints 1000 user ./exec-in "$pid" \
	sh -c 'read -r zero outside count </proc/self/uid_map; echo $outside'
# This container does not map root, so exec-in must really change the IDs
# shellcheck disable=SC2016 # the inner shell expands it
check "root: enters the container of a user" prints "0 0" ./exec-in "$pid" \
	sh -c 'echo $(id -u) $(id -g)'
check "the name of the host is the old one" prints "$host" uname -n
check "another user" refuses "cannot read the namespaces of process $pid: $privilege" \
	nobody ./exec-in "$pid" true
check "groups that must be kept" prints 0 setpriv --groups 5,6 ./exec-in "$pid" id -u
check "the exit status is that of the command" returns 7 sh -c 'exit 7'
# The command is not process 1 of its namespace, so the signal ends it
# shellcheck disable=SC2016 # the inner shell expands it
check "a signal is 128 and its number" returns 137 sh -c 'kill -9 $$'
check "a command that does not exist" refuses \
	"cannot run /no-such-command: No such file or directory (os error 2)" \
	./exec-in "$pid" /no-such-command

container unshare --mount --uts
check "no user namespace: groups are given up" prints 0 \
	setpriv --groups 5,6 ./exec-in "$pid" id -G
check "no user namespace: another user" refuses \
	"cannot read the namespaces of process $pid: $privilege" nobody ./exec-in "$pid" true
container unshare --user
check "no user 0 inside" refuses "the container has no user 0 or no group 0, \
map them in /proc/PID/uid_map and /proc/PID/gid_map" ./exec-in "$pid" true
check "no container" refuses \
	"process $$ has the namespaces of this program, choose a process of a container" \
	./exec-in $$ true

end_process
check "process that has ended" refuses \
	"there is no process $pid, give the ID of a running one" ./exec-in "$pid" true
check "answers --help and -h" helps "$usage"
check "no arguments" refuses "$usage" ./exec-in
check "no command" refuses "$usage" ./exec-in $$
check "no process ID" refuses \
	"'x' is not a process ID, give the number of a running process" ./exec-in x true
check "the caller's namespaces stay" prints "$(identities $$)" identities self

ktap_finished
