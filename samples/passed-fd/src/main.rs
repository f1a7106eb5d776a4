// SPDX-License-Identifier: GPL-2.0

//! Enters a network namespace through a descriptor that an untrusted process passed.
//!
//! ```text
//! passed-fd receive SOCKET [--any-type]    receives the descriptor at a socket, by SCM_RIGHTS
//! passed-fd open FILE [--any-type]         opens a bind mount of a namespace
//! passed-fd send SOCKET FILE               sends a descriptor of FILE to a socket
//! ```
//!
//! The receiver of a descriptor does not know the type of its namespace. The second argument of
//! setns(2), `nstype`, checks the type: the call fails with EINVAL if the namespace has another
//! type. With `--any-type`, the program passes 0 as `nstype`, and the sender decides which type
//! of namespace the program changes. If the program enters the attacker's mount namespace, for
//! example, the attacker controls every file that the program opens afterwards.
//!
//! `nstype` does not check the owner of the namespace. The sender still chooses which network
//! namespace the program enters.
//!
//! In rustix, `move_into_link_name_space` is setns(2) with the descriptor of a namespace, and
//! `None` is `nstype` 0.
//!
//! # Example
//!
//! The attacker is user 1000 and needs no privilege. The victim is root.
//!
//! ```text
//! # (umask 0; passed-fd receive /tmp/socket) &
//! $ unshare --user --map-root-user --mount sleep 60 &
//! $ passed-fd send /tmp/socket /proc/$!/ns/mnt
//! passed-fd: refused: the descriptor is not a network namespace, ask for another one
//!
//! # (umask 0; passed-fd receive /tmp/socket --any-type) &
//! $ passed-fd send /tmp/socket /proc/$!/ns/mnt
//! mnt 4026531832 -> 4026532322: the attack worked
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::remove_file;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;

use common::{Help, Own, cannot, explain, open_file, say};
use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const HELP: Help = Help {
    usage: "usage: passed-fd receive SOCKET [--any-type], open FILE [--any-type], \
            or send SOCKET FILE",
    shows: "Enters a network namespace through a descriptor that an untrusted process passed.",
    example: "passed-fd receive /run/fd & sleep 1; passed-fd send /run/fd /proc/self/ns/uts",
};

/// Sends a descriptor of a file.
fn send(socket: &OsStr, path: &OsStr) -> Result<(), String> {
    let file = open_file(path)?;
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&files));
    let sending = format!("send to {}", socket.display());
    let peer = UnixDatagram::unbound().map_err(cannot(&sending))?;
    peer.connect(socket).map_err(|error| {
        let why = explain(error);
        format!("cannot {sending}: {why}, start 'passed-fd receive' first")
    })?;
    let data = [IoSlice::new(b"x")];
    sendmsg(&peer, &data, &mut control, SendFlags::empty()).map_err(cannot(&sending))?;
    Ok(())
}

/// Waits for a datagram with one descriptor.
fn receive(path: &OsStr) -> Result<OwnedFd, String> {
    let receiving = format!("receive at {}", path.display());
    let socket = UnixDatagram::bind(path).map_err(cannot(&receiving))?;
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut data = [IoSliceMut::new(&mut byte)];
    let result = recvmsg(&socket, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC);
    remove_file(path).map_err(cannot(&receiving))?;
    result.map_err(cannot(&receiving))?;
    control
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        })
        .ok_or_else(|| "the message has no descriptor, send one".into())
}

/// Enters the namespace of a descriptor, and prints which namespaces changed.
fn enter(file: OwnedFd, expected: Option<LinkNameSpaceType>) -> Result<(), String> {
    let own = Own::open()?;
    move_into_link_name_space(file.as_fd(), expected).map_err(|errno| match errno {
        Errno::INVAL if expected.is_some() => {
            "refused: the descriptor is not a network namespace, ask for another one".into()
        }
        Errno::INVAL => "the descriptor is not a namespace that setns(2) can enter, \
                         ask for another one"
            .into(),
        errno => format!("cannot enter the namespace: {}", explain(errno)),
    })?;
    for (ns, before, after) in own.compare()? {
        if before != after {
            let expected = ns.name == "net";
            let verdict = if expected {
                "as expected"
            } else {
                "the attack worked"
            };
            say(format_args!("{} {before} -> {after}: {verdict}", ns.name));
        }
    }
    Ok(())
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let [verb, path, rest @ ..] = args else {
        return Err(HELP.usage.into());
    };
    let any_type = rest == ["--any-type"];
    let expected = (!any_type).then_some(LinkNameSpaceType::Network);
    match (verb.to_str(), rest) {
        (Some("send"), [file]) => send(path, file)?,
        (Some("receive"), rest) if any_type || rest.is_empty() => enter(receive(path)?, expected)?,
        (Some("open"), rest) if any_type || rest.is_empty() => enter(open_file(path)?, expected)?,
        _ => return Err(HELP.usage.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
