# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034 # the tests use the variables
#
# Functions for the tests of the samples. Each test sources this file. A test runs as root, and
# its current folder contains the programs, the tests (NAME_test), lib.sh and ktap_helpers.sh.

# Each test runs in a mount namespace of its own, so that its mounts disappear with it
if [ -z "${own_mounts:-}" ]; then
	export own_mounts=1
	exec unshare --mount "$0"
fi

# shellcheck source=/dev/null
. ./ktap_helpers.sh

sample=${0##*/}
sample=${sample%_test}
types="user mnt uts ipc pid cgroup net time"
privilege="permission denied, run this as root or in a user namespace"

# Every user can write to this folder. It disappears when the test ends.
dir=$(mktemp -d)
chmod 777 "$dir"

# The background processes of the test. They die when the test ends. SIGKILL is necessary,
# because process 1 of a pid namespace ignores other signals.
pids=

clean_up() {
	# shellcheck disable=SC2086 # kill takes a list
	kill -9 $pids 2>/dev/null
	rm -rf "$dir"
}
trap clean_up EXIT

user() { setpriv --reuid=1000 --regid=1000 --clear-groups "$@"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# eventually CONDITION: waits until the shell code CONDITION succeeds, at most 60 seconds
eventually() {
	tries=0
	until eval "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || return
		sleep 0.1
	done
}

# container CMD...: lets CMD start a process in new namespaces, and sets pid to its ID. The
# process reads the ID from /proc, because $$ is the ID in its own pid namespace.
container() {
	rm -f "$dir/pid"
	"$@" sh -c "read -r pid rest </proc/self/stat; echo \$pid >'$dir/pid'; exec sleep 1000" \
		>/dev/null 2>&1 &
	eventually "[ -s '$dir/pid' ]" || ktap_exit_fail_msg "no container: $*"
	read -r pid <"$dir/pid"
	pids="$pids $pid"
}

# identity PROCESS TYPE: prints the inode number of a namespace
identity() { stat -L -c %i "/proc/$1/ns/$2"; }

# identities PROCESS: prints the inode number of each of its namespaces
# shellcheck disable=SC2086 # types is a list
identities() { (cd "/proc/$1/ns" && stat -L -c %i $types); }

# run CMD...: sets out to the standard output and rc to the exit status. The file err has the
# standard error.
run() {
	"$@" </dev/null >"$dir/out" 2>"$dir/err"
	rc=$?
	out=$(cat "$dir/out")
}

# prints TEXT CMD...: succeeds if CMD succeeds and prints only TEXT
prints() {
	text=$1
	shift
	run "$@"
	[ "$rc" = 0 ] && [ "$out" = "$text" ] && ! [ -s "$dir/err" ]
}

# fails SENTENCE CMD...: succeeds if CMD exits with status 2 and writes only
# the line "PROGRAM: SENTENCE" to standard error
fails() {
	sentence="$sample: $1"
	shift
	run "$@"
	[ "$rc" = 2 ] && [ "$(cat "$dir/err")" = "$sentence" ] && [ "$(wc -l <"$dir/err")" = 1 ]
}

# refuses SENTENCE CMD...: like fails, and CMD must not write to standard output
refuses() { fails "$@" && ! [ -s "$dir/out" ]; }

# helps USAGE: succeeds if --help and -h print USAGE, one sentence and an example
helps() {
	for option in --help -h; do
		run "./$sample" "$option"
		[ "$rc" = 0 ] && ! [ -s "$dir/err" ] && [ "$(echo "$out" | sed -n 1p)" = "$1" ] &&
			echo "$out" | sed -n 3p | grep -q '^[A-Z].*\.$' &&
			echo "$out" | sed -n 5p | grep -q "^example: .*$sample" &&
			[ "$(echo "$out" | wc -l)" = 5 ] || return
	done
}

# check NAME CMD...: runs a test case. Unlike ktap_test_result, it keeps the spaces in the
# arguments of CMD.
check() {
	name=$1
	shift
	if "$@"; then ktap_test_pass "$name"; else ktap_test_fail "$name"; fi
}

# end_process: sets pid to the ID of a process that has ended
end_process() {
	sh -c 'exit 0' &
	pid=$!
	wait "$pid"
}
