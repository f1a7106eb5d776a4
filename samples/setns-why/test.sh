#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests setns-why.

. ./lib.sh

# why PATTERN CMD...: succeeds if setns-why prints one line about CMD, which matches PATTERN
why() {
	pattern=$1
	shift
	run ./setns-why "$@"
	grep -q "^setns-why: $pattern" "$dir/err" &&
		! grep '^setns-why: ' "$dir/err" | grep -qv "^setns-why: $pattern"
}

writes_to_a_file() {
	run ./setns-why --output "$dir/lines" --json ./nsjoin $$ user
	[ "$(grep -c '"reason": "OWN_USER_NS"' "$dir/lines")" = 1 ] && ! grep -q reason "$dir/err"
}

# Another task calls setns(2) while the command runs
shows_no_other_task() {
	rm -f "$dir/started" "$dir/done"
	(
		eventually "[ -e '$dir/started' ]"
		nsenter --uts="/proc/$pid/ns/uts" touch "$dir/done"
	) &
	run ./setns-why sh -c "touch $dir/started; until [ -e $dir/done ]; do sleep 0.1; done"
	[ "$rc" = 0 ] && [ "$(grep -c '^setns-why: ' "$dir/err")" = 1 ] &&
		grep -q '^setns-why: saw no call of setns(2)' "$dir/err"
}

# The second call is refused
joins_twice() {
	run ./setns-why ./nsjoin "$other" user -- ./nsjoin "$other" user
	[ "$rc" = 2 ] && grep '^setns-why: ' "$dir/err" >"$dir/lines" &&
		[ "$(wc -l <"$dir/lines")" = 2 ] &&
		sed -n 1p "$dir/lines" | grep -q 'left the user namespace [0-9]* and joined [0-9]*' &&
		sed -n 2p "$dir/lines" | grep -q 'is in the user namespace .* already'
}

# Calls that are all alike get one line
counts() {
	run ./setns-why ./setns-shared fs "/proc/$pid/ns/mnt" "/proc/$pid/ns/mnt" "/proc/$other/ns/user"
	[ "$(grep -c '^setns-why: ' "$dir/err")" = 2 ] &&
		grep -q 'mnt namespace.* first. (2 times)$' "$dir/err" &&
		grep -q 'user namespace.* first.$' "$dir/err"
}

# Sets zombie to the ID of a process that has ended and is not waited for. Its parent must not be a
# shell when it ends, because a shell waits for it.
leave_zombie() {
	sh -c "(until grep -q sleep /proc/\$\$/comm; do sleep 0.1; done) &
		echo \$! >'$dir/zombie'; exec sleep 1000" >/dev/null 2>&1 &
	pids="$pids $!"
	eventually "[ -s '$dir/zombie' ]" && read -r zombie <"$dir/zombie" &&
		eventually "grep -qs '^State:.Z' /proc/$zombie/status"
}

joins_two() {
	run ./setns-why ./nsjoin "$pid" uts,net
	[ "$rc" = 0 ] && [ "$(grep -c '^setns-why: nsjoin ([0-9]*) left the' "$dir/err")" = 2 ] &&
		grep -q "left the net namespace [0-9]* and joined [0-9]* (as of process $pid sleep)" "$dir/err"
}

prints_json() {
	run ./setns-why --json ./nsjoin $$ user
	[ "$rc" = 2 ] && grep '^{' "$dir/err" | grep '"event": "setns_refused"' |
		grep '"reason": "OWN_USER_NS"' | grep '"error": 22' | grep -q '"cap": -1'
}

returns() {
	status=$1
	shift
	run ./setns-why "$@"
	[ "$rc" = "$status" ]
}

# JSON has no line if there is no event
prints_no_json() {
	run ./setns-why --json true
	[ "$rc" = 0 ] && ! [ -s "$dir/err" ]
}

sees_no_call() {
	run nobody ./setns-why true
	[ "$rc" = 0 ] && [ "$(grep -c '^setns-why: ' "$dir/err")" = 2 ] &&
		sed -n 2p "$dir/err" | grep -q '^setns-why: saw no call of setns(2)'
}

# Without the events, the program knows the errno only
knows_errno() {
	run nobody ./setns-why ./nsjoin $$ uts
	grep -q "^setns-why: only the errno is known, as only root can read trace events" "$dir/err" &&
		grep -q "^setns-why: process [0-9]*: EPERM: CAP_SYS_ADMIN is missing" "$dir/err"
}

usage="usage: setns-why [--json] [--output FILE] CMD [ARGS...]"

ktap_print_header
ktap_set_plan 33

