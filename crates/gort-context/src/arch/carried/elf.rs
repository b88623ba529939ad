//! The carried word on ELF: one word of thread-local storage, reached by name and never by an address that Rust
//! code could keep.
//!
//! The symbol is global, because the accessors are inlined into other crates' object files, but hidden, so
//! that two shared objects do not share it. It bears the version: two versions of this crate in one program
//! have a word each.

use std::arch::{asm, global_asm};

#[path = "symbol.rs"]
mod symbol;
use symbol::symbol;

global_asm!(
    r#".pushsection .tbss.gort_context_carried, "awT", @nobits"#,
    concat!(".globl ", symbol!()),
    concat!(".hidden ", symbol!()),
    concat!(".type ", symbol!(), ", @object"),
    concat!(".size ", symbol!(), ", 8"),
    ".p2align 3",
    concat!(symbol!(), ":"),
    ".zero 8",
    ".popsection",
);

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn get() -> *mut () {
    let word: *mut ();
    // SAFETY: reads the calling thread's own word, which no Rust reference ever points to. Not `pure`:
    // the compiler must ask again each time, because a switch in between may have changed the thread.
    unsafe {
        asm!(
            concat!("mov {word}, qword ptr [rip + ", symbol!(), "@gottpoff]"),
            "mov {word}, qword ptr fs:[{word}]",
            word = out(reg) word,
            options(nostack, preserves_flags, readonly),
        );
    }
    word
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn set(word: *mut ()) {
    // SAFETY: writes the calling thread's own word, which no Rust reference ever points to.
    unsafe {
        asm!(
            concat!("mov {at}, qword ptr [rip + ", symbol!(), "@gottpoff]"),
            "mov qword ptr fs:[{at}], {word}",
            at = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags),
        );
    }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) fn get() -> *mut () {
    let word: *mut ();
    // SAFETY: as on x86-64.
    unsafe {
        asm!(
            concat!("adrp {at}, :gottprel:", symbol!()),
            concat!("ldr {at}, [{at}, :gottprel_lo12:", symbol!(), "]"),
            // The pointer to the thread's storage is in no register afterwards: see `aarch64.rs`.
            "mrs {word}, tpidr_el0",
            "ldr {word}, [{word}, {at}]",
            at = out(reg) _,
            word = out(reg) word,
            options(nostack, preserves_flags, readonly),
        );
    }
    word
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) unsafe fn set(word: *mut ()) {
    // SAFETY: as on x86-64.
    unsafe {
        asm!(
            concat!("adrp {at}, :gottprel:", symbol!()),
            concat!("ldr {at}, [{at}, :gottprel_lo12:", symbol!(), "]"),
            "mrs {base}, tpidr_el0",
            "str {word}, [{base}, {at}]",
            "mov {base}, xzr",
            base = out(reg) _,
            at = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags),
        );
    }
}

/// What [`get`] and [`set`] have in a register between two of their instructions, and what is the calling thread's: nothing.
#[cfg(target_arch = "x86_64")]
pub(crate) fn on_the_way() -> [usize; 0] {
    []
}

/// The pointer to the thread's storage.
#[cfg(target_arch = "aarch64")]
pub(crate) fn on_the_way() -> [usize; 1] {
    let pointer;
    // SAFETY: every thread has the register, and reading it changes nothing.
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem, preserves_flags))
    };
    [pointer]
}
