//! Preemption in place: a goroutine that has kept its processor for a time slice is interrupted and redirected, and
//! yields where it is. Only with [`Preempt::Trampoline`](super::Preempt), which is `unsafe` to ask for.
//!
//! The monitor *orders* it: it marks the machine and has its thread interrupted, once at a time. Whoever has the
//! interrupted registers, a signal handler on the thread or on Windows the monitor while the thread is suspended,
//! takes the mark back and redirects the goroutine (see [`gort_context::preempt`]), or refuses: inside
//! the runtime, outside the program's own text, off the goroutine's stack, near its end. The goroutine itself refuses
//! while it unwinds or has locked its thread, or knows its machine (see below). The monitor orders again at its next look, a millisecond later; if the
//! goroutine still keeps the processor a time slice later, or 5 ms if that is longer, it is taken away as with
//! `Handoff`. So nobody starves, whatever is refused.
//!
//! **Between looking and entering.** The runtime's own code is inlined into the user's. It asks which machine it runs on, and
//! then tells that one that it is inside. A goroutine that is interrupted in between, and goes on on another thread, would tell
//! the wrong one. It then has the machine's address in a register, or what leads to it, and is refused for that. A register may
//! have it from before; that costs a refusal. Nor may the address be kept over a call, which may put the register on the stack: who has
//! called something outside asks again. The hook does the same, and a machine that has been redirected is not once more
//! before that is inside. An unoptimized build keeps the address on the stack. Refusing for what is
//! there was tried; dead words in frames that never write to them look like it, always. So with debug assertions nobody is
//! interrupted, and the processor is taken away as with `Handoff`. (It was not so: of 200 runs of a test with 24,000 timed waits, one
//! ended on another machine's stack.)
//!
//! **Locks.** A machine that is inside waits for a lock with its thread and its processor, and nobody takes that away. So
//! nobody is put aside with a lock that is also taken inside (those of the scheduler, and those of who waits for a
//! descriptor): code that takes one on behalf of a goroutine goes [inside](super::inside) for as long. Who waits for
//! another, a channel's say, is outside, and makes room in its turn.
//!
//! A signal that nobody has ordered is not ours: it goes to the handler that was there before.

use super::machine::After;
use super::park;
use super::{Machine, Preempt, Shared};
use crate::prim::atomic::Ordering::*;
use crate::sys::signals::{self, Mask, User};
use crate::{sys, tls};
use gort_context::preempt::{self, Registers};
use std::ffi::c_void;
use std::{io, ptr};

pub(crate) use crate::sys::SIGNAL;

/// What a yield needs of a goroutine's stack; several times as much without optimization.
const RESERVE: usize = if cfg!(debug_assertions) { 24 << 10 } else { 6 << 10 };

impl Shared {
    /// Are goroutines interrupted?
    pub(super) fn preempts_in_place(&self) -> bool {
        self.preempt == Preempt::Trampoline && !cfg!(debug_assertions)
    }
}

/// Makes it possible; where there are signals, by `signal`, of which one serves the process.
pub(crate) fn install(signal: i32) -> io::Result<()> {
    // Who is put aside in the allocator holds a lock that machines want.
    if sys::IS_IN_PROGRAM {
        let message = "the program contains its C library, which must not be preempted in place";
        return Err(io::Error::new(io::ErrorKind::Unsupported, message));
    }
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
    // SAFETY: the machine's thread is the one that was interrupted.
    unsafe { machine.redirect(context) }
}

impl Machine {
    /// Its thread begins, and is to get the signal: it may have inherited that it is blocked.
    pub(super) fn may_be_interrupted(&self) {
        if self.shared().preempt == Preempt::Trampoline {
            Mask::of_this_thread().set_without([self.shared().signal]);
        }
    }

    /// The monitor: asks the running goroutine to yield where it is, unless it has been asked already.
    pub(crate) fn order_preemption(&self) {
        if self.ordered.swap(true, AcqRel) {
            return;
        }
        let stats = &self.shared().stats;
        stats.ordered.fetch_add(1, Relaxed);
        // SAFETY: it is called, if at all, with what this machine's thread was interrupted in.
        let here = |context| _ = unsafe { self.redirect(context) };
        if !self.thread.interrupt(self.shared().signal, here) {
            self.ordered.store(false, Release);
            stats.refused.fetch_add(1, Relaxed);
        }
    }

