// SPDX-License-Identifier: GPL-2.0

//! A traced process that makes system calls for this program.

use std::fs::read_dir;
use std::io;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options, regset::NT_PRSTATUS};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::registers::{self, Registers};

/// A stopped process. `drop` restores it, and it continues as before.
pub struct Puppet {
    pid: Pid,
    registers: Registers,
    signal_mask: u64,
    /// The address of the system call instruction.
    address: ptrace::AddressType,
    /// The original word at this address.
    word: i64,
}

impl Puppet {
    /// Stops a process and saves everything that the calls will change.
    pub fn attach(pid: i32) -> Result<Self, String> {
        let threads = read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        if threads > 1 {
            return Err(format!(
                "process {pid} has {threads} threads, choose a process with one thread"
            ));
        }
        let pid = Pid::from_raw(pid);
        // If this program is killed, the puppet must not run with changed registers
        ptrace::seize(pid, Options::PTRACE_O_EXITKILL).map_err(|errno| match errno {
            Errno::ESRCH => format!("there is no process {pid}, give the ID of a running one"),
            Errno::EPERM => format!(
                "cannot trace process {pid}, run this as root, \
                 and choose a process that is not a kernel thread and has no tracer"
            ),
            errno => format!("cannot attach to process {pid}: {}", errno.desc()),
        })?;
        Self::stop(pid).map_err(|errno| {
            let _ = ptrace::detach(pid, None);
            match errno {
                Errno::ESRCH => "the puppet died, choose another process".into(),
                errno => format!("cannot stop process {pid}: {}", errno.desc()),
            }
        })
    }

    fn stop(pid: Pid) -> nix::Result<Self> {
        ptrace::interrupt(pid)?;
        // A signal may arrive before the stop. Pass it on to the puppet.
        while let WaitStatus::Stopped(_, signal) = wait(pid)? {
            ptrace::cont(pid, signal)?;
        }
        let registers = ptrace::getregset::<NT_PRSTATUS>(pid)?;
        let address = registers::address(&registers) as ptrace::AddressType;
        let word = ptrace::read(pid, address)?;
        let mut signal_mask = 0;
        set_signal_mask(pid, libc::PTRACE_GETSIGMASK, &mut signal_mask)?;
        // Block all signals until `drop`, except SIGTRAP, which reports the end of a step
        let mut mask = !(1 << (Signal::SIGTRAP as u32 - 1));
        let puppet = Self {
            pid,
            registers,
            signal_mask,
            address,
            word,
        };
        set_signal_mask(pid, libc::PTRACE_SETSIGMASK, &mut mask)?;
        Ok(puppet)
    }

    /// Makes the puppet call a system call. Fails with `ESRCH` if the puppet dies.
    pub fn call(&self, number: i64, arguments: [u64; 3]) -> io::Result<i64> {
        let (instruction, bits) = registers::INSTRUCTION;
        ptrace::write(self.pid, self.address, (self.word & !bits) | instruction)?;
        let mut registers = self.registers;
        registers::set_call(&mut registers, number, arguments);
        ptrace::setregset::<NT_PRSTATUS>(self.pid, registers)?;
        loop {
            ptrace::step(self.pid, None)?;
            if let WaitStatus::Stopped(_, Signal::SIGTRAP) = wait(self.pid)? {
                break;
            }
        }
        match registers::result(&ptrace::getregset::<NT_PRSTATUS>(self.pid)?) {
            error @ -4095..0 => Err(io::Error::from_raw_os_error(-error as i32)),
            value => Ok(value),
        }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // These calls fail only if the puppet is dead. Then there is nothing to restore.
        let _ = ptrace::write(self.pid, self.address, self.word);
        let _ = ptrace::setregset::<NT_PRSTATUS>(self.pid, self.registers);
        let _ = set_signal_mask(self.pid, libc::PTRACE_SETSIGMASK, &mut self.signal_mask);
        let _ = ptrace::detach(self.pid, None);
    }
}

/// Waits until the puppet stops. Fails with `ESRCH` if it ends instead.
fn wait(pid: Pid) -> nix::Result<WaitStatus> {
    match waitpid(pid, Some(WaitPidFlag::__WALL))? {
        WaitStatus::Exited(..) | WaitStatus::Signaled(..) => Err(Errno::ESRCH),
        status => Ok(status),
    }
}

/// Reads or writes the puppet's signal mask, with `PTRACE_GETSIGMASK` or `PTRACE_SETSIGMASK`. nix
/// has neither request.
fn set_signal_mask(pid: Pid, request: libc::c_uint, mask: &mut u64) -> nix::Result<()> {
    let size = size_of_val(mask);
    // SAFETY: both requests take the size of the mask and a pointer to it, and `mask` outlives
    // the call.
    let result = unsafe { libc::ptrace(request as _, pid.as_raw(), size, mask) };
    Errno::result(result).map(drop)
}
