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
//! The request consists of the words of CMD, with a zero byte after each word. The answer
//! consists of pieces of output. Each piece follows its length (4 bytes). A piece of length 0 is
//! the last one, and the exit status follows it.
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
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;

use common::{cannot, explain, fail, say};
use rustix::fs::Mode;
use rustix::process::umask;

/// Sends a piece of output.
fn send(client: &mut UnixStream, piece: &[u8]) -> io::Result<()> {
    client.write_all(&(piece.len() as u32).to_ne_bytes())?;
    client.write_all(piece)
}

/// Starts a command. Its standard output and standard error go to one pipe.
fn start(words: &[&OsStr]) -> io::Result<(Child, io::PipeReader)> {
    let (program, arguments) = words.split_first().ok_or(ErrorKind::InvalidInput)?;
    let (reader, writer) = io::pipe()?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    Ok((child, reader))
}

/// Sends the output of the command until the output ends.
fn forward(client: &mut UnixStream, output: &mut impl Read) -> io::Result<()> {
    let mut piece = [0; 4096];
    loop {
        match output.read(&mut piece)? {
            0 => return Ok(()),
            length => send(client, &piece[..length])?,
        }
    }
}

/// Runs the command of one client and sends the answer.
fn serve(mut client: UnixStream) -> io::Result<()> {
    let mut request = Vec::new();
    client.read_to_end(&mut request)?;
    let words = request.strip_suffix(b"\0").unwrap_or(&request);
    let words: Vec<_> = words
        .split(|&byte| byte == 0)
        .map(OsStr::from_bytes)
        .collect();
    let status = match start(&words) {
        Ok((mut child, mut output)) => {
            let forwarded = forward(&mut client, &mut output);
            if forwarded.is_err() {
                child.kill()?;
            }
            let status = child.wait()?;
            forwarded?;
            // A shell encodes the status in the same way
            status.code().or(status.signal().map(|signal| 128 + signal))
        }
        Err(error) => {
            let name = words[0].to_string_lossy();
            send(
                &mut client,
                format!("cannot run '{name}': {error}\n").as_bytes(),
            )?;
            Some(127)
        }
    };
    send(&mut client, &[])?;
    client.write_all(&status.unwrap_or(127).to_ne_bytes())
}

/// Runs the daemon. It serves each client in a thread.
fn listen(path: &OsStr) -> Result<ExitCode, String> {
    let name = path.to_string_lossy();
    // A user who can write to the socket can run commands here, so only this user may
    let mask = umask(Mode::RWXG | Mode::RWXO);
    let listener = UnixListener::bind(path);
    umask(mask);
    let listener = listener.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => format!("'{name}' exists, remove it or choose another name"),
        _ => cannot(format_args!("make the socket '{name}'"))(error),
    })?;
    say(format_args!("login-daemon: listens at {name}"));
    for client in listener.incoming() {
        let client = client.map_err(cannot("accept a client"))?;
        thread::spawn(move || {
            if let Err(error) = serve(client) {
                eprintln!("login-daemon: lost a client: {error}");
            }
        });
    }
    unreachable!("a listener always waits for the next client")
}

/// Receives and prints all pieces of output, and returns the exit status.
fn receive(daemon: &mut UnixStream) -> io::Result<i32> {
    let mut number = [0; 4];
    loop {
        daemon.read_exact(&mut number)?;
        let mut piece = vec![0; u32::from_ne_bytes(number) as usize];
        daemon.read_exact(&mut piece)?;
        if piece.is_empty() {
            daemon.read_exact(&mut number)?;
            return Ok(i32::from_ne_bytes(number));
        }
        let mut stdout = io::stdout();
        if let Err(error) = stdout.write_all(&piece).and_then(|()| stdout.flush()) {
            fail(format_args!("cannot write to standard output: {error}"));
        }
    }
}

/// Runs the client: asks the daemon to run a command, and returns its exit status.
fn request(path: &OsStr, words: &[OsString]) -> Result<ExitCode, String> {
    let name = path.to_string_lossy();
    let mut daemon = UnixStream::connect(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            format!("no daemon listens at '{name}', start one: login-daemon serve '{name}'")
        }
        _ => cannot(format_args!("reach '{name}'"))(error),
    })?;
    let request: Vec<u8> = words
        .iter()
        .flat_map(|word| [word.as_bytes(), b"\0"].concat())
        .collect();
    let status = daemon
        .write_all(&request)
        .and_then(|()| daemon.shutdown(Shutdown::Write))
        .and_then(|()| receive(&mut daemon))
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                "the daemon died, check in its container whether the command still runs".into()
            }
            _ => format!("lost the connection to the daemon: {}", explain(error)),
        })?;
    Ok(ExitCode::from(status as u8))
}

fn run() -> Result<ExitCode, String> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [verb, path] if verb == "serve" => listen(path),
        [verb, path, words @ ..] if verb == "run" && !words.is_empty() => request(path, words),
        _ => Err("usage: login-daemon serve SOCKET, or: login-daemon run SOCKET CMD...".into()),
    }
}

fn main() -> ExitCode {
    common::main(run)
}
