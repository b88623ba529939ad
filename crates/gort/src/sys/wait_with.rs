//! For a test: code that has a word in a register for as long as it likes.

use std::arch::asm;
use std::ffi::c_void;
use std::sync::atomic::AtomicBool;

/// Waits until `flag` is raised, with `word` in a register all the while; raises `has_it` when that is so.
pub(crate) fn wait_with(word: *const c_void, has_it: &AtomicBool, flag: &AtomicBool) {
    // SAFETY: the flags are borrowed, a byte each; one is written and one only read; the word is not looked at.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "mov byte ptr [{has_it}], 1",
            "2: pause",
            "cmp byte ptr [{flag}], 0",
            "je 2b",
            has_it = in(reg) has_it.as_ptr(),
            flag = in(reg) flag.as_ptr(),
            in("r12") word,
            options(nostack)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "mov {seen:w}, #1",
            "strb {seen:w}, [{has_it}]",
            "2: yield",
            "ldrb {seen:w}, [{flag}]",
            "cbz {seen:w}, 2b",
            seen = out(reg) _,
            has_it = in(reg) has_it.as_ptr(),
            flag = in(reg) flag.as_ptr(),
            in("x20") word,
            options(nostack)
        );
    }
}
