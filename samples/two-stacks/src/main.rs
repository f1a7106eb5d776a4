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

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::Duration;

use common::{Help, Namespace, cannot, loopback_up, say, socket_namespace};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

const HELP: Help = Help {
    usage: "usage: two-stacks [MESSAGE]",
    shows: "Holds sockets of two network namespaces in one process, and relays MESSAGE.",
    example: "two-stacks hello",
};

/// The address at which both listeners wait.
const ADDRESS: &str = "127.0.0.1:4242";

/// An address with any free port.
const ANY: &str = "127.0.0.1:0";

/// The number of bytes in the longest datagram of UDP over IPv4.
const MAX: usize = 65507;

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

    /// Prints what happened in the stack.
    fn say(&self, what: impl Display) {
        say(format_args!("stack {}: {what}", self.name));
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
        let place = format_args!("in network namespace {inode} listens at {ADDRESS}");
        self.say(format_args!("a socket {place}"));
        Ok(socket)
    }

    /// Shows that the stack refuses a second listener at the same address.
    fn listen_again(&self) -> Result<(), String> {
        match self.socket(ADDRESS) {
            Ok(_) => Err("a stack has two listeners at one address, try another kernel".into()),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                self.say("refuses a second listener");
                Ok(())
            }
            Err(error) => Err(cannot("try a second listener")(error)),
        }
    }
}

/// Reads a datagram from a socket.
fn receive(socket: &UdpSocket) -> Result<OsString, String> {
    let mut buffer = vec![0; MAX];
    let length = socket.recv(&mut buffer);
    buffer.truncate(length.map_err(cannot("receive a datagram"))?);
    Ok(OsString::from_vec(buffer))
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let message = match args {
        [] => "hello".into(),
        [message] => message.clone(),
        _ => return Err(HELP.usage.into()),
    };
    if message.len() > MAX {
        return Err(format!("the message is too long, give at most {MAX} bytes"));
    }
    let (a, b) = (Stack::make("a")?, Stack::make("b")?);
    let (listener_a, listener_b) = (a.listen()?, b.listen()?);
    a.listen_again()?;
    b.listen_again()?;
    let client_a = a.socket(ANY).map_err(cannot("open a socket in stack a"))?;
    let client_b = b.socket(ANY).map_err(cannot("open a socket in stack b"))?;
    // The thread is in stack b now, but each socket still works in its own stack
    let sent = client_a.send_to(message.as_encoded_bytes(), ADDRESS);
    sent.map_err(cannot("send the message"))?;
    let got = receive(&listener_a)?;
    a.say(format_args!("got '{}'", got.display()));
    let waiting = recv(&listener_b, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    if waiting == Err(Errno::WOULDBLOCK) {
        b.say("got nothing");
    }
    let sent = client_b.send_to(got.as_encoded_bytes(), ADDRESS);
    sent.map_err(cannot("relay the message"))?;
    let got = receive(&listener_b)?;
    b.say(format_args!("got '{}', relayed", got.display()));
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
