# SPDX-License-Identifier: GPL-2.0
"""Lists the objects and functions of the kernel that the report looks at."""

CRATE = "kernel/rust_setns/rust_setns_main"
# Each group is a row of the table: its objects, and the functions of each object. A "+" adds
# the functions of the same object that this one calls. None stands for all functions.
GROUPS = {
    "C core": {"kernel/nsproxy": ["+__x64_sys_setns", "+do_setns"]},
    "Rust core": {CRATE: None},
    "dispatch, glue": {
        "kernel/rust_setns/dispatch": None,
        "kernel/rust_setns/proc_ns_glue": None,
        "kernel/nsproxy": ["nsproxy_alloc", "nsproxy_dealloc"],
    },
    "user": {"kernel/user_namespace": ["userns_install"]},
    "mnt": {"fs/namespace": ["mntns_install"]},
    "uts": {"kernel/utsname": ["utsns_install"]},
    "ipc": {"ipc/namespace": ["ipcns_install"]},
    "pid": {"kernel/pid_namespace": ["pidns_install"]},
    "cgroup": {"kernel/cgroup/namespace": ["cgroupns_install"]},
    "net": {"net/core/net_namespace": ["netns_install"]},
    "time": {"kernel/time/namespace": ["timens_install"]},
}
OBJECTS = sorted({name for group in GROUPS.values() for name in group})
