//! MXCSR and the x87 control word.

use std::arch::asm;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Words {
    mxcsr: u32,
    x87: u16,
}

/// With 64 bits of precision, or 53 on Windows.
const X87: u16 = if cfg!(windows) { 0x027F } else { 0x037F };

impl Words {
    pub(crate) const DEFAULT: Words = Words { mxcsr: 0x1F80, x87: X87 };
    pub(crate) const UPWARD: Words = Words { mxcsr: 0x5F80, x87: X87 | 0x0800 };
    pub(crate) const TOWARDS_ZERO: Words = Words { mxcsr: 0x7F80, x87: X87 | 0x0C00 };

    /// In MXCSR alone.
    pub(crate) fn and_flush_to_zero(self) -> Words {
        Words { mxcsr: self.mxcsr | 0x8000, ..self }
    }

    pub(crate) fn now() -> Words {
        let (mut mxcsr, mut x87) = (0, 0);
        // SAFETY: it writes to the two words, which have the size of what is stored.
        unsafe {
            asm!("stmxcsr [{}]", "fnstcw [{}]", in(reg) &raw mut mxcsr, in(reg) &raw mut x87)
        };
        Words { mxcsr: mxcsr & !0x3F, x87 }
    }

    pub(crate) fn set(self) {
        let Words { mxcsr, x87 } = self;
        // SAFETY: it reads the two words. They mask all exceptions; what Rust reckons in between, the tests do not look at.
        unsafe {
            asm!("ldmxcsr [{}]", "fldcw [{}]", in(reg) &raw const mxcsr, in(reg) &raw const x87)
        };
    }
}
