//! Seam: the switch for AArch64. Not written yet.
//!
//! What it has to do:
//! * Keep x19 to x28, x29 (fp), x30 (lr), sp, and d8 to d15: the low halves of v8 to v15.
//! * Hand the word over in x0; go on by `br`, never by `ret`.
//! * FPCR takes the place of the control words; reading it is cheap enough to compare on every switch.
//! * Leave x18 alone: the platform register on Windows, Apple and Android.
//! * A first frame with `.cfi_undefined x30`; a naked function needs its own `.cfi_startproc`.
//! * `carried`: on ELF by `mrs tpidr_el0` and `:gottprel:`.

compile_error!("gort-context has no switch for AArch64 yet: enable feature `threads`");
