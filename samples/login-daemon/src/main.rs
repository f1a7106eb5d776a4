// SPDX-License-Identifier: GPL-2.0

//! Runs commands in a container without setns(2): a daemon in the container starts them.
//!
//! ```text
//! login-daemon serve SOCKET          in the container: listens at a unix socket
//! login-daemon run SOCKET CMD...     anywhere: asks the daemon to run CMD, prints its output
//! ```
//!
//! The mail that introduced setns(2) discusses this alternative. The client only needs the
//! permission to write to SOCKET. But each container needs a running daemon that both sides
//! trust. A unix socket is a file, so client and daemon may be in different network namespaces.
//! If they are in different mount namespaces, both must contain the folder of the socket.
//!
//! `run` returns the exit status of CMD. CMD has no input. Its standard output and standard error
//! arrive as one stream. If the daemon dies, CMD continues and its exit status is lost. If the
//! client dies, the daemon kills CMD when CMD next writes output.
//!
//! The request consists of the words of CMD, with zero bytes between them. The answer consists of
//! pieces of output, each after its length (4 bytes), an empty piece, and the exit status (1 byte).
//!
//! # Example
//!
//! ```text
//! # unshare --net --uts login-daemon serve /run/red &
//! login-daemon: listens at /run/red
//! # login-daemon run /run/red ip -brief link
//! lo               DOWN           00:00:00:00:00:00 <LOOPBACK>
//! # login-daemon run /run/red sh -c 'exit 3'; echo $?
//! 3
//! ```

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use common::{Help, cannot, explain, say, status_code};
use rustix::fs::Mode;
use rustix::process::umask;

const HELP: Help = Help {
    usage: "usage: login-daemon serve SOCKET, or: login-daemon run SOCKET CMD...",
    shows: "Runs commands in a container without setns(2): a daemon in the container starts them.",
    example: "unshare -n login-daemon serve /run/s & sleep 1; login-daemon run /run/s ip link",
};

/// Starts a command. Its standard output and standard error go to one pipe.
fn start(words: &[&OsStr]) -> io::Result<(Child, io::PipeReader)> {
    let (reader, writer) = io::pipe()?;
    let child = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    Ok((child, reader))
}

/// Sends output in pieces until it ends, and then an empty piece.
fn forward(client: &mut UnixStream, mut output: impl Read) -> io::Result<()> {
    let mut piece = [0; 4096];
    loop {
        let length = output.read(&mut piece)?;
        client.write_all(&(length as u32).to_ne_bytes())?;
        client.write_all(&piece[..length])?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// Runs the command of one client and sends the answer.
fn serve(mut client: UnixStream) -> io::Result<()> {
    let mut request = Vec::new();
    client.read_to_end(&mut request)?;
    let words = request.split(|&byte| byte == 0).map(OsStr::from_bytes);
    let words: Vec<_> = words.collect();
    let status = match start(&words) {
        Ok((mut child, output)) => {
            if forward(&mut client, output).is_err() {
                child.kill()?;
            }
            status_code(child.wait()?)
        }
        Err(error) => {
            let message = format!("cannot run '{}': {error}\n", words[0].display());
            forward(&mut client, message.as_bytes())?;
            127
        }
    };
    client.write_all(&[status])
}

/// Runs the daemon. It serves each client in a thread.
fn listen(path: &OsStr) -> Result<ExitCode, String> {
    let name = path.display();
    // A user who can write to the socket can run commands here, so only this user may
    let mask = umask(Mode::RWXG | Mode::RWXO);
    let listener = UnixListener::bind(path);
    umask(mask);
    let listener = listener.map_err(cannot(format_args!("make the socket '{name}'")))?;
    say(format_args!("login-daemon: listens at {name}"));
    loop {
        let (client, _) = listener.accept().map_err(cannot("accept a client"))?;
        thread::spawn(|| {
            serve(client).unwrap_or_else(|error| eprintln!("login-daemon: lost a client: {error}"))
        });
    }
}

/// Receives and prints all pieces of output, and returns the exit status.
fn receive(daemon: &mut UnixStream) -> io::Result<ExitCode> {
    let (mut length, mut status) = ([0; 4], [0]);
    loop {
        daemon.read_exact(&mut length)?;
        let mut piece = vec![0; u32::from_ne_bytes(length) as usize];
        if piece.is_empty() {
            daemon.read_exact(&mut status)?;
            return Ok(status[0].into());
        }
        daemon.read_exact(&mut piece)?;
        common::print(&piece);
    }
}

/// Runs the client: asks the daemon to run a command, and returns its exit status.
fn request(path: &OsStr, words: &[OsString]) -> Result<ExitCode, String> {
    let name = path.display();
    let mut daemon = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            format!("no daemon listens at '{name}', start one: login-daemon serve '{name}'")
        }
        _ => cannot(format_args!("reach '{name}'"))(error),
    })?;
    daemon
        .write_all(words.join(OsStr::new("\0")).as_bytes())
        .and_then(|()| daemon.shutdown(Shutdown::Write))
        .and_then(|()| receive(&mut daemon))
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                "the daemon died, check in its container whether the command still runs".into()
            }
            _ => format!("lost the connection to the daemon: {}", explain(error)),
        })
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    match args {
        [verb, path] if verb == "serve" => listen(path),
        [verb, path, words @ ..] if verb == "run" && !words.is_empty() => request(path, words),
        _ => Err(HELP.usage.into()),
    }
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
