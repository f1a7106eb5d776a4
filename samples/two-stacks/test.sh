#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests two-stacks.

. ./lib.sh

# relays MESSAGE CMD...: succeeds if the output is right. It ignores the inode numbers.
relays() {
	message=$1
	shift
	run "$@"
	[ "$rc" = 0 ] && ! [ -s "$dir/err" ] || return 1
	[ "$(echo "$out" | sed 's/namespace [0-9]*/namespace N/')" = "$(cat <<-END
		stack a: a socket in network namespace N listens at 127.0.0.1:4242
		stack b: a socket in network namespace N listens at 127.0.0.1:4242
		stack a: refuses a second listener
		stack b: refuses a second listener
		stack a: got '$message'
		stack b: got nothing
		stack b: got '$message', relayed
	END
	)" ]
}

# The two sockets and this shell have three different namespaces
three_namespaces() {
	run ./two-stacks
	inodes=$(echo "$out" | sed -n 's/.*network namespace \([0-9]*\) .*/\1/p')
	[ "$(echo "$inodes" | wc -l)" = 2 ] &&
		[ "$(printf '%s\n' "$inodes" "$(identity self net)" | sort -u | wc -l)" = 3 ]
}

# letters COUNT: prints a word of this length
letters() { head -c "$1" /dev/zero | tr '\0' x; }

usage="usage: two-stacks [MESSAGE]"

ktap_print_header
ktap_set_plan 10

check "two stacks, one address" relays hello ./two-stacks
check "each socket has a namespace of its own" three_namespaces
check "another message" relays "two words" ./two-stacks "two words"
check "empty message" relays "" ./two-stacks ""
check "longest message" relays "$(letters 65507)" ./two-stacks "$(letters 65507)"
check "message that is too long" refuses "the message is too long, give at most 65507 bytes" \
	./two-stacks "$(letters 65508)"
check "through a user namespace" relays hello \
	nobody unshare --user --map-root-user ./two-stacks
check "unprivileged" refuses "cannot make a network namespace: $privilege" nobody ./two-stacks
check "two messages" refuses "$usage" ./two-stacks a b
check "answers --help and -h" helps "$usage"

ktap_finished
