# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the scripts share that run in the guest: kmemleak, if the kernel has it.

kmemleak=/sys/kernel/debug/kmemleak

# An object counts if it is five seconds old, and if two scans agree. The detector gives
# up if it has no memory, and then takes no orders.
scan_for_leaks() {
	for _ in 1 2; do
		sleep 6
		echo scan >$kmemleak || return
	done
}

# From here on: not what has been leaked before
forget_leaks() {
	[ ! -e $kmemleak ] || { scan_for_leaks && echo clear >$kmemleak; } || exit 2
}

# What has been leaked since then. Says nothing if nothing has.
report_leaks() {
	[ -e $kmemleak ] || return 0
	scan_for_leaks || exit 2
	cat $kmemleak
	echo clear >$kmemleak
}
