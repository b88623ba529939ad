//! Preemption in place: a signal redirects a goroutine that has kept its processor for a time slice, and
//! the goroutine yields where it is. Only with [`Preempt::Trampoline`](super::Preempt), which is `unsafe` to
//! ask for.
//!
//! The monitor *orders* it: it marks the machine and sends its thread the signal, one at a time. The
//! handler takes the mark back and redirects the goroutine (see [`gort_context::preempt`]), or refuses: inside
//! the runtime, outside the program's own text, off the goroutine's stack, near its end, while it unwinds or
//! has locked its thread. The monitor orders again at its next look, a millisecond later; if the
//! goroutine still keeps the processor a time slice later, it is taken away as with `Handoff`. So nobody
//! starves, whatever is refused.
//!
//! A signal that nobody has ordered is not ours: it goes to the handler that was there before.

use super::Machine;
use super::machine::After;
use super::park;
use crate::prim::atomic::Ordering::*;
use crate::sys::signals::{self, User};
use crate::{sys, tls};
use gort_context::preempt;
use std::ffi::c_void;
use std::io;

pub(crate) use crate::sys::SIGNAL;

/// What a yield needs of a goroutine's stack; several times as much without optimization.
const RESERVE: usize = if cfg!(debug_assertions) { 24 << 10 } else { 6 << 10 };

/// Has the handler installed for `signal`; one signal serves the process.
pub(crate) fn install(signal: i32) -> io::Result<()> {
    preempt::prepare(yield_in_place)?;
    static PREEMPTION: User = User { purpose: "preemption", on_signal };
    signals::install_for_good(signal, &PREEMPTION)
}

/// In a signal handler: returns whether the signal was ours.
///
/// # Safety
/// `context` is the handler's third argument, on the interrupted thread.
unsafe fn on_signal(_signal: i32, context: *mut c_void) -> bool {
    let Some(machine) = tls::machine() else { return false };
    if !machine.ordered.swap(false, AcqRel) {
        return false;
    }
    let stats = &machine.shared().stats;
    // SAFETY: by this function's contract; that the goroutine may be moved here is what the user has
    // promised who chose this way.
    if machine.may_be_preempted() && unsafe { preempt::redirect(context, RESERVE) }.is_ok() {
        stats.preempted.fetch_add(1, Relaxed);
    } else {
        stats.refused.fetch_add(1, Relaxed);
    }
    true
}

impl Machine {
    /// The monitor: asks the running goroutine to yield where it is, unless it has been asked already.
    pub(crate) fn order_preemption(&self) {
        if !self.ordered.swap(true, AcqRel) {
            self.shared().stats.ordered.fetch_add(1, Relaxed);
            self.interrupt(self.shared().signal);
        }
    }

    /// In the signal handler: is it a goroutine that was interrupted, in code of the user's?
    fn may_be_preempted(&self) -> bool {
        !self.hold.is_inside() && self.current().is_some_and(|goroutine| !park::stays(goroutine))
    }
}

/// The hook of the trampoline: runs on the goroutine's stack, with all of its registers saved.
extern "C" fn yield_in_place() {
    // The interrupted code may be between a call that has set it and the look at it.
    let errno = sys::errno();
    if let Some(machine) = tls::machine()
        && let Some(goroutine) = machine.current()
    {
        machine.enter();
        let next = machine.pick();
        // SAFETY: the slot is the goroutine's own; it is requeued once it is saved; `next` was picked.
        unsafe { machine.leave(goroutine.context_slot(), After::Requeue(goroutine), next) }.exit();
    }
    sys::set_errno(errno);
}
