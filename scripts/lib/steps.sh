# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0
#
# These functions run steps, and show their progress.

# Sets "architectures" to the one that ARCH or --arch names, or to those that are tested
choose_architectures() {
	architectures="x86_64 arm64"
	case ${ARCH:+set}" $* " in
	set* | *' --arch '*)
		parse_options "$@"
		architectures=$ARCH
		;;
	*) parse_options "$@" ;;
	esac
}

# step NAME COMMAND...: says how long the command took. It goes on after failed tests, but not after
# a failure of the harness.
step() {
	local name=$1 rc=0 start=$SECONDS
	shift
	say "$name"
	"$@" || rc=$?
	case $rc in
	0) say "$name: passed in $((SECONDS - start)) s" ;;
	1)
		say "$name: FAILED in $((SECONDS - start)) s"
		failed+="${failed:+, }$name"
		;;
	*) exit 2 ;;
	esac
}

# Ends the script after the last step, and says which steps failed
conclude() {
	if [ -n "$failed" ]; then
		say "FAILED: $failed"
		exit 1
	fi
	say "all passed, in $SECONDS s"
}

# logged LOG WHAT COMMAND...: runs COMMAND with its output in LOG, shows its progress, and says
# why it failed if it did
logged() {
	local log=$1 what=$2 rc=0 start=$SECONDS progress
	shift 2
	mkdir -p "$(dirname "$log")"
	: >"$log"
	show_progress "$log" "$what" &
	progress=$!
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	kill "$progress" 2>/dev/null || true
	wait "$progress" 2>/dev/null || true
	[ ! -t 1 ] || printf '\r\033[K'
	if [ "$rc" -ne 0 ]; then
		tail -n 15 "$log" >&2
		if grep -q 'No space left on device' "$log"; then
			die "the disk is full; make room in '$cache' and run again. Log: $log"
		fi
		if grep -qiE 'could not resolve|temporary failure|(network|host) is unreachable|unable to connect|failed to fetch' "$log"; then
			die "the network cannot be reached; connect it and run again. Log: $log"
		fi
		die "$what failed; the reason is above. Log: $log"
	fi
	say "$what: done in $((SECONDS - start)) s"
}

# Shows one changing line on a terminal, and elsewhere a line a minute
show_progress() {
	local log=$1 what=$2 start=$SECONDS line fd
	# A process that outlives an interrupted run must not hold its locks
	for fd in ${RUST_SETNS_LOCKED:-}; do
		eval "exec $fd>&-"
	done
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		[ -t 1 ] || [ $(((SECONDS - start) % 60)) -eq 59 ] || continue
		line="$what: $((SECONDS - start)) s, $(wc -l <"$log") lines, now:$(tail -n 1 "$log" | tr -d '\r')"
		if [ -t 1 ]; then
			printf '\r\033[K%.*s' "${COLUMNS:-80}" "    $line"
		else
			printf '    %s\n' "$line"
		fi
	done
}
