//! How long an operation may wait: for ever, up to a time, or until a context is cancelled.

use crate::clock::Deadline;
#[cfg(not(loom))]
use crate::context::{Context, Watcher};
use crate::park::{self, Outcome, Task, Wait};
use std::marker::PhantomData;
use std::time::{Duration, Instant};

/// When to give up waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit<'a> {
    Deadline(Deadline, PhantomData<&'a ()>),
    #[cfg(not(loom))]
    Context(&'a Context),
}

impl Limit<'_> {
    pub(crate) const NEVER: Limit<'static> = Limit::Deadline(Deadline::NEVER, PhantomData);

    pub(crate) fn after(timeout: Duration) -> Limit<'static> {
        Limit::Deadline(Deadline::after(timeout), PhantomData)
    }

    pub(crate) fn at(deadline: Instant) -> Limit<'static> {
        Limit::Deadline(Deadline::at(deadline), PhantomData)
    }

    /// As [`park::block`]. The wait also ends, as [`Outcome::TIMED_OUT`] or [`Outcome::CANCELLED`], when
    /// the limit is reached.
    #[inline]
    pub(crate) fn block(self, task: &Task, why: Wait) -> Outcome {
        match self {
            Limit::Deadline(deadline, _) => park::block(task, deadline, why),
            #[cfg(not(loom))]
            Limit::Context(context) => block_with_context(context, task, why),
        }
    }
}

/// Was the wait ended by its limit?
pub(crate) fn gave_up(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::TIMED_OUT | Outcome::CANCELLED)
}

#[cfg(not(loom))]
#[cold]
fn block_with_context(context: &Context, task: &Task, why: Wait) -> Outcome {
    let watcher = Watcher::new();
    // SAFETY: the watcher stays here until it is forgotten below.
    let watched = unsafe { context.watch(&watcher, task.ticket()) };
    if !watched && task.take_back() {
        return Outcome::CANCELLED;
    }
    let outcome = park::block(task, Deadline::NEVER, why);
    context.forget(&watcher);
    outcome
}
