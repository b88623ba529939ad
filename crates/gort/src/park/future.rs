//! A future that waits: its task is parked from the start, and resuming it wakes the waker.

use super::word::{Outcome, Task, Ticket};
use crate::prim::Lock;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// The task of a future. Must not move while a wait is on.
///
/// The claimer marks the wait as over while it holds the lock of the waker, and the lock's release is
/// the last that it does with the task. So an owner that has taken the lock and seen the mark may
/// free the task.
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

    /// Starts a wait, for which `cx` is to be woken.
    pub(crate) fn arm(&self, cx: &Context<'_>) -> Ticket {
        *self.waker.lock() = Some(cx.waker().clone());
        self.task.arm_parked()
    }

    /// The task, to take a wait back with.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Has the wait been claimed and done? Else wakes `cx` when it is.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        let mut waker = self.waker.lock();
        if let Some(outcome) = self.task.notified() {
            return Poll::Ready(outcome);
        }
        let old = match &mut *waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            waker => waker.replace(cx.waker().clone()),
        };
        drop(waker);
        drop(old);
        Poll::Pending
    }

    /// Ends a wait from the owner's side: `None` if nobody had claimed it, else the outcome, for
    /// which this may have to wait a moment.
    pub(crate) fn cancel(&self) -> Option<Outcome> {
        if self.task.take_back() {
            return None;
        }
        loop {
            {
                let _waker = self.waker.lock();
                if let Some(outcome) = self.task.notified() {
                    return Some(outcome);
                }
            }
            crate::prim::thread::yield_now();
        }
    }
}

/// # Safety
/// `task` is the head of a `FutureTask` whose wait the caller has claimed.
unsafe fn resume(task: NonNull<Task>) {
    // SAFETY: by this function's contract; the task comes first in a `repr(C)` struct.
    let whole = unsafe { task.cast::<FutureTask>().as_ref() };
    let waker = {
        let mut waker = whole.waker.lock();
        whole.task.notify();
        waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}
