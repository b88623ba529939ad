//! x19 to x29, d8 to d15; FPCR.

use super::Switch;
use crate::pair::{Pair, back};
use gort_context::Context;
use std::arch::{asm, naked_asm};
use std::ptr::null_mut;

#[unsafe(naked)]
pub(crate) unsafe extern "C" fn patterned(
    save: *mut Context,
    to: Context,
    base: usize,
    switch: Switch,
) -> usize {
    naked_asm!(
        "stp x29, x30, [sp, #-176]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "str x2, [sp, #160]",
        ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
        "add x\\n, x2, #\\n",
        ".endr",
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
        "add x9, x2, #\\n",
        "fmov d\\n, x9",
        ".endr",
        "blr x3",
        "ldr x2, [sp, #160]",
        "mov x0, #0",
        ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29",
        "add x9, x2, #\\n",
        "cmp x9, x\\n",
        "cset x10, ne",
        "orr x0, x10, x0, lsl #1",
        ".endr",
        ".irp n, 8, 9, 10, 11, 12, 13, 14, 15",
        "add x9, x2, #\\n",
        "fmov x10, d\\n",
        "cmp x9, x10",
        "cset x10, ne",
        "orr x0, x10, x0, lsl #1",
        ".endr",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #176",
        "ret",
    )
}

/// Breaks the ABI's promise about d12.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn spoil_one() {
    naked_asm!("fmov d12, xzr", "ret")
}

/// FPCR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Words(u64);

impl Words {
    pub(crate) const DEFAULT: Words = Words(0);
    pub(crate) const UPWARD: Words = Words(1 << 22);
    pub(crate) const TOWARDS_ZERO: Words = Words(3 << 22);

    pub(crate) fn and_flush_to_zero(self) -> Words {
        Words(self.0 | 1 << 24)
    }

    pub(crate) fn now() -> Words {
        let word: u64;
        // SAFETY: it reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) word) };
        Words(word)
    }

    pub(crate) fn set(self) {
        // SAFETY: no exception is enabled; what Rust reckons in between, the tests do not look at.
        unsafe { asm!("msr fpcr, {}", in(reg) self.0) };
    }
}

/// Fills x20 to x28 with `with` and calls `switch`. Keeps its caller's.
#[unsafe(naked)]
unsafe extern "C" fn switch_leaving(save: *mut Context, to: Context, with: usize, switch: Switch) {
    naked_asm!(
        "stp x29, x30, [sp, #-96]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        ".irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28",
        "mov x\\n, x2",
        ".endr",
        "mov x2, xzr",
        "blr x3",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp x29, x30, [sp], #96",
        "ret",
    )
}

/// What its caller has in x20 to x28.
#[unsafe(naked)]
unsafe extern "C" fn callees_registers(into: *mut [usize; 9]) {
    naked_asm!(
        "stp x20, x21, [x0, #0]",
        "stp x22, x23, [x0, #16]",
        "stp x24, x25, [x0, #32]",
        "stp x26, x27, [x0, #48]",
        "str x28, [x0, #64]",
        "ret",
    )
}

/// The functions that a flow calls next would put it on their stack, where it looks like the flow's own.
#[test]
fn nothing_is_left_over_from_who_resumed() {
    const LEFT: usize = 0x1234_5678_9abc_def0;
    unsafe extern "C-unwind" fn other(word: *mut ()) -> ! {
        let pair = word.cast::<Pair>();
        loop {
            let mut seen = [0; 9];
            // SAFETY: there is room for nine registers.
            unsafe { callees_registers(&raw mut seen) };
            assert!(!seen.contains(&LEFT), "{seen:x?}");
            // SAFETY: it is the other flow of the pair that it was given.
            unsafe { back(pair, null_mut()) };
        }
    }
    let pool = super::pool();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, other);
    pair.call();
    for _ in 0..10 {
        let (save, to) = pair.there();
        // SAFETY: the other flow waits in `back`, and nobody else has its context.
        unsafe { switch_leaving(save, to, LEFT, super::switch_c) };
    }
    pair.end();
}
