//! rbx, rbp, rdi, rsi, r12 to r15, and all of xmm6 to xmm15; MXCSR and the x87 control word.

use super::Switch;
use gort_context::Context;
use std::arch::naked_asm;

#[path = "x86_64_words.rs"]
mod words;
pub(crate) use words::Words;

/// An xmm register holds its number in the lower half, and `base` in the upper.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn patterned(
    save: *mut Context,
    to: Context,
    base: usize,
    switch: Switch,
) -> usize {
    naked_asm!(
        ".irp register, rbx, rbp, rdi, rsi, r12, r13, r14, r15",
        "push \\register",
        ".endr",
        "sub rsp, 216", // ten times 16, the base, scratch, home space; aligned
        ".irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "movups [rsp + 16 * \\n - 48], xmm\\n",
        ".endr",
        "mov [rsp + 208], r8",
        ".irp register, rbx, rbp, rdi, rsi, r12, r13, r14, r15",
        "inc r8",
        "mov \\register, r8",
        ".endr",
        ".irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "inc r8",
        "movq xmm\\n, r8",
        "movhps xmm\\n, qword ptr [rsp + 208]",
        ".endr",
        "call r9",
        "mov r8, [rsp + 208]",
        "xor eax, eax",
        "xor ecx, ecx",
        ".irp register, rbx, rbp, rdi, rsi, r12, r13, r14, r15",
        "inc r8",
        "add eax, eax",
        "cmp \\register, r8",
        "setne cl",
        "or eax, ecx",
        ".endr",
        ".irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "inc r8",
        "movq r10, xmm\\n",
        "xor r10, r8",
        "movhlps xmm0, xmm\\n",
        "movq r11, xmm0",
        "xor r11, [rsp + 208]",
        "add eax, eax",
        "or r10, r11",
        "setne cl",
        "or eax, ecx",
        ".endr",
        ".irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "movups xmm\\n, [rsp + 16 * \\n - 48]",
        ".endr",
        "add rsp, 216",
        ".irp register, r15, r14, r13, r12, rsi, rdi, rbp, rbx",
        "pop \\register",
        ".endr",
        "ret",
    )
}

/// Breaks the ABI's promise about the upper half of xmm9.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn spoil_one() {
    naked_asm!("movq xmm9, xmm9", "ret")
}
