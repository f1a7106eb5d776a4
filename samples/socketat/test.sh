#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # check calls the functions
#
# Tests socketat: the socket is in the other namespace, and the thread stays in its own.

. ./lib.sh

# Starts a server at port 80 in the container. It takes one request and answers "hello".
serve() {
	echo "cat >'$dir/request'; echo hello" >"$dir/answer"
	nsenter -t "$pid" -n busybox nc -l -p 80 -e sh "$dir/answer" &
	server=$!
	eventually "grep -q ':0050 .* 0A ' /proc/$pid/net/tcp /proc/$pid/net/tcp6"
}

opens_there() {
	here=$(readlink /proc/self/ns/net)
	there=$(readlink "$netns")
	[ "$here" != "$there" ] && [ "$(./socketat "$netns")" = "this thread: $here
the socket:  $there
this thread: $here" ]
}

# talks SERVER: succeeds if the request and the answer arrive
talks() {
	serve
	answer=$(echo question | ./socketat "$netns" "$1" | tail -n 1)
	kill -9 "$server" 2>/dev/null
	[ "$answer" = hello ] && [ "$(cat "$dir/request")" = question ]
}

# The container dies while the program waits for input. Only a network stack that still exists,
# with its loopback interface up, can refuse the connection.
outlives_container() {
	mkfifo "$dir/in"
	./socketat "$netns" 127.0.0.1:80 <"$dir/in" >"$dir/out" 2>"$dir/err" &
	program=$!
	exec 3>"$dir/in"
	eventually "grep -q socket: '$dir/out'"
	kill -9 "$pid"
	eventually "! [ -e '$netns' ]"
	exec 3>&-
	wait "$program"
	grep -q 'cannot talk to 127.0.0.1:80: Connection refused' "$dir/err"
}

ktap_print_header
ktap_set_plan 12
container unshare --net sh -c 'ip link set lo up && exec "$@"' sh
netns=/proc/$pid/ns/net
touch "$dir/file" "$dir/mount"
mount --bind "$netns" "$dir/mount"

check "the socket is in the other namespace, the thread stays" opens_there
check "a server of the other namespace answers" talks 127.0.0.1:80
check "a server of the other namespace answers by IPv6" talks "[::1]:80"
usage="usage: socketat NETNS [ADDRESS:PORT] (NETNS is /proc/PID/ns/net or /run/netns/NAME)"
check "without arguments it says how to use it" refuses "$usage" ./socketat
check "answers --help and -h" helps "$usage"
check "ENOENT: the file does not exist" \
	fails "cannot open '$dir/no': No such file or directory (os error 2)" ./socketat "$dir/no"
other="is not a network namespace, give /proc/PID/ns/net or a file in /run/netns"
check "EINVAL: the file is no namespace" fails "'$dir/file' $other" ./socketat "$dir/file"
check "EINVAL: the file is a namespace of another type" \
	fails "'/proc/self/ns/uts' $other" ./socketat /proc/self/ns/uts
check "the address is none" \
	refuses "the second argument must be ADDRESS:PORT, as in 10.0.0.1:80" \
	./socketat "$netns" here
check "EACCES: the process is of another user" \
	fails "cannot open '$netns': $privilege" nobody ./socketat "$netns"
check "EPERM: the user may not join the namespace" \
	fails "cannot open a socket in '$dir/mount': $privilege" nobody ./socketat "$dir/mount"
umount "$dir/mount"
check "the socket works after all in its namespace were killed" outlives_container

ktap_finished
