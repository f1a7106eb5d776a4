// SPDX-License-Identifier: GPL-2.0

//! The ioctls that rustix lacks.

use std::fs::File;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;

use crate::{NAMESPACES, Namespace};

/// Calls an ioctl that takes no argument and returns a new descriptor.
///
/// # Safety
///
/// `request` must be such an ioctl.
unsafe fn open_by_ioctl(of: impl AsFd, request: libc::Ioctl) -> io::Result<File> {
    // SAFETY: the call passes no memory to the kernel.
    let fd = unsafe { libc::ioctl(of.as_fd().as_raw_fd(), request, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for the caller.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Returns the type of a namespace.
pub fn type_of(namespace: &File) -> io::Result<Namespace> {
    // SAFETY: this ioctl takes no argument.
    let flag = unsafe { libc::ioctl(namespace.as_raw_fd(), libc::NS_GET_NSTYPE) };
    if flag < 0 {
        return Err(io::Error::last_os_error());
    }
    let found = NAMESPACES
        .into_iter()
        .find(|ns| ns.flag.bits() == flag as u32);
    found.ok_or_else(|| io::Error::other("this kernel has a new type, add it to samples/common"))
}

/// Opens the user namespace that owns a namespace.
pub fn open_owner(namespace: &File) -> io::Result<File> {
    // SAFETY: this ioctl takes no argument and returns a new descriptor.
    unsafe { open_by_ioctl(namespace, libc::NS_GET_USERNS) }
}

/// Opens the parent of a user or pid namespace.
pub fn open_parent(namespace: &File) -> io::Result<File> {
    // SAFETY: this ioctl takes no argument and returns a new descriptor.
    unsafe { open_by_ioctl(namespace, libc::NS_GET_PARENT) }
}

/// Returns the identity of the network namespace that a socket belongs to. The process that holds
/// the socket may be in another one.
pub fn socket_namespace(socket: impl AsFd) -> io::Result<u64> {
    const SIOCGSKNS: libc::Ioctl = 0x894c;
    // SAFETY: this ioctl takes no argument and returns a new descriptor.
    let namespace = unsafe { open_by_ioctl(socket, SIOCGSKNS) }?;
    Ok(namespace.metadata()?.ino())
}

/// Brings up the loopback interface in the network namespace of the calling thread. In a new
/// namespace, the interface is down.
pub fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    // SAFETY: every field of an ifreq may be zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the kernel reads an ifreq, and `request` lives until the call returns.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
