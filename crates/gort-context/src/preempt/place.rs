//! Whether code may be interrupted where it is, so far as that does not depend on the processor.

use super::{Refused, text};
use crate::overflow::registry;
use std::ffi::c_void;
use std::ops::Range;

/// The stack of the code at `ip`, whose stack pointer is `sp`, if it may be interrupted there by a handler that was
/// given `ucontext`. The trampoline's code is `trampoline`.
pub(super) fn stack_of(
    ip: usize,
    sp: usize,
    ucontext: *mut c_void,
    trampoline: Range<usize>,
) -> Result<Range<usize>, Refused> {
    let text = text::range();
    if text.is_empty() {
        return Err(Refused::NotPrepared);
    }
    if !text.contains(&ip) {
        return Err(Refused::ForeignText);
    }
    if trampoline.contains(&ip) {
        return Err(Refused::Trampoline);
    }
    let stack = registry::stack_at(sp).ok_or(Refused::ForeignStack)?;
    if stack.contains(&ucontext.addr()) {
        return Err(Refused::SameStack);
    }
    Ok(stack)
}
