//! A future that waits: its task is parked from the start, and resuming it wakes the waker.

use super::word::{Claim, Outcome, Task, Ticket};
use crate::prim::{GiveWay, Lock};
use gort_context::pass_discard;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// The task of a future. Must not move while a wait is on.
///
/// The claimer marks the wait as over while it holds the lock of the waker, and the lock's release is
/// the last that it does with the task. So an owner that has taken the lock and seen the mark may
/// free the task.
///
/// To clone, wake or drop a waker is code of the user's, so it is done without the lock.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct FutureTask {
    /// First, so that a pointer to the task is a pointer to the whole.
    task: Task,
    waker: Lock<Option<Waker>>,
}

impl FutureTask {
    pub(crate) fn new() -> FutureTask {
        FutureTask { task: Task::new(resume), waker: Lock::new(None) }
    }

    /// Starts a wait, at whose end `waker` is to be woken.
    pub(crate) fn arm(&self, waker: Waker) -> Ticket {
        let old = self.waker.lock().replace(waker);
        drop(old);
        self.task.arm_parked()
    }

    /// The task, to take a wait back with.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Has the wait been claimed and done? Else wakes `cx` when it is.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        {
            let waker = self.waker.lock();
            if let Some(outcome) = self.task.notified() {
                return Poll::Ready(outcome);
            }
            if waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
        }
        let new = cx.waker().clone();
        let (polled, _unneeded) = {
            let mut waker = self.waker.lock();
            match self.task.notified() {
                Some(outcome) => (Poll::Ready(outcome), Some(new)),
                None => (Poll::Pending, waker.replace(new)),
            }
        };
        polled
    }

    /// Ends a wait from the owner's side: `None` if nobody had claimed it, else the outcome, for
    /// which this may have to wait a moment.
    pub(crate) fn cancel(&self) -> Option<Outcome> {
        if self.task.take_back() {
            return None;
        }
        let mut give_way = GiveWay::default();
        loop {
            {
                let _waker = self.waker.lock();
                if let Some(outcome) = self.task.notified() {
                    return Some(outcome);
                }
            }
            give_way.once();
        }
    }
}

/// # Safety
/// `task` is the head of a `FutureTask` whose wait the caller has claimed.
unsafe fn resume(task: NonNull<Task>) {
    // SAFETY: by this function's contract.
    if let Some(waker) = unsafe { end_wait(task) } {
        wake(waker);
    }
}

/// Ends a wait without waking: that is left to the caller, by [`wake`].
///
/// # Safety
/// The claim is of a `FutureTask`'s wait.
pub(super) unsafe fn end(claim: Claim) -> Option<Waker> {
    // SAFETY: by this function's contract.
    unsafe { end_wait(claim.into_task()) }
}

/// # Safety
/// As for [`resume`].
unsafe fn end_wait(task: NonNull<Task>) -> Option<Waker> {
    // SAFETY: by this function's contract; the task comes first in a `repr(C)` struct.
    let whole = unsafe { task.cast::<FutureTask>().as_ref() };
    let mut waker = whole.waker.lock();
    whole.task.notify();
    waker.take()
}

/// Wakes. A panic goes no further, as whoever has come here may have others to wake, and has not made the waker; a shutdown
/// does not interrupt it, which would be caught with the panics.
pub(crate) fn wake(waker: Waker) {
    let call = || catch_unwind(AssertUnwindSafe(|| waker.wake())).map_err(pass_discard);
    #[cfg(not(loom))]
    if let Err(payload) = crate::sched::shielded(call) {
        // The payload's destructor is user code, too.
        crate::goroutine::panic::drop_caught(payload);
    }
    #[cfg(loom)]
    drop(call());
}
