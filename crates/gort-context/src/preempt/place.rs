//! Whether code may be interrupted where it is, so far as that does not depend on the processor.

use super::text;
use crate::overflow::registry;
use crate::preempt::Refused;
use std::ffi::c_void;
use std::ops::Range;

/// The stack of the code at `ip`, whose stack pointer is `sp`, if it may be interrupted there by somebody who has the
/// registers at `context`. The trampoline's code is `trampoline`.
pub(super) fn stack_of(
    ip: usize,
    sp: usize,
    context: *mut c_void,
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
    if stack.contains(&context.addr()) {
        return Err(Refused::SameStack);
    }
    Ok(stack)
}
