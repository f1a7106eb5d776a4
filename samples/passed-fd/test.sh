#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests passed-fd.

. ./lib.sh

socket=$dir/socket
# All mounts of the test are below this mount, so the end of the test removes all of them
trap 'umount -R "$dir"; clean_up' EXIT
mount -t tmpfs -o mode=777 none "$dir" || ktap_exit_fail_msg "cannot mount a tmpfs"

# over_socket FILE OPTION...: the attacker, user 1000, sends FILE to the victim, root
over_socket() {
	file=$1
	shift
	(umask 0 && exec timeout 30 ./passed-fd receive "$socket" "$@") &
	victim=$!
	eventually "[ -S '$socket' ]" && user ./passed-fd send "$socket" "$file"
	wait $victim
}

# by_mount FILE OPTION...: root opens a bind mount of FILE
by_mount() {
	file=$1
	shift
	: >"$dir/mount"
	mount --bind "$file" "$dir/mount"
	timeout 30 ./passed-fd open "$dir/mount" "$@"
	status=$?
	umount "$dir/mount"
	return $status
}

# changes TYPE VERDICT WAY OPTION...: succeeds if the victim changes only this namespace
changes() {
	type=$1 verdict=$2 way=$3
	shift 3
	prints "$type $(identity self "$type") -> $(identity "$pid" "$type"): $verdict" \
		"$way" "/proc/$pid/ns/$type" "$@"
}

# A message of syslog has no descriptor. busybox logger always sends it to /dev/log, so this
# function makes another /dev. A shell needs /dev/null there.
no_descriptor() {
	mkdir "$dir/dev"
	: >"$dir/dev/null"
	# shellcheck disable=SC2016 # the inner shell expands it
	timeout 30 unshare --mount sh -c '
		mount --bind /dev/null "$1/null" && mount --rbind "$1" /dev || exit 1
		./passed-fd receive /dev/log &
		victim=$!
		until [ -S /dev/log ]; do sleep 0.1; done
		busybox logger message
		wait $victim
	' sh "$dir/dev"
}

ktap_print_header
ktap_set_plan 27

container user unshare --user --map-root-user --mount --net --uts
not_net="refused: the descriptor is not a network namespace, ask for another one"
not_any="the descriptor is not a namespace that setns(2) can enter, ask for another one"

for way in over_socket by_mount; do
	check "$way: a network namespace" changes net "as expected" $way
	check "$way: a network namespace, any type" changes net "as expected" $way --any-type
	for type in user mnt uts; do
		check "$way: $type, any type: the attack works" \
			changes $type "the attack worked" $way --any-type
		check "$way: $type: refused" refuses "$not_net" $way "/proc/$pid/ns/$type"
	done
	check "$way: a file" refuses "$not_net" $way /dev/null
	check "$way: a file, any type" refuses "$not_any" $way /dev/null --any-type
done

mkfifo "$dir/fifo"
check "a fifo does not stop the program" refuses "$not_net" \
	timeout 30 ./passed-fd open "$dir/fifo"
check "a message without a descriptor" refuses "the message has no descriptor, send one" \
	no_descriptor
check "unprivileged" refuses "cannot enter the namespace: $privilege" \
	nobody ./passed-fd open /proc/self/ns/net
check "nobody receives" refuses "cannot send to $dir/none: No such file or directory \
(os error 2), start 'passed-fd receive' first" ./passed-fd send "$dir/none" /dev/null
: >"$dir/taken"
check "the socket exists" refuses \
	"cannot receive at $dir/taken: it exists, remove it or choose another one" \
	./passed-fd receive "$dir/taken"
usage="usage: passed-fd receive SOCKET [--any-type], open FILE [--any-type], or send SOCKET FILE"
check "bad arguments" refuses "$usage" ./passed-fd receive "$socket" --any
check "answers --help and -h" helps "$usage"

ktap_finished
