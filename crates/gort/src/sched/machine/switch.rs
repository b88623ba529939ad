//! The switch from one goroutine to the next.
//!
//! A goroutine that parks goes straight to the next one if its processor has one at hand; else to the
//! system stack.
//!
//! **The post-switch step.** A goroutine that leaves may be made ready by others, or have its stack
//! reused, only when its registers are saved. So it says what is to be done ([`After`]) and switches;
//! whoever runs then on this machine, the next goroutine or the system stack, does it first thing.

use super::Machine;
use crate::goroutine::{BOUND, GoroutineRef};
use crate::sched::worker::{Assignment, Finished};
use gort_context::{Context, switch};
use std::ptr;

/// What is to be done for the flow that was just left.
pub(crate) enum After {
    Nothing,
    /// It has parked: its wait may be claimed and it resumed from now on.
    Commit(GoroutineRef),
    /// It has yielded: it goes to the end of the queue.
    Requeue(GoroutineRef),
    /// Its goroutine has ended: the stack, with the worker on it, is free.
    Stash(Finished),
}

impl Machine {
    /// What the flow that was left wants done. To be called first thing after every switch.
    #[inline(always)]
    pub(crate) fn after_switch(&self) {
        let after = self.after.get();
        // SAFETY: only the running flow of this machine touches the field. It is looked at where it is: a copy would bring
        // the words along that an `After` does not use, from the stack of the flow that has left (see `home`).
        match unsafe { &*after } {
            After::Nothing => {}
            &After::Commit(goroutine) => {
                if !goroutine.task().commit() {
                    self.ready(goroutine);
                }
            }
            &After::Requeue(goroutine) => match self.try_processor() {
                Some(processor) => processor.push(goroutine, self.shared()),
                None => self.shared().inject(goroutine),
            },
            After::Stash(finished) => {
                // SAFETY: it is used once: the field is overwritten.
                let finished = unsafe { ptr::read(finished) };
                self.shared().stash(self.try_processor(), finished);
            }
        }
        // SAFETY: as above; nothing of it is borrowed any more.
        unsafe { ptr::write(after, After::Nothing) };
    }

    /// Leaves the running flow, whose context goes to `save`, for `goroutine`, or for the system
    /// stack if there is none. Returns when somebody resumes the flow: the machine it is on then.
    ///
    /// # Safety
    /// `save` stays valid until the flow is resumed, `after` has been said to make it resumable, and
    /// `goroutine` is runnable and the caller's.
    #[inline(always)]
    pub(crate) unsafe fn leave(
        &self,
        save: *mut Context,
        after: After,
        goroutine: Option<GoroutineRef>,
    ) -> &'static Machine {
        // SAFETY: only the running flow of this machine touches the field.
        unsafe { *self.after.get() = after };
        let to = match goroutine.and_then(|goroutine| self.prepare(goroutine)) {
            Some(to) => to,
            None => {
                self.current.set(None);
                // SAFETY: while a goroutine runs, the system stack's context is saved.
                unsafe { self.system.get().assume_init() }
            }
        };
        // SAFETY: `to` is suspended and nobody else resumes it; `save` is valid by contract.
        unsafe { self.switch_to(save, to) }
    }

    /// On the system stack: runs `goroutine`, and whoever follows it, until the stack is needed.
    pub(crate) fn run(&self, goroutine: GoroutineRef) {
        if let Some(to) = self.prepare(goroutine) {
            // SAFETY: the slot is the machine's own, and `to` is suspended and this machine's.
            unsafe { self.switch_to(self.system.as_ptr().cast(), to) };
        }
    }

    /// # Safety
    /// As for [`switch`].
    #[inline(always)]
    unsafe fn switch_to(&self, save: *mut Context, to: Context) -> &'static Machine {
        let word = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: by this function's contract. The word passed is always the machine.
        let machine = unsafe { switch(save, to, word) }.cast::<Machine>();
        // SAFETY: a machine outlives all goroutines that it runs.
        let machine = unsafe { &*machine };
        machine.after_switch();
        machine
    }

    /// Makes `goroutine` the current one and returns where it goes on. A new one gets a worker. None
    /// if it cannot run here: no stack can be had, or it belongs elsewhere.
    #[inline(always)]
    fn prepare(&self, goroutine: GoroutineRef) -> Option<Context> {
        let is_new = goroutine.is_new();
        if (!is_new || goroutine.has_flag(BOUND))
            && goroutine.home() != self.number
            && self.belongs_elsewhere(goroutine)
        {
            self.astray.set(Some(goroutine));
            return None;
        }
        let to = if is_new {
            self.shared().worker_for(self, goroutine)?
        } else {
            // SAFETY: it was taken from a queue, so it is off its CPU and the caller's.
            unsafe { goroutine.context() }
        };
        self.set_current(Some(goroutine));
        Some(to)
    }

    /// Leaves word for the worker that is switched to next.
    #[inline(always)]
    pub(crate) fn assign(&self, assignment: Assignment) {
        self.assigned.set(Some(assignment));
    }

    #[inline(always)]
    pub(crate) fn take_assignment(&self) -> Assignment {
        self.assigned.take().expect("a worker is only resumed with an assignment")
    }
}