    /// Has the goroutine yield when the thread goes on, or refuses. Returns whether that was ordered. Does nothing that
    /// is not safe in a signal handler: the thread may hold any lock.
    ///
    /// # Safety
    /// The machine's thread is interrupted, by a signal or because it is suspended, and goes on with what this leaves
    /// in `context`, as [`preempt::redirect`] wants it.
    unsafe fn redirect(&self, context: *mut c_void) -> bool {
        if !self.ordered.swap(false, AcqRel) {
            return false;
        }
        // Is it a goroutine that was interrupted, in code of the user's?
        let is_goroutine = !self.hold.is_inside() && self.current().is_some();
        let may_be = is_goroutine && !self.is_redirected.load(Relaxed);
        // SAFETY: by this function's contract; that the goroutine may be moved here is what the user has
        // promised who chose this way.
        if may_be && unsafe { preempt::redirect(context, RESERVE) }.is_ok() {
            self.is_redirected.store(true, Relaxed);
        } else {
            self.shared().stats.refused.fetch_add(1, Relaxed);
        }
        true
    }
}

impl Machine {
    /// Does the interrupted code know its machine? See above.
    fn is_known_to(&self, interrupted: &Registers) -> bool {
        let start = ptr::from_ref(self).addr();
        interrupted.point_into(&(start..start + size_of::<Machine>()))
            || interrupted.lead_to_carried_word()
    }
}

/// The hook of the trampoline: runs on the goroutine's stack, with all of its registers saved.
extern "C" fn yield_in_place(interrupted: &Registers) {
    // The interrupted code may be between a call that has set it and the look at it.
    let errno = sys::errno();
    if let Some(machine) = tls::machine()
        && let Some(goroutine) = machine.current()
    {
        let stats = &machine.shared().stats;
        if park::stays(goroutine) || machine.is_known_to(interrupted) {
            stats.refused.fetch_add(1, Relaxed);
            machine.is_redirected.store(false, Relaxed);
        } else {
            stats.preempted.fetch_add(1, Relaxed);
            machine.enter();
            machine.is_redirected.store(false, Relaxed);
            let next = machine.pick_after_a_slice();
            // SAFETY: the slot is the goroutine's own; it is requeued once it is saved; `next` was picked.
            unsafe { machine.leave(goroutine.context_slot(), After::Requeue(goroutine), next) }
                .exit();
        }
    }
    sys::set_errno(errno);
}

#[cfg(all(test, not(loom), not(feature = "threads"), not(debug_assertions)))]
mod tests {
    use crate::{Runtime, sys, tls};
    use std::io::ErrorKind;
    use std::ptr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::*};
    use std::time::Duration;

    /// As the runtime's own code does between looking for its machine and entering it. Without the look at the registers it is
    /// put aside.
    #[test]
    fn who_knows_its_machine_is_not_put_aside() {
        let builder = Runtime::builder().processors(1).time_slice(Duration::from_millis(1));
        // SAFETY: what is interrupted here does nothing but wait for the flag.
        let runtime = match unsafe { builder.preempt_in_place() }.build() {
            Ok(runtime) => runtime,
            Err(error) => return assert_eq!(error.kind(), ErrorKind::Unsupported),
        };
        let [knows, stop] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let knowing = runtime.spawn({
            let (knows, stop) = (knows.clone(), stop.clone());
            move || {
                let machine = tls::machine().expect("a goroutine runs on a machine");
                sys::wait_with(ptr::from_ref(machine).cast(), &knows, &stop);
            }
        });
        // Until it has it in a register it may be put aside.
        while !knows.load(Relaxed) {
            std::thread::yield_now();
        }
        // While it waits the other one is ordered to make room.
        let waiting = runtime.spawn(|| ());
        let has_been_asked = || {
            let stats = runtime.stats();
            stats.preempted + stats.preemptions_refused > 0
        };
        while !has_been_asked() {
            std::thread::yield_now();
        }
        waiting.join().unwrap();
        stop.store(true, Relaxed);
        knowing.join().unwrap();
        let stats = runtime.stats();
        assert_eq!(stats.preempted, 0, "{stats:?}");
    }
}
