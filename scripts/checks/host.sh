# shellcheck shell=bash disable=SC2154,SC2317
# SPDX-License-Identifier: GPL-2.0
#
# This check of scripts/check runs the Rust core and kernel/nsproxy.c on the host, and compares
# them. Both are compiled as they are in the kernel tree. The functions that they call are mocks.
# A test kernel is a build of the two with one set of options.

# These headers are the kernel's own. Every other header only includes host_test/kernel.h.
host_headers="linux/args linux/build_bug linux/cgroup_namespace linux/cleanup linux/cred linux/err
	linux/file linux/fs_struct linux/ipc_namespace linux/kconfig linux/mnt_namespace
	linux/ns/ns_common_types linux/ns/nstree_types linux/ns_common linux/nsfs linux/nsproxy
	linux/pid_namespace linux/proc_ns linux/rust_setns linux/setns linux/time_namespace linux/user_namespace
	linux/uts_namespace linux/utsname uapi/linux/nsfs uapi/linux/sched uapi/linux/utsname
	uapi/asm-generic/errno uapi/asm-generic/errno-base"

# These files of the kernel crate and these helpers are the kernel's own
host_crate="cred fs/file impl_flags ns_common nsproxy pid pid_namespace sync/aref
	sync/rcu task user_namespace"
host_helpers="cgroup_namespace cred file fs fs_struct ipc_namespace net/net_namespace ns_common nsproxy
	perf_event pid pid_namespace proc_ns sem task time_namespace user_namespace utsname"

# The options that a test kernel is built with: the types of namespaces, and the options that
# decide how C implements a step
host_types="USER_NS UTS_NS IPC_NS PID_NS CGROUPS NET_NS TIME_NS"
host_options="NET SYSVIPC PERF_EVENTS TIME_NS_VDSO TRACEPOINTS"

# This many kernels and calls must have passed in the end. The numbers are written down, so that a
# mistake in the functions below cannot make the test smaller. host_test/setns_test.rs has the
# number of calls for one kernel.
host_kernels=10 host_calls=6602768

host_cflags="-nostdinc -ffreestanding -fms-extensions -std=gnu11 -I. -Iinclude -Iinclude/uapi
	-D__KERNEL__ -DMODULE -DCONFIG_RUST_SETNS=1 -include kernel.h"
host_bindgen="--rust-target 1.85 --use-core --with-derive-default --ctypes-prefix ::core::ffi
	--no-layout-tests --no-debug .* --no-doc-comments --enable-function-attribute-detection"

# host_copy: copies the files that are compiled to the places that they have in the kernel tree
host_copy() {
	local name
	cp "$top"/host_test/*.{h,rs} .
	mkdir kernel && cp "$top"/host_test/kernel/*.rs kernel/
	for name in $host_headers; do
		install -D -m 644 "$src/include/$name.h" "include/$name.h"
	done
	for name in $host_crate; do
		install -D -m 644 "$src/rust/kernel/$name.rs" "kernel/$name.rs"
	done
	for name in $host_helpers; do
		install -D -m 644 "$src/rust/helpers/$name.c" "helpers/$name.c"
		echo "#include \"helpers/$name.c\"" >>helpers.c
	done
	cp -r "$src/kernel/rust_setns" "$src/kernel/nsproxy.c" .
}

# host_includes: writes the headers that are not the kernel's own. Two of them, defines.h and
# net/net_namespace.h, get the lines of the kernel's headers that are needed.
host_includes() {
	local name net=include/net/net_namespace.h
	grep -hE '^#define (PTRACE_MODE_|TASK_|FASYNC|_*O_)[A-Z_]*[[:space:]].*[^\\]$' \
		"$src"/include/linux/{ptrace,sched}.h "$src/include/uapi/asm-generic/fcntl.h" \
		>include/defines.h
	mkdir include/net && printf '#pragma once\n#include <linux/ns_common.h>\n' >$net
	printf 'struct net {\n\trefcount_t passive;\n\tstruct ns_common ns;\n};\n' >>$net
	sed -n '/^extern struct net init_net;/,/^#define net_drop_ns NULL/p; $a #endif' "$src/$net" >>$net
	grep -rhE '^#[[:space:]]*include <' --include='*.[ch]' . | sed 's/.*<\(.*\)>.*/\1/' | sort -u |
		while read -r name; do
			[ -e "include/$name" ] || [ -e "include/uapi/$name" ] || [ -e "$name" ] || {
				mkdir -p "include/$(dirname "$name")"
				echo '#include <kernel.h>' >"include/$name"
			}
		done
}

