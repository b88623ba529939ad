//! Park and ready: the one interface on which everything that blocks is built.
//!
//! ```text
//! park::with_task(|task| {
//!     let ticket = task.arm();                  // 1. start a wait
//!     queue.lock().push(Node { ticket, .. });   // 2. hand the ticket to whoever may end it
//!     match park::block(task, deadline, Wait::Recv) {   // 3. off the CPU until it is claimed
//!         Outcome::TIMED_OUT => .., Outcome::SHUTDOWN => { clean up; park::unwind() }, ..
//!     }
//! })
//!
//! // elsewhere, with the queue locked:
//! if let Some(claim) = unsafe { node.ticket.claim(Outcome::arm(0)) } {   // one claimer wins
//!     write to the waiter's slot;
//!     drop(queue);
//!     claim.wake();
//! }
//! ```
//! It is the same for goroutines and plain threads. [`word`] has the states and the argument.

pub(crate) mod future;
mod limit;
pub(crate) mod queue;
mod queue_up;
#[cfg(all(test, loom))]
pub(crate) mod shutdown_model;
pub(crate) mod signal;
pub(crate) mod standing;
mod thread;
pub(crate) mod word;

pub(crate) use limit::{GaveUp, Limit, gave_up};
pub(crate) use queue_up::{queue_up, queue_up_and};
pub(crate) use word::{Claim, Outcome, Task, Ticket};

use crate::clock::Deadline;
use std::hint::black_box;
use std::mem::MaybeUninit;
use thread::ThreadTask;

/// What a goroutine waits for, as dumps tell it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Wait {
    Nothing,
    Send,
    Recv,
    Select,
    Sleep,
    Join,
    Scope,
    Group,
    Blocking,
    Lock,
    Condvar,
    Once,
    Barrier,
    Semaphore,
    Notify,
    Read,
    Write,
}

/// Runs `f` with the task of the caller: the running goroutine's, or one made for a plain thread.
///
/// `f` must not run user code that could block between `arm` and `block`: a task has one wait at
/// a time.
#[inline(always)]
pub(crate) fn with_task<R>(f: impl FnOnce(&Task) -> R) -> R {
    with_room::<(), R>(|task, _| f(task))
}

/// As [`with_task`], with room for a value, a waiter: a goroutine's is in its record, which whoever claims the wait touches
/// anyway, and not on its stack, which is in no cache when many have waited for long. (A channel with 100,000 who wait is
/// closed in four fifths of the time.)
#[inline(always)]
pub(crate) fn with_room<V, R>(f: impl FnOnce(&Task, &mut MaybeUninit<V>) -> R) -> R {
    gort_context::wipe_below();
    let mut thread = None;
    // Not used by most, and written all the same: what is left there from earlier may look like a pointer into the thread's
    // storage (see `sched::home`).
    let mut on_the_stack = MaybeUninit::zeroed();
    if size_of::<V>() > 0 {
        black_box(&mut on_the_stack);
    }
    #[cfg(not(loom))]
    let goroutine = crate::sched::current_goroutine();
    #[cfg(not(loom))]
    let (task, place) = match &goroutine {
        Some(goroutine) => {
            // SAFETY: the room is the caller's, which has one wait at a time: nothing else is there.
            let room = goroutine.room().map(|mut room| unsafe { room.as_mut() });
            (goroutine.task(), room.unwrap_or(&mut on_the_stack))
        }
        None => (ThreadTask::new_in(&mut thread), &mut on_the_stack),
    };
    #[cfg(loom)]
    let (task, place) = (ThreadTask::new_in(&mut thread), &mut on_the_stack);
    #[cfg(all(test, loom))]
    let _found = shutdown_model::Found::new(task);
    f(task, place)
}

/// Blocks the caller, whose armed task this is, until the wait is claimed or the deadline passes.
///
/// On [`Outcome::SHUTDOWN`] the caller takes itself out of all queues and calls [`unwind`].
#[inline]
pub(crate) fn block(task: &Task, deadline: Deadline, why: Wait) -> Outcome {
    #[cfg(not(loom))]
    if let Some(goroutine) = crate::sched::current_goroutine() {
        return crate::sched::park(goroutine, deadline, why);
    }
    let _ = why;
    thread::block(task, deadline)
}

/// Keeps the caller from being put aside until the value is dropped, if it is a goroutine that may be preempted in place: for
/// locks that machines wait for. It must not block meanwhile.
#[inline]
pub(crate) fn inside() -> impl Sized {
    #[cfg(not(loom))]
    crate::sched::inside()
}

/// Ends the running goroutine because its runtime is being shut down: unwinds its stack.
#[cold]
pub(crate) fn unwind() -> ! {
    #[cfg(not(loom))]
    crate::sched::unwind_for_shutdown();
    #[cfg(loom)]
    unreachable!("no runtime in a model");
}

/// To be called by operations that may never block, so that a loop of them yields when the
/// goroutine's time slice is over.
#[inline(always)]
pub(crate) fn checkpoint() {
    #[cfg(not(loom))]
    crate::sched::checkpoint();
}

/// Who is running: to tell whether it is the same one later, while it is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// By its record, as two runtimes may give out the same number.
    #[cfg(not(loom))]
    Goroutine(crate::goroutine::GoroutineRef),
    Thread(crate::prim::thread::ThreadId),
}

/// Who the caller is.
pub(crate) fn caller() -> Caller {
    #[cfg(not(loom))]
    if let Some(goroutine) = crate::sched::current_goroutine() {
        return Caller::Goroutine(goroutine);
    }
    Caller::Thread(crate::prim::thread::current().id())
}
