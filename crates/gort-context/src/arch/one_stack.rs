//! The part of the contract that is the same wherever a context is its stack, and nothing besides.

use crate::Context;
use std::any::Any;

/// Nothing is held outside the stack itself.
pub(crate) unsafe fn discard(_: Context) {}

/// A thread's storage is reached by a segment register, and seldom by a pointer: but in unoptimized builds, where all that
/// takes a reference is a call.
#[cfg(not(target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn wipe_below() {
    #[cfg(debug_assertions)]
    // SAFETY: without `nostack` the compiler keeps nothing below the stack pointer. What is there is the
    // flow's to use: where it is not, unoptimized calls would end in the guard, too.
    unsafe {
        std::arch::asm!(
            // As by calls, one page after the other: a guard must not be passed over.
            "mov qword ptr [rsp - 8], rax",
            "mov qword ptr [rsp - 4096], rax",
            "lea rdi, [rsp - 4608]",
            "rep stosq",
            // No pointer, and not zero, which would look as if nothing had ever been there (`used_deep`).
            in("rax") 1,
            inout("rcx") 4608 / 8 => _,
            out("rdi") _,
        );
    }
}

pub(crate) fn pass_discard(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    payload
}

/// All that a suspended flow owns lies at and above its word: its last act was to push.
pub(crate) fn lowest_used(ctx: Context) -> Option<*mut u8> {
    Some(ctx.as_ptr().cast())
}
