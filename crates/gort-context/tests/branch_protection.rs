//! Where `.ci/ports` compiles the whole program with branch protection: that it is in force, without which the other tests
//! would show nothing about the assembly's landing pads and about signed return addresses. Seen to fail: with the pads of
//! `arch/aarch64.rs` taken out, the first switch of `registers` ends by SIGILL.

#![cfg(all(branch_protection, target_arch = "aarch64", target_os = "linux"))]

use std::arch::{asm, naked_asm};
use std::ffi::c_int;
use std::hint::black_box;

#[unsafe(naked)]
extern "C" fn without_a_pad() {
    naked_asm!("ret")
}

#[unsafe(naked)]
extern "C" fn with_a_pad() {
    naked_asm!("hint #34", "ret")
}

/// The signal that ends a process which calls this through a pointer.
fn ended_by(f: extern "C" fn()) -> Option<c_int> {
    // SAFETY: the child calls one function that does nothing, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        black_box(f)();
        // SAFETY: it asks for nothing.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the place for the status is valid.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status))
}

#[test]
fn calls_arrive_at_landing_pads_only() {
    assert_eq!(ended_by(with_a_pad), None);
    assert_eq!(ended_by(without_a_pad), Some(libc::SIGILL));
}

#[test]
fn addresses_are_signed() {
    let address = with_a_pad as *const () as usize;
    // A signature has few bits: that of some stack pointers is zero.
    let signed = (0..64_usize).any(|sp| {
        let signed: usize;
        // SAFETY: it signs what is in x17 by x16, and changes nothing else.
        unsafe { asm!("hint #8", inlateout("x17") address => signed, in("x16") sp * 16) };
        signed != address
    });
    assert!(signed);
}
