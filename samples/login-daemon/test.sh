#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # check calls the functions
#
# Tests login-daemon, and what is left after the daemon or the client dies.

. ./lib.sh

socket=$dir/socket

start_daemon() {
	unshare --net ./login-daemon serve "$socket" >"$dir/log" 2>&1 &
	daemon=$!
	pids="$pids $daemon"
	eventually "grep -qs listens '$dir/log'"
}

# there CMD...: the daemon runs CMD
there() {
	./login-daemon run "$socket" "$@"
}

# returns STATUS CMD...: succeeds if the client returns this exit status of CMD
returns() {
	status=$1
	shift
	run there "$@"
	[ "$rc" = "$status" ]
}

# start_command SCRIPT: the daemon runs SCRIPT, and the client waits in the background. The
# function sets pid and client.
start_command() {
	rm -f "$dir/pid"
	./login-daemon run "$socket" sh -c "echo \$\$ >'$dir/new'; mv '$dir/new' '$dir/pid'; $1" \
		>"$dir/stream" 2>"$dir/message" &
	client=$!
	eventually "[ -e '$dir/pid' ]"
	pid=$(cat "$dir/pid")
	pids="$pids $pid"
}

# ends PID: succeeds if the process ends. It may still wait for its parent as a zombie.
ends() {
	eventually "! grep -qs 'State:.[^Z]' /proc/$1/status"
}

# setns(2) leads to the namespace that the command must be in. The daemon's umask must be as it was.
runs_inside() {
	netns=$(there readlink /proc/self/ns/net)
	[ "$netns" = "$(./nsjoin "$daemon" net -- readlink /proc/self/ns/net | tail -n 1)" ] &&
		[ "$netns" != "$(readlink /proc/self/ns/net)" ] &&
		[ "$(there sh -c umask)" = "$(umask)" ]
}

passes_output() {
	[ "$(there sh -c 'seq 20000; echo end >&2' | cksum)" = "$( (seq 20000; echo end) | cksum)" ]
}

tells_missing_command() {
	returns 127 no-such-command && echo "$out" | grep -q "cannot run 'no-such-command'"
}

serves_nobody() {
	chmod 666 "$socket"
	out=$(nobody ./login-daemon run "$socket" id -u)
	chmod 600 "$socket"
	[ "$out" = 0 ]
}

serves_two() {
	start_command "exec sleep 1000"
	answer=$(timeout 60 ./login-daemon run "$socket" echo hello)
	kill "$client" "$pid" && [ "$answer" = hello ]
}

survives_client() {
	start_command "while echo line; do sleep 0.1; done"
	eventually "[ -s '$dir/stream' ]"
	kill -9 "$client"
	ends "$pid" && [ "$(there echo hello)" = hello ]
}

# The client reports the death of the daemon, and CMD continues
loses_daemon() {
	start_command "exec sleep 1000"
	kill -9 "$daemon"
	wait "$client"
	[ $? -eq 2 ] && grep -q '^State:.S' "/proc/$pid/status" && grep -q \
		": the daemon died, check in its container whether the command still runs" \
		"$dir/message"
}

usage="usage: login-daemon serve SOCKET, or: login-daemon run SOCKET CMD..."

ktap_print_header
ktap_set_plan 15
start_daemon

check "a command runs in the namespace of the daemon" runs_inside
check "both outputs arrive, all of them" passes_output
check "the exit status arrives" returns 3 sh -c 'exit 3'
# shellcheck disable=SC2016 # the inner shell expands it
check "the signal that killed the command arrives" returns 137 sh -c 'kill -9 $$'
check "a command that does not exist is told" tells_missing_command
check "EACCES: the socket is of another user" \
	refuses "cannot reach '$socket': $privilege" nobody ./login-daemon run "$socket" true
check "a user without privilege is served if the socket lets it" serves_nobody
check "one command does not wait for another" serves_two
check "EADDRINUSE: the socket exists" refuses \
	"cannot make the socket '$socket': it exists, remove it or choose another one" \
	./login-daemon serve "$socket"
check "without a command it says how to use it" refuses "$usage" ./login-daemon run "$socket"
check "answers --help and -h" helps "$usage"
check "ENOENT: there is no socket" refuses \
	"no daemon listens at '$dir/no', start one: login-daemon serve '$dir/no'" \
	./login-daemon run "$dir/no" true
check "the client is killed: the command too, the daemon serves on" survives_client
check "the daemon is killed: the client knows, the command runs on" loses_daemon
check "ECONNREFUSED: the daemon is dead" refuses \
	"no daemon listens at '$socket', start one: login-daemon serve '$socket'" there true

ktap_finished
