//! The part of the contract that is the same wherever a context is its stack, and nothing besides.

use crate::Context;
use std::any::Any;

/// Nothing is held outside the stack itself.
pub(crate) unsafe fn discard(_: Context) {}

/// A thread's storage is reached by a segment register, and seldom by a pointer.
#[cfg(not(target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn wipe_below() {}

pub(crate) fn pass_discard(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    payload
}

/// All that a suspended flow owns lies at and above its word: its last act was to push.
pub(crate) fn lowest_used(ctx: Context) -> Option<*mut u8> {
    Some(ctx.as_ptr().cast())
}
