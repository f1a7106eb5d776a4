// SPDX-License-Identifier: GPL-2.0

//! Opens a socket in another network namespace. The calling thread stays in its own namespace.
//!
//! ```text
//! socketat NETNS [ADDRESS:PORT]
//! ```
//!
//! NETNS is a file: `/proc/PID/ns/net`, or a file that `ip netns add` made in `/run/netns`. With
//! ADDRESS:PORT, the program reads a request from standard input until its end, sends the request
//! to a TCP server in that namespace, and prints the answer.
//!
//! The mail that introduced setns(2) discusses a system call `socketat(netns_fd, domain, type,
//! protocol)` as an alternative. With setns(2), socketat() can be a function: a helper thread
//! enters the namespace, opens the socket and ends. The socket belongs to the namespace in which
//! it was opened, and any thread can use it. The socket also keeps that namespace alive.
//!
//! In rustix, `move_into_link_name_space` is setns(2) with the descriptor of a namespace, and
//! `socket_with` is socket(2) with flags such as `SOCK_CLOEXEC`.
//!
//! # Example
//!
//! ```text
//! # ip netns add red; ip -n red link set lo up
//! # ip netns exec red busybox nc -l -p 80 -e echo hello &
//! # socketat /run/netns/red 127.0.0.1:80 </dev/null
//! this thread: net:[4026531833]
//! the socket:  net:[4026532229]
//! this thread: net:[4026531833]
//! hello
//! ```

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitCode;
use std::thread;

use common::{Help, cannot, identity, open_file, say, socket_namespace};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, connect, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const HELP: Help = Help {
    usage: "usage: socketat NETNS [ADDRESS:PORT] (NETNS is /proc/PID/ns/net or /run/netns/NAME)",
    shows: "Opens a socket in another network namespace, without a move of the calling thread.",
    example: "ip netns add red; socketat /run/netns/red",
};

/// Opens a socket in the network namespace that `netns` refers to.
fn socketat(
    netns: BorrowedFd<'_>,
    domain: AddressFamily,
    kind: SocketType,
    protocol: Option<Protocol>,
) -> rustix::io::Result<OwnedFd> {
    let open_there = || {
        move_into_link_name_space(netns, Some(LinkNameSpaceType::Network))?;
        socket_with(domain, kind, SocketFlags::CLOEXEC, protocol)
    };
    // setns(2) moves only the calling thread, and this thread ends after the call
    thread::scope(|scope| {
        scope
            .spawn(open_there)
            .join()
            .expect("the helper thread does not panic")
    })
}

/// Opens a TCP socket in the namespace, for the address family of the server. The default is IPv4.
fn tcp_socket(netns: &OsStr, server: Option<SocketAddr>) -> Result<OwnedFd, String> {
    let file = open_file(netns)?;
    let domain = match server {
        Some(SocketAddr::V6(_)) => AddressFamily::INET6,
        _ => AddressFamily::INET,
    };
    let name = netns.display();
    socketat(file.as_fd(), domain, SocketType::STREAM, None).map_err(|errno| match errno {
        Errno::INVAL => format!(
            "'{name}' is not a network namespace, give /proc/PID/ns/net or a file in /run/netns"
        ),
        errno => cannot(format_args!("open a socket in '{name}'"))(errno),
    })
}

/// Sends standard input to the server and prints the answer.
fn talk(socket: OwnedFd, server: SocketAddr) -> io::Result<()> {
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    connect(&socket, &server)?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(&request)?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::stdout())?;
    Ok(())
}

/// Prints the network namespace of the calling thread.
fn say_thread() -> Result<(), String> {
    let inode =
        identity("thread-self", "net").map_err(cannot("read the namespace of this thread"))?;
    say(format_args!("this thread: net:[{inode}]"));
    Ok(())
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let (netns, server) = match args {
        [netns] => (netns, None),
        [netns, server] => {
            let address = server.to_str().and_then(|text| text.parse().ok());
            let wrong = "the second argument must be ADDRESS:PORT, as in 10.0.0.1:80";
            (netns, Some(address.ok_or(wrong)?))
        }
        _ => return Err(HELP.usage.into()),
    };
    say_thread()?;
    let socket = tcp_socket(netns, server)?;
    let inode = socket_namespace(&socket).map_err(cannot("read the namespace of the socket"))?;
    say(format_args!("the socket:  net:[{inode}]"));
    say_thread()?;
    if let Some(server) = server {
        talk(socket, server).map_err(cannot(format_args!("talk to {server}")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
