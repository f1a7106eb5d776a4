// SPDX-License-Identifier: GPL-2.0

//! The registers of a system call. They differ between the architectures.

pub use libc::user_regs_struct as Registers;

/// The system call instruction, and a mask of the bits that it needs in a word.
#[cfg(target_arch = "x86_64")]
pub const INSTRUCTION: (i64, i64) = (0x050f, 0xffff); // syscall
#[cfg(target_arch = "aarch64")]
pub const INSTRUCTION: (i64, i64) = (0xd400_0001, 0xffff_ffff); // svc #0

/// Returns where to write the instruction: at the puppet's next instruction.
#[cfg(target_arch = "x86_64")]
pub fn address(registers: &Registers) -> u64 {
    registers.rip
}

/// Returns where to write the instruction: after the puppet's next instruction. In the place of
/// the next one, the kernel may take it for the interrupted system call, and restart that call.
#[cfg(target_arch = "aarch64")]
pub fn address(registers: &Registers) -> u64 {
    registers.pc + 4
}

/// Sets the registers for a system call.
#[cfg(target_arch = "x86_64")]
pub fn set_call(registers: &mut Registers, number: i64, arguments: [u64; 3]) {
    registers.rax = number as u64;
    [registers.rdi, registers.rsi, registers.rdx] = arguments;
}

/// Sets the registers for a system call.
#[cfg(target_arch = "aarch64")]
pub fn set_call(registers: &mut Registers, number: i64, arguments: [u64; 3]) {
    registers.pc = address(registers);
    registers.regs[8] = number as u64;
    registers.regs[..3].copy_from_slice(&arguments);
}

/// Returns the result of the call. A negative result is an error number.
#[cfg(target_arch = "x86_64")]
pub fn result(registers: &Registers) -> i64 {
    registers.rax as i64
}

/// Returns the result of the call. A negative result is an error number.
#[cfg(target_arch = "aarch64")]
pub fn result(registers: &Registers) -> i64 {
    registers.regs[0] as i64
}
