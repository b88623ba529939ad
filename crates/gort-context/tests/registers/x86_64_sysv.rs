//! rbx, rbp, r12 to r15; MXCSR and the x87 control word.

use super::Switch;
use gort_context::Context;
use std::arch::naked_asm;

#[path = "x86_64_words.rs"]
mod words;
pub(crate) use words::Words;

#[unsafe(naked)]
pub(crate) unsafe extern "C" fn patterned(
    save: *mut Context,
    to: Context,
    base: usize,
    switch: Switch,
) -> usize {
    naked_asm!(
        ".irp register, rbx, rbp, r12, r13, r14, r15, rdx",
        "push \\register",
        ".endr",
        ".irp register, rbx, rbp, r12, r13, r14, r15",
        "inc rdx",
        "mov \\register, rdx",
        ".endr",
        "call rcx",
        "pop rdx",
        "xor eax, eax",
        "xor ecx, ecx",
        ".irp register, rbx, rbp, r12, r13, r14, r15",
        "inc rdx",
        "add eax, eax",
        "cmp \\register, rdx",
        "setne cl",
        "or eax, ecx",
        ".endr",
        ".irp register, r15, r14, r13, r12, rbp, rbx",
        "pop \\register",
        ".endr",
        "ret",
    )
}

/// Breaks the ABI's promise about r13.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn spoil_one() {
    naked_asm!("xor r13d, r13d", "ret")
}
