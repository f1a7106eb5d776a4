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

# The objects in use of each cache that setns(2) takes from or keeps alive: without those
# that a CPU keeps for later, and when RCU has freed what it was to free. Credentials are
# left out, as each thread of the kernel has its own.
count_objects() {
	local cache caches='fs_cache nsproxy mnt_cache uts_namespace user_namespace pid_namespace net_namespace'
	# The network namespaces that went last are freed when the next one goes
	unshare --net true || return
	sleep 6
	for cache in $caches; do
		echo 1 >"/sys/kernel/slab/$cache/shrink" || return
	done
	awk -v caches=" $caches " 'index(caches, " " $1 " ") { print $1, $2 }' /proc/slabinfo
}
