//! Prefetching on x86-64.

use std::arch::asm;

#[inline(always)]
pub(crate) fn line(address: *const ()) {
    // SAFETY: it is a hint, which no address makes fault.
    unsafe {
        asm!("prefetcht0 [{}]", in(reg) address, options(nostack, preserves_flags, readonly))
    };
}

/// # Safety
/// There is memory at `slot`.
#[inline(always)]
pub(crate) unsafe fn word_at(slot: *const ()) -> *const () {
    let word;
    // SAFETY: by contract it can be read.
    unsafe {
        asm!("mov {}, [{}]", out(reg) word, in(reg) slot, options(nostack, preserves_flags, readonly));
    }
    word
}
