// SPDX-License-Identifier: GPL-2.0

//! What a reason means, and what to do.

use crate::event::{Event, Names};

/// Returns the name of a capability that setns(2) can ask for.
fn capability(number: &str) -> &str {
    match number {
        "18" => "CAP_SYS_CHROOT",
        "19" => "CAP_SYS_PTRACE",
        "21" => "CAP_SYS_ADMIN",
        other => other,
    }
}

/// Says what the caller has joined.
pub fn joined(event: &Event, names: &Names) -> String {
    let (old, new) = (event.field("old_id"), event.field("new_id"));
    let kind = event.field("type");
    if old == new {
        return format!("joined the {kind} namespace {new}, in which it was already.");
    }
    format!(
        "left the {kind} namespace {old} and joined {}.",
        names.of(new)
    )
}

/// Says what it means that there was no call.
pub const NO_CALL: &str = "saw no call of setns(2). If the command failed, it has another reason: \
                           perhaps it could not open /proc/PID/ns/TYPE, because the process has \
                           ended or belongs to another user. A call that seccomp refuses, or that \
                           a daemon makes, may not be seen.";

/// Says in which user namespace the capability is needed that the caller lacks, and who has it.
fn lacks(event: &Event, names: &Names) -> String {
    let cap = capability(event.field("cap"));
    let (own, needed) = (event.field("user_ns_id"), event.field("cap_ns_id"));
    let owner = event.field("owner_id");
    let place = names.of(needed);
    let whose = match (needed == owner, needed == own) {
        (true, true) => "the user namespace that owns it and that the caller is in",
        (true, false) => "the user namespace that owns it",
        (false, true) => "the user namespace that the caller is in",
        (false, false) => "the user namespace that the call joins",
    };
    let advice = if event.reason() == Some("NO_CAP") && event.field("type") == "cgroup" {
        // The other types ask for the capability in the owner first.
        format!(
            "It is also needed in the user namespace that owns it, {}",
            names.of(owner)
        )
    } else if needed != owner {
        format!(
            "Get it, or first join the user namespace that owns it, {}",
            names.of(owner)
        )
    } else if needed == own {
        "Be root, or get the capability".into()
    } else {
        "Be root there, or the user that has made that user namespace".into()
    };
    format!("{cap} is needed in {whose}, {place}. {advice}.")
}

/// Says which check has refused, and what would have been needed.
pub fn refused(reason: &str, event: &Event, names: &Names) -> String {
    let kind = event.field("type");
    let ns = names.of(event.field("ns_id"));
    let cap = capability(event.field("cap"));
    let asked = match event.field("asked") {
        "none" => "no type",
        types => types,
    };
    match reason {
        "BAD_FD" => "passed a descriptor that is not open, or that was opened with O_PATH. Open \
                     /proc/PID/ns/TYPE for reading, or a pidfd. If the program has tried that, \
                     it was refused, or the process has ended."
            .into(),
        "NOT_A_NAMESPACE" => "passed a descriptor that is neither of a namespace nor a pidfd. \
                              Open /proc/PID/ns/TYPE or a pidfd."
            .into(),
        "OTHER_TYPE" => format!(
            "asked for {asked}, but the descriptor is of the {kind} namespace {ns}. Pass 0 or \
             the right type."
        ),
        "BAD_TYPES" => format!(
            "passed a pidfd and asked for {asked}. With a pidfd, name at least one type, and only \
             CLONE_NEW* flags."
        ),
        "NOT_BUILT_IN" => format!("asked for {kind} namespaces, which this kernel does not have."),
        "NO_MEMORY" => "got no memory from the kernel. Free some, or raise the limit of the \
                        memory cgroup."
            .into(),
        "REAPED" => "passed the pidfd of a process that has ended and was waited for. Take a \
                     running process."
            .into(),
        "ZOMBIE" => "passed the pidfd of a task that has ended. Take a running process, or open \
                     its namespaces while it runs. If only the first thread has ended, take a \
                     pidfd of another thread (PIDFD_THREAD)."
            .into(),
        "NOT_INSPECTABLE" => format!(
            "may not inspect the process of the pidfd. Be the same user and let the process be \
             dumpable, or have {cap} in its user namespace. A security module can also refuse \
             this."
        ),
        "NO_OWNER_CAP" | "NO_CAP" | "NO_CHROOT_CAP" => format!(
            "may not join the {kind} namespace {ns}: {}",
            lacks(event, names)
        ),
        "NO_TARGET_CAP" => format!(
            "may not join the user namespace {ns}: {cap} is needed in it. Be root in it or above \
             it, or the user that has made it. A task cannot go back to a user namespace that it \
             has left."
        ),
        "OWN_USER_NS" => format!(
            "is in the user namespace {ns} already, and a task may not enter it again. Leave \
             'user' out."
        ),
        "THREADS" => "has other threads, and all threads of a process share a user namespace. \
                      Call before they start, or in a child made by fork(2)."
            .into(),
        "SHARED_FS" => format!(
            "shares its root and working directory with another task (CLONE_FS), as threads do, \
             so it may not join a {kind} namespace. Call unshare(CLONE_FS) first."
        ),
        "SHARED_MEMORY" => "shares its memory with another task, as threads do, so it may not \
                            join a time namespace. Call before they start, or in a child made by \
                            fork(2)."
            .into(),
        "NOT_BELOW" => format!(
            "may not join the pid namespace {ns}: it is neither the caller's own nor below it. \
             Call from a process that is in it or above it, or leave 'pid' out."
        ),
        "NO_ROOT" => format!("cannot look up the root of the mount namespace {ns}."),
        "ANONYMOUS" => "may not join a mount namespace that belongs to no process. Open the \
                        namespace of a process."
            .into(),
        "NO_CRED" => "was refused because the kernel has lost the credentials of the call. This \
                      is a bug of the kernel; report it."
            .into(),
        "NO_UCOUNTS" => "got no memory to count what the user namespace uses.".into(),
        other => format!(
            "was refused for the reason {other} of the {kind} namespace {ns}, which this program \
             does not know. See Documentation/trace/events-setns.rst."
        ),
    }
}

/// Says what an errno alone can mean.
pub fn errno(number: i32) -> &'static str {
    match number {
        0 => "joined.",
        libc::EBADF => "EBADF: the descriptor is not open, or was opened with O_PATH.",
        libc::EINVAL => {
            "EINVAL: the descriptor is no namespace, or of another type than asked for; or a pidfd \
             without a valid type; or the caller's own user namespace; or the caller has threads \
             or shares its directories; or a pid namespace that is not below."
        }
        libc::EPERM => {
            "EPERM: CAP_SYS_ADMIN is missing in the user namespace that owns the namespace, or in \
             the caller's own; or, for mnt, CAP_SYS_CHROOT; or the caller may not inspect the \
             process of the pidfd."
        }
        libc::ESRCH => "ESRCH: the process of the pidfd has ended.",
        libc::EUSERS => "EUSERS: a time namespace, and the caller shares its memory.",
        libc::ENOMEM => "ENOMEM: the kernel has no memory for the call.",
        _ => "another errno, which setns(2) does not document.",
    }
}
