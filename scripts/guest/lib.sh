# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The functions that the scripts in the guest share: they unload the module, and look for leaks.

kmemleak=/sys/kernel/debug/kmemleak
parameter=/sys/module/rust_setns/parameters/enabled

# Unloads the module, which is in use until C serves setns(2) and the last call in it has returned
unload() {
	echo 0 >$parameter
	modprobe -r -w 10000 rust_setns
}

# kmemleak reports an object if it is five seconds old and two scans agree. If kmemleak runs out of
# memory, it switches itself off, and the write fails.
scan_for_leaks() {
	for _ in 1 2; do
		sleep 6
		echo scan >$kmemleak || return
	done
}

# Makes kmemleak forget all leaks so far
forget_leaks() {
	[ ! -e $kmemleak ] || { scan_for_leaks && echo clear >$kmemleak; } || exit 2
}

# Prints the leaks since then, and nothing if there are none
report_leaks() {
	[ -e $kmemleak ] || return 0
	scan_for_leaks || exit 2
	cat $kmemleak || return
	echo clear >$kmemleak
}

# Prints how many objects are in use in each slab cache that setns(2) takes objects from or whose
# objects it keeps alive. It first waits for RCU to free objects, and empties the lists of free
# objects. Credentials are left out, because each kernel thread has its own. kfree_rcu() collects user
# and UTS namespaces in lists that are full or empty by chance. The first round gives these lists to
# RCU, which frees the objects before the second ends.
count_objects() {
	local cache caches='fs_cache nsproxy mnt_cache uts_namespace user_namespace pid_namespace net_namespace'
	for _ in 1 2; do
		# The network namespaces that ended last are freed when the next one ends
		unshare --net true || return
		sleep 6
		for cache in $caches; do
			echo 1 >"/sys/kernel/slab/$cache/shrink" || return
		done
	done
	awk -v caches=" $caches " 'index(caches, " " $1 " ") { print $1, $2 }' /proc/slabinfo
}
