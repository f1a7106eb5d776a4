#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # check calls the functions
#
# Tests ptrace-puppet: the socket, the puppet afterwards, and what is left after the puppet or
# the program dies.

. ./lib.sh

# sleeps PID NAME: waits until the process runs this program and sleeps
sleeps() {
	eventually "grep -qx $2 /proc/$1/comm && grep -q '^State:.S' /proc/$1/status"
}

# Starts a puppet: a cat in its own network namespace that copies its input to a file
start_puppet() {
	rm -f "$dir/in" "$dir/copy"
	mkfifo "$dir/in"
	unshare --net cat <"$dir/in" >"$dir/copy" &
	puppet=$!
	pids="$pids $puppet"
	exec 3>"$dir/in"
	sleeps "$puppet" cat
}

# start_slow STEP: starts the program in the background and stops it after this step
start_slow() {
	rm -f "$dir/lines"
	mkfifo "$dir/lines"
	./ptrace-puppet --slow "$puppet" <"$dir/lines" >"$dir/out" 2>"$dir/err" &
	program=$!
	pids="$pids $program"
	exec 4>"$dir/lines"
	line=1
	while [ $line -lt "$1" ]; do
		eventually "[ \$(wc -l <'$dir/out') -eq $line ]"
		echo >&4
		line=$((line + 1))
	done
	eventually "[ \$(wc -l <'$dir/out') -eq $line ]"
}

# ends_with STATUS: succeeds if the puppet ends with this exit status
ends_with() {
	eventually "! grep -qs '^State:.[^Z]' /proc/$puppet/status" || return
	wait "$puppet" 2>/dev/null
	[ $? -eq "$1" ]
}

# Prints the state that must not change: descriptors, system call, registers, signals, tracer.
# SigQ is not part of it, because it counts the signals of all processes of the user.
state() {
	ls "/proc/$puppet/fd"
	cat "/proc/$puppet/syscall"
	grep -E '^(State|TracerPid|Sig[A-PR-Z]|Threads)' "/proc/$puppet/status"
}

# setns(2) leads to the namespace that the socket must be in
opens_there() {
	there=$(./nsjoin "$puppet" net -- readlink /proc/self/ns/net | tail -n 1)
	before=$(state)
	./ptrace-puppet "$puppet" >"$dir/out" || return
	grep -qF "the socket:   $there" "$dir/out" &&
		grep -qF "this process: $(readlink /proc/self/ns/net)" "$dir/out" &&
		[ "$there" != "$(readlink /proc/self/ns/net)" ]
}

leaves_no_trace() {
	sleeps "$puppet" cat
	[ "$(state)" = "$before" ] && echo word >&3 && eventually "grep -q word '$dir/copy'"
}

# This puppet runs all the time. If the program spoils its registers, its result is wrong.
leaves_registers() {
	unshare --net sh -c "i=0 j=0; echo >'$dir/busy'
		until [ -e '$dir/stop' ]; do i=\$((i + 1)) j=\$((j + 1)); done
		[ \$i -gt 0 ] && [ \$i -eq \$j ]" &
	busy=$!
	pids="$pids $busy"
	eventually "[ -e '$dir/busy' ]"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		./ptrace-puppet $busy >/dev/null || return
	done
	touch "$dir/stop"
	wait $busy
}

leaves_stopped() {
	kill -STOP "$puppet"
	eventually "grep -q '^State:.T' /proc/$puppet/status"
	./ptrace-puppet "$puppet" >/dev/null || return
	# The puppet wakes up for a moment, and stops before it runs any of its code
	eventually "grep -q '^State:.T' /proc/$puppet/status" && kill -CONT "$puppet" &&
		sleeps "$puppet" cat
}

# The kernel restarts an interrupted sleep with another system call
leaves_asleep() {
	unshare --net sleep 1000 &
	sleeper=$!
	pids="$pids $sleeper"
	sleeps $sleeper sleep
	timeout 60 ./ptrace-puppet $sleeper >"$dir/out" &&
		grep -qF "the socket:   $(readlink /proc/$sleeper/ns/net)" "$dir/out" &&
		sleeps $sleeper sleep
	result=$?
	kill $sleeper
	return $result
}

# A signal that arrives half way takes effect after the calls
keeps_signal() {
	start_slow 2
	kill -TERM "$puppet"
	exec 4>&-
	wait "$program" && grep -q '^made the puppet call close' "$dir/out" || return
	ends_with 143
}

lacks_descriptor() {
	prlimit --pid "$puppet" --nofile=0:
	fails "the puppet cannot call socket(): Too many open files (os error 24), choose \
another process" ./ptrace-puppet "$puppet" || return
	prlimit --pid "$puppet" --nofile=64:
	./ptrace-puppet "$puppet" >/dev/null
}

loses_puppet() {
	start_slow "$1"
	kill -9 "$puppet"
	exec 4>&-
	wait "$program"
	[ $? -eq 2 ] &&
		[ "$(cat "$dir/err")" = "ptrace-puppet: the puppet died, choose another process" ]
}

loses_puppeteer() {
	start_slow 2
	kill -9 "$program"
	ends_with 137
}

is_traced() {
	start_slow 1
	refuses "cannot trace process $puppet, $may_not" ./ptrace-puppet "$puppet" || return
	exec 4>&-
	wait "$program"
}

has_threads() {
	./login-daemon serve "$dir/socket" >"$dir/log" &
	daemon=$!
	pids="$pids $daemon"
	eventually "grep -qs listens '$dir/log'"
	./login-daemon run "$dir/socket" sleep 1000 &
	eventually "[ \$(ls /proc/$daemon/task | wc -l) -eq 2 ]"
	refuses "process $daemon has 2 threads, choose a process with one thread" ./ptrace-puppet $daemon
	result=$?
	pkill -P $daemon
	kill $daemon
	return $result
}

ktap_print_header
ktap_set_plan 18
usage="usage: ptrace-puppet [--slow] PID"
may_not="run this as root, and choose a process that is not a kernel thread and has no tracer"
start_puppet

check "the socket is in the namespace of the puppet" opens_there
check "the puppet goes on as if nothing had been" leaves_no_trace
check "a puppet that computes has the right result" leaves_registers
check "a puppet that is stopped stays so" leaves_stopped
check "a puppet that sleeps does so again" leaves_asleep
check "EMFILE: the puppet has no descriptor left, and lives on" lacks_descriptor
check "EPERM: the puppet has a tracer" is_traced
check "EPERM: the puppet is of another user" \
	refuses "cannot trace process $puppet, $may_not" nobody ./ptrace-puppet "$puppet"
check "EPERM: the puppet is a kernel thread" \
	refuses "cannot trace process 2, $may_not" ./ptrace-puppet 2
check "the puppet has two threads" has_threads
kill -9 "$puppet"
wait "$puppet" 2>/dev/null
check "ESRCH: there is no such process" refuses \
	"there is no process $puppet, give the ID of a running one" ./ptrace-puppet "$puppet"
check "without arguments it says how to use it" refuses "$usage" ./ptrace-puppet
check "answers --help and -h" helps "$usage"
check "the process ID is none" refuses \
	"'x' is not a process ID, give the number of a running process" ./ptrace-puppet x
start_puppet
check "a signal comes half way: the puppet has it afterwards" keeps_signal
start_puppet
check "the puppet is killed before its call: the program knows" loses_puppet 1
start_puppet
check "the puppet is killed after its call: the program knows" loses_puppet 3
start_puppet
check "the program is killed half way: the puppet dies too" loses_puppeteer

ktap_finished
