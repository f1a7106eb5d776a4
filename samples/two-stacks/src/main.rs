// SPDX-License-Identifier: GPL-2.0

//! Holds sockets of two network namespaces in one process.
//!
//! ```text
//! two-stacks [MESSAGE]
//! ```
//!
//! A socket stays in the network namespace in which it was opened, also when the thread that
//! opened it enters another one. So one process can listen twice at the same address, and relay
//! data from one network stack to the other. The mail that introduced setns(2) in 2011 names this
//! use: routing between stacks.
//!
//! The program makes two network namespaces and opens a socket at the same address in each. It
//! sends MESSAGE to that address in the first namespace, and then relays it to the second one.
//!
//! In rustix, `move_into_link_name_space` is setns(2) with the descriptor of a namespace.
//!
//! # Example
//!
//! ```text
//! # two-stacks
//! stack a: a socket in network namespace 4026532319 listens at 127.0.0.1:4242
//! stack b: a socket in network namespace 4026532388 listens at 127.0.0.1:4242
//! stack a: refuses a second listener
//! stack b: refuses a second listener
//! stack a: got 'hello'
//! stack b: got nothing
//! stack b: got 'hello', relayed
//! ```

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use common::{Namespace, cannot, loopback_up, say, socket_namespace};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// The address at which both listeners wait.
const ADDRESS: &str = "127.0.0.1:4242";

/// The number of bytes in the longest datagram of UDP over IPv4.
const MAX_DATAGRAM: usize = 65507;

/// A network namespace, with its name in the output.
struct Stack {
    name: &'static str,
    namespace: File,
}

impl Stack {
    /// Makes a network namespace and enters it.
    fn make(name: &'static str) -> Result<Self, String> {
        // SAFETY: this call does not unshare the table of file descriptors.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
            .map_err(cannot("make a network namespace"))?;
        loopback_up().map_err(cannot("bring up the loopback interface"))?;
        let namespace = Namespace::by_name("net")?.open("self");
        let namespace = namespace.map_err(cannot("open the network namespace"))?;
        Ok(Self { name, namespace })
    }

    /// Enters the namespace and opens a socket there.
    fn socket(&self, address: &str) -> io::Result<UdpSocket> {
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        let socket = UdpSocket::bind(address)?;
        // Loopback delivers at once. The timeout ends the program if the kernel is broken.
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(socket)
    }

    /// Opens a listener and prints the namespace that it belongs to.
    fn listen(&self) -> Result<UdpSocket, String> {
        let what = format!("listen in stack {}", self.name);
        let socket = self.socket(ADDRESS).map_err(cannot(&what))?;
        let inode = socket_namespace(&socket).map_err(cannot(&what))?;
        say(format_args!(
            "stack {}: a socket in network namespace {inode} listens at {ADDRESS}",
            self.name
        ));
        Ok(socket)
    }
}

/// Reads a datagram from a socket.
fn receive(socket: &UdpSocket) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let length = socket
        .recv(&mut buffer)
        .map_err(cannot("receive a datagram"))?;
    buffer.truncate(length);
    Ok(buffer)
}

/// Returns whether no datagram waits at a socket.
fn is_empty(socket: &UdpSocket) -> Result<bool, String> {
    match recv(socket, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok(_) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(cannot("look at a socket")(errno)),
    }
}

/// Shows that one stack refuses a second listener at the same address.
fn second_listener(stack: &Stack) -> Result<(), String> {
    match stack.socket(ADDRESS) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {}
        Err(error) => return Err(cannot("try a second listener")(error)),
        Ok(_) => {
            return Err("a stack has two listeners at one address, try another kernel".into());
        }
    }
    say(format_args!(
        "stack {}: refuses a second listener",
        stack.name
    ));
    Ok(())
}

fn run() -> Result<ExitCode, String> {
    let mut args = std::env::args_os().skip(1);
    let message = args.next().unwrap_or_else(|| "hello".into());
    if args.next().is_some() {
        return Err("usage: two-stacks [MESSAGE]".into());
    }
    if message.len() > MAX_DATAGRAM {
        return Err(format!(
            "the message is too long, give at most {MAX_DATAGRAM} bytes"
        ));
    }
    let (a, b) = (Stack::make("a")?, Stack::make("b")?);
    let (listener_a, listener_b) = (a.listen()?, b.listen()?);
    second_listener(&a)?;
    second_listener(&b)?;
    let client_a = a
        .socket("127.0.0.1:0")
        .map_err(cannot("open a socket in stack a"))?;
    let client_b = b
        .socket("127.0.0.1:0")
        .map_err(cannot("open a socket in stack b"))?;
    // The thread is in stack b now, but each socket still works in its own stack
    let sent = client_a.send_to(message.as_encoded_bytes(), ADDRESS);
    sent.map_err(cannot("send the message"))?;
    let got = receive(&listener_a)?;
    say(format_args!(
        "stack a: got '{}'",
        String::from_utf8_lossy(&got)
    ));
    if is_empty(&listener_b)? {
        say("stack b: got nothing");
    }
    client_b
        .send_to(&got, ADDRESS)
        .map_err(cannot("relay the message"))?;
    let got = receive(&listener_b)?;
    say(format_args!(
        "stack b: got '{}', relayed",
        String::from_utf8_lossy(&got)
    ));
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    common::main(run)
}