# host_bindings FLAGS: makes the bindings as rust/Makefile does
host_bindings() {
	# shellcheck disable=SC2086 # lists of flags
	bindgen bindings.h $host_bindgen -o bindings_generated.rs -- $host_cflags "$@" -w
	# shellcheck disable=SC2086
	bindgen helpers.c $host_bindgen --blocklist-type '.*' --allowlist-var '' \
		--allowlist-function 'rust_helper_.*' -o bindings_helpers_generated.rs -- $host_cflags "$@" -w
	sed -Ei 's/pub const RUST_CONST_HELPER_([a-zA-Z0-9_]*)/pub const \1/' bindings_generated.rs
	sed -Ei 's/pub fn (rust_helper_)([a-zA-Z0-9_]*)/#[link_name="\1\2"]\n    pub fn \2/' \
		bindings_helpers_generated.rs
}

host_cc() {
	# shellcheck disable=SC2086 # a list of flags
	clang $host_cflags -O1 -ffunction-sections -Wall -Werror -Wno-unused -Wno-microsoft-anon-tag \
		-c "$@"
}

host_rustc() {
	rustc --edition 2021 -O -C debug-assertions -D warnings -A unexpected_cfgs -L . "$@"
}

# host_run NAME OPTION...: builds a test kernel with these options in folder NAME, and makes all
# calls. It creates the file NAME.passed if every step ends with status 0.
host_run() {
	local name=$1 cc rs
	shift
	cp -r common "$name" && cd "$name" || return
	mapfile -t cc < <(printf -- '-DCONFIG_%s=1\n' "$@")
	mapfile -t rs < <(printf -- '--cfg=CONFIG_%s\n' "$@" DEBUG_ATOMIC_SLEEP)
	host_bindings "${cc[@]}"
	host_cc "${cc[@]}" -o c.o nsproxy.c
	host_cc "${cc[@]}" -o helpers.o helpers.c
	host_cc "${cc[@]}" -Dproc_ns_install=glue_proc_ns_install -o glue.o \
		rust_setns/proc_ns_glue.c
	host_cc "${cc[@]}" -o switch.o rust_setns/switch.c
	host_rustc --crate-name bindings --crate-type rlib bindings.rs
	host_rustc "${rs[@]}" --crate-name kernel --crate-type rlib --extern bindings --extern macros \
		kernel/lib.rs
	host_rustc "${rs[@]}" --crate-name rust_setns --crate-type rlib --extern kernel \
		rust_setns/rust_setns_main.rs
	host_rustc "${rs[@]}" --crate-name setns_test --extern kernel --extern rust_setns -C linker=clang \
		-C link-args='-fuse-ld=lld c.o helpers.o glue.o switch.o' setns_test.rs
	./setns_test && touch "../$name.passed"
}

# host_runs: prints a name and the options of each test kernel. One has all types, seven lack one
# type each, and one has mount namespaces alone. The last has all types, without the other options
# that C can be built without.
host_runs() {
	local without
	for without in nothing $host_types; do
		echo "without-$without ${host_types/$without/} $host_options"
	done
	echo "without-all NONE"
	echo "without-options $host_types NET"
}

# host_verdict LOG...: prints how many calls each kernel and all kernels passed. It fails if a
# kernel or a call is missing.
host_verdict() {
	local all='([0-9]+) calls and 4 other checks passed, 0 failed' passed calls
	sed 's/^types /==> &/' "$@"
	passed=$(find . -maxdepth 1 -name '*.passed' | wc -l)
	calls=$(sed -nE "s/^types 0x[0-9a-f]+: $all\$/\1/p" "$@" |
		awk '{ sum += $1 } END { print sum + 0 }')
	echo "==> $calls calls passed in $passed kernels"
	[ $# -eq "$host_kernels" ] && [ "$passed" -eq "$host_kernels" ] &&
		[ "$calls" -eq "$host_calls" ]
}

check_host() {
	local host=$work/host name options logs=()
	rm -rf "$host" && mkdir -p "$host/common" && cd "$host/common" || return
	host_copy
	host_includes
	rustfmt --check --edition 2021 --config-path "$src/.rustfmt.toml" macros.rs setns_test.rs \
		kernel/{lib,mocks,world}.rs
	host_rustc --crate-name macros --crate-type proc-macro --extern proc_macro macros.rs
	cd "$host" || return
	while read -r name options; do
		# shellcheck disable=SC2086 # a list of options
		(host_run "$name" $options) >"$name.log" 2>&1 &
		# The status may be ignored: host_verdict looks at the files that each run leaves
		[ "$(jobs -rp | wc -l)" -lt "$(nproc)" ] || wait -n || true
		logs+=("$name.log")
	done < <(host_runs)
	wait
	host_verdict "${logs[@]}"
}