container unshare --user
other=$pid
container nobody unshare --user --uts
owned=$pid
container unshare --uts --net --mount
check "two types are joined" joins_two
check "json" prints_json
check "own user namespace" why "nsjoin ([0-9]*) is in the user namespace [0-9]* .* already" \
	./nsjoin $$ user
check "no capability" why "[a-z]* ([0-9]*) may not join the uts namespace [0-9]* .*: CAP_SYS_ADMIN is needed in the user namespace that owns it and that the caller is in, [0-9]* (as of process [^)]*). Be root" \
	setpriv --reuid=65534 --clear-groups nsenter --uts="/proc/self/fd/3" true 3<"/proc/$pid/ns/uts"
check "not inspectable" why "nsjoin ([0-9]*) may not inspect the process of the pidfd" \
	setpriv --reuid=65534 --clear-groups ./nsjoin "$pid" uts
check "nobody cannot open the file" why "saw no call of setns(2). If the command failed, .*could not open" \
	setpriv --reuid=65534 --clear-groups nsenter --uts="/proc/$pid/ns/uts" true
check "the owner has not joined yet" why "nsjoin ([0-9]*) may not join the uts namespace [0-9]* .*: CAP_SYS_ADMIN is needed in the user namespace that the caller is in, [0-9]* .*first join the user namespace that owns it, [0-9]* (as of process " \
	setpriv --reuid=65534 --clear-groups ./nsjoin "$owned" uts
check "the owner of a cgroup namespace is above" why "nsenter ([0-9]*) may not join the cgroup namespace [0-9]* .*: CAP_SYS_ADMIN is needed in the user namespace that the caller is in, [0-9]*.* It is also needed in the user namespace that owns it, [0-9]*" \
	unshare --user nsenter --cgroup=/proc/self/fd/3 true 3</proc/1/ns/cgroup
check "a user namespace twice" joins_twice
check "a user namespace from a thread" why "setns-shared ([0-9]*) has other threads, .*fork(2)" \
	./setns-shared thread "/proc/$other/ns/user"
check "a mount namespace from a thread" why "setns-shared ([0-9]*) shares its root and working directory .* as threads do, .* a mnt namespace. Call unshare" \
	./setns-shared thread "/proc/$pid/ns/mnt"
check "a time namespace from a thread" why "setns-shared ([0-9]*) shares its memory .* a time namespace" \
	./setns-shared thread /proc/self/ns/time
check "a network namespace from a thread" why "setns-shared ([0-9]*) left the net namespace [0-9]* and joined" \
	./setns-shared thread "/proc/$pid/ns/net"
check "a user namespace with a shared fs" why "setns-shared ([0-9]*) shares its root and working directory .* a user namespace. Call unshare" \
	./setns-shared fs "/proc/$other/ns/user"
check "a mount namespace with a shared fs" why "setns-shared ([0-9]*) shares its root and working directory .* a mnt namespace. Call unshare" \
	./setns-shared fs "/proc/$pid/ns/mnt"
check "calls that are alike" counts
leave_zombie
check "a process that has ended" why "nsjoin ([0-9]*) passed the pidfd of a task that has ended" \
	./nsjoin "$zombie" uts
check "another type" why "nsenter ([0-9]*) asked for uts, but the descriptor is of the net namespace" \
	nsenter --uts="/proc/$pid/ns/net" true
check "upwards" why "nsjoin ([0-9]*) may not join the pid namespace [0-9]* .*: it is neither the caller's own nor below it. Call from a process" \
	unshare --pid --fork ./nsjoin "$pid" pid --one-by-one
check "a user namespace without rights" why "nsenter ([0-9]*) may not join the user namespace [0-9]* (as of process .*: CAP_SYS_ADMIN is needed in it" \
	unshare --user nsenter --user=/proc/self/fd/3 true 3<"/proc/$other/ns/user"
check "a child of a child" why "nsenter ([0-9]*) asked for uts" \
	sh -c "sh -c 'nsenter --uts=/proc/$pid/ns/net true; true'; true"
check "no call" why "saw no call of setns(2)" true
check "no call, as JSON" prints_no_json
check "another task" shows_no_other_task
check "a file" writes_to_a_file
check "a file that cannot be created" refuses \
	"cannot create /nothing/lines: No such file or directory (os error 2)" \
	./setns-why --output /nothing/lines true
check "the exit status is that of the command" returns 7 sh -c 'exit 7'
check "without root, the errno is explained" knows_errno
check "without root, no call" sees_no_call
check "answers --help and -h" helps "$usage"
check "no command" refuses "$usage" ./setns-why
check "unknown option" refuses "$usage" ./setns-why --x true
check "a command that does not exist" refuses \
	"cannot run /nothing: No such file or directory (os error 2)" ./setns-why /nothing

ktap_finished
