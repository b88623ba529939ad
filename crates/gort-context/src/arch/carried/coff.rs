//! The carried word on Windows: one word in the program's thread-local storage, reached by name and never by an
//! address that Rust code could keep. The name bears the version, as on ELF.

use std::arch::{asm, global_asm};

#[path = "symbol.rs"]
mod symbol;
use symbol::symbol;

global_asm!(
    // Sections are sorted by what follows the dollar, and `ZZZ` is the end of the storage.
    r#".section .tls$GORT, "dw""#,
    concat!(".globl ", symbol!()),
    ".p2align 3",
    concat!(symbol!(), ":"),
    ".quad 0",
    ".text",
);

// The thread's block has, at 0x58, an array with the storage of each module; `_tls_index` is the linker's number
// of this one.

#[inline(always)]
pub(crate) fn get() -> *mut () {
    let word: *mut ();
    // SAFETY: reads the calling thread's own word, which no Rust reference ever points to. Not `pure`:
    // the compiler must ask again each time, because a switch in between may have changed the thread.
    unsafe {
        asm!(
            "mov {index:e}, dword ptr [rip + _tls_index]",
            "mov {word}, qword ptr gs:[0x58]",
            "mov {word}, qword ptr [{word} + 8 * {index}]",
            concat!("mov {word}, qword ptr [{word} + ", symbol!(), "@SECREL32]"),
            index = out(reg) _,
            word = out(reg) word,
            options(nostack, preserves_flags, readonly),
        );
    }
    word
}

/// What [`get`] and [`set`] have in a register between two of their instructions, and what is the calling thread's: the array,
/// and this module's storage.
pub(crate) fn on_the_way() -> [usize; 2] {
    let (array, storage);
    // SAFETY: as in `get`; both are there for the module that this is in.
    unsafe {
        asm!(
            "mov {index:e}, dword ptr [rip + _tls_index]",
            "mov {array}, qword ptr gs:[0x58]",
            "mov {storage}, qword ptr [{array} + 8 * {index}]",
            index = out(reg) _,
            array = out(reg) array,
            storage = out(reg) storage,
            options(nostack, preserves_flags, readonly),
        );
    }
    [array, storage]
}

#[inline(always)]
pub(crate) unsafe fn set(word: *mut ()) {
    // SAFETY: writes the calling thread's own word, which no Rust reference ever points to.
    unsafe {
        asm!(
            "mov {index:e}, dword ptr [rip + _tls_index]",
            "mov {at}, qword ptr gs:[0x58]",
            "mov {at}, qword ptr [{at} + 8 * {index}]",
            concat!("mov qword ptr [{at} + ", symbol!(), "@SECREL32], {word}"),
            index = out(reg) _,
            at = out(reg) _,
            word = in(reg) word,
            options(nostack, preserves_flags),
        );
    }
}
