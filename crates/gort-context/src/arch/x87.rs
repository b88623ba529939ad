//! The mark by which a flow says that its control words are to be kept whatever they are: the infinity control
//! bit of the 287 in the x87 control word, which is stored, and without effect.

use std::arch::asm;

const KEEP: u16 = 1 << 12;

pub(crate) fn keep() {
    write(read() | KEEP);
}

pub(crate) fn forget() {
    write(read() & !KEEP);
}

fn read() -> u16 {
    let mut word = 0_u16;
    // SAFETY: stores the control word to a local and changes nothing else.
    unsafe { asm!("fnstcw [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
    word
}

fn write(word: u16) {
    // SAFETY: the value is the one read, but for a bit that has no effect on any computation.
    unsafe {
        asm!("fldcw [{}]", in(reg) &raw const word, options(nostack, preserves_flags, readonly))
    };
}
