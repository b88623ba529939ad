//! A plain thread that waits: its task lies on its stack, and std parks the thread.

use super::word::{Outcome, Task};
use crate::clock::Deadline;
use crate::prim::thread::{self, Thread};
use std::ptr::NonNull;

#[repr(C)]
#[derive(Debug)]
pub(super) struct ThreadTask {
    /// First, so that a pointer to the task is a pointer to the whole.
    task: Task,
    thread: Thread,
}

impl ThreadTask {
    /// A task for the calling thread.
    #[inline]
    pub(super) fn new_in(place: &mut Option<ThreadTask>) -> &Task {
        let whole = ThreadTask { task: Task::new(resume), thread: thread::current() };
        &place.insert(whole).task
    }
}

/// # Safety
/// `task` is the head of a `ThreadTask` that is parked and claimed by the caller.
unsafe fn resume(task: NonNull<Task>) {
    // SAFETY: by this function's contract; the task comes first in a `repr(C)` struct.
    let whole = unsafe { task.cast::<ThreadTask>().as_ref() };
    // The waiter returns as soon as it sees the mark, and its stack frame is gone then.
    let thread = whole.thread.clone();
    whole.task.notify();
    thread.unpark();
}

/// Waits for a moment without sleeping, as the kernel takes some microseconds to put a thread to
/// sleep and wake it, and the other side of a busy channel is often faster. (Two threads and a buffer
/// of 16: 45 ns a message instead of 1,200.)
#[cfg(not(loom))]
fn linger(task: &Task) -> Option<Outcome> {
    const SPINS: u32 = 6;
    const YIELDS: u32 = 4;
    for round in 0..SPINS + YIELDS {
        if let Some(outcome) = task.notified() {
            return Some(outcome);
        }
        if round < SPINS {
            (0..1 << round).for_each(|_| std::hint::spin_loop());
        } else {
            thread::yield_now();
        }
    }
    None
}

/// Blocks the thread until the wait is over.
pub(super) fn block(task: &Task, deadline: Deadline) -> Outcome {
    #[cfg(not(loom))]
    if let Some(outcome) = linger(task) {
        return outcome;
    }
    if !task.commit() {
        return task.resumed();
    }
    loop {
        if let Some(outcome) = task.notified() {
            return outcome;
        }
        #[cfg(not(loom))]
        if let Some(instant) = deadline.remaining() {
            if !instant.is_zero() {
                thread::park_timeout(instant);
            } else if task.take_back() {
                return Outcome::TIMED_OUT;
            } else {
                // Claimed at the last moment: the mark is a few instructions away.
                thread::park();
            }
            continue;
        }
        #[cfg(loom)]
        if deadline != Deadline::NEVER && task.take_back() {
            // In a model a deadline may pass at any time.
            return Outcome::TIMED_OUT;
        }
        thread::park();
    }
}
