#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2317 # check calls the functions
#
# Tests ns-graph: all namespaces appear, below their owners and with the right signs. The kernel
# must have listns(2).

. ./lib.sh

svg=$dir/graph.svg
red=rust-setns-red
trap 'ip netns del $red 2>/dev/null; clean_up' EXIT

# draw ARGUMENT...: draws into a file
draw() {
	./ns-graph "$@" >"$dir/text"
}

# shows_processes OPTION...: succeeds if the drawing has all namespaces of this shell and of the
# container, with their types
shows_processes() {
	draw "$@" || return
	for type in $types; do
		grep -q " $type $(identity self "$type")[ :].*\[" "$dir/text" &&
			grep -q " $type $(identity "$pid" "$type")[ :].*\[" "$dir/text" || return
	done
}

# Only the container is in this user namespace, so its whole branch is known
shows_owner() {
	draw "$@" || return
	branch=$(sed -n "/ user $(identity "$pid" user):/,\$p" "$dir/text")
	[ "$branch" = "  └─ user $(identity "$pid" user): sleep[$pid]
     └─ net $(identity "$pid" net): sleep[$pid]" ]
}

shows_parent() {
	draw --svg "$svg" -- unshare --pid --fork sh "$dir/until-drawn" pid &&
		grep -q "^~ .* pid [0-9]* (child of $(identity self pid)): sh\[" "$dir/text"
}

shows_mounted() {
	draw || return
	grep -q "net $(stat -c %i "/run/netns/$red"): no process$" "$dir/text"
}

lacks_mounted() {
	draw --proc && ! grep -q "net $(stat -c %i "/run/netns/$red"):" "$dir/text"
}

# marks SIGN CMD...: succeeds if the drawing marks only one namespace, a network namespace. The
# line that explains the signs begins with a sign as well.
marks() {
	sign=$1
	shift
	draw --svg "$svg" -- "$@" && grep -q "^$sign .* net [0-9]*: " "$dir/text" &&
		[ "$(grep -c '^[-+~] ' "$dir/text")" -eq 2 ]
}

marks_passed() {
	marks '~' unshare --net sh "$dir/until-drawn" net && grep -q '"passed"' "$svg"
}

# A small XML parser: the tags must match, and text must not contain a bare & or <
is_xml() {
	tr '\n' ' ' <"$svg" | sed 's/</\n</g' | awk '
		/&/ && !/&(amp|lt|gt);/ { bad = 1 }
		NR == 1 { if ($0 != "") bad = 1; next }
		!/^<\/?[a-z]+( [a-z]+="[^"<>]*")*\/?>/ || /^[^>]*>.*>/ { bad = 1 }
		/^<[a-z][^>]*[^\/]>/ { split(substr($0, 2), name, /[ >]/); open[++depth] = name[1] }
		/^<\// { if (depth < 1 || index($0, "</" open[depth--] ">") != 1) bad = 1 }
		END { exit bad || depth || NR < 10 }'
}

escapes() {
	odd="$dir/<&>"
	cp "$(command -v sh)" "$odd" || return
	draw --svg "$svg" -- unshare --uts "$odd" "$dir/until-drawn" uts && is_xml &&
		grep -q 'uts [0-9]*: &lt;&amp;&gt;\[' "$svg" &&
		grep -q 'uts [0-9]*: <&>\[' "$dir/text"
}

keeps_command_back() {
	refuses "cannot write '$dir/no/g.svg': No such file or directory (os error 2)" \
		./ns-graph --svg "$dir/no/g.svg" -- touch "$dir/ran" && ! [ -e "$dir/ran" ]
}

returns_status() {
	draw -- sh -c 'exit 3'
	[ $? -eq 3 ]
}

serves_nobody() {
	nobody ./ns-graph >"$dir/text" &&
		head -n 1 "$dir/text" | grep -q 'only those that this user may see' &&
		grep -q " net $(identity self net): ns-graph\[" "$dir/text"
}

ktap_print_header
ktap_set_plan 17
# This command ends when the drawing has its namespace
cat >"$dir/until-drawn" <<-END
	inode=\$(stat -L -c %i /proc/self/ns/\$1)
	tries=0
	until grep -q " \$1 \$inode" '$svg'; do
		tries=\$((tries + 1))
		[ \$tries -lt 600 ] || exit 1
		sleep 0.1
	done
END
container unshare --user --net --map-root-user
eventually "grep -qx sleep /proc/$pid/comm"
ip netns add $red

check "all namespaces of processes are drawn" shows_processes
check "all namespaces of processes are drawn from /proc only" shows_processes --proc
check "a namespace is drawn below its owner" shows_owner
check "a namespace is drawn below its owner from /proc only" shows_owner --proc
check "listns(2) finds a namespace without processes" shows_mounted
check "/proc does not have a namespace without processes" lacks_mounted
check "a namespace that the command removes is marked" marks - ip netns del $red
check "a namespace that the command adds is marked" marks + ip netns add $red
check "a namespace that comes and goes is marked, in the SVG too" marks_passed
check "the parent of a pid namespace is named" shows_parent
check "the SVG is well-formed, whatever a process is called" escapes
check "the exit status of the command is handed on" returns_status
check "a user without privilege sees what is its own" serves_nobody
check "an SVG that cannot be written keeps the command from running" keeps_command_back
check "ENOENT: there is no such command" \
	refuses "cannot run './no': No such file or directory (os error 2)" ./ns-graph -- ./no
usage="usage: ns-graph [--svg FILE] [--proc] [-- CMD...]"
check "an unknown option is refused" refuses "there is no option '--png', $usage" ./ns-graph --png
check "answers --help and -h" helps "$usage"

ktap_finished
