//! For a test: code that has a word in a register for as long as it likes.

use std::arch::asm;
use std::ffi::c_void;
use std::sync::atomic::AtomicBool;

/// Waits until `flag` is raised, with `word` in a register all the while.
pub(crate) fn wait_with(word: *const c_void, flag: &AtomicBool) {
    // SAFETY: the flag is borrowed, a byte, and only read; the word is not looked at.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "2: pause",
            "cmp byte ptr [{flag}], 0",
            "je 2b",
            flag = in(reg) flag.as_ptr(),
            in("r12") word,
            options(nostack, readonly)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "2: yield",
            "ldrb {seen:w}, [{flag}]",
            "cbz {seen:w}, 2b",
            seen = out(reg) _,
            flag = in(reg) flag.as_ptr(),
            in("x20") word,
            options(nostack, readonly)
        );
    }
}
