//! How long an operation may wait: for ever, up to a time, or until a context ends.

use super::signal::Signal;
use super::{Outcome, Task, Wait};
use crate::clock::Deadline;
use std::time::{Duration, Instant};

/// When to give up waiting.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit<'a> {
    Deadline(Deadline),
    /// A context's end.
    Signal(&'a Signal),
}

impl Limit<'_> {
    pub(crate) const NEVER: Limit<'static> = Limit::Deadline(Deadline::NEVER);

    pub(crate) fn after(timeout: Duration) -> Limit<'static> {
        Limit::Deadline(Deadline::after(timeout))
    }

    pub(crate) fn at(deadline: Instant) -> Limit<'static> {
        Limit::Deadline(Deadline::at(deadline))
    }

    /// As [`park::block`](super::block). The wait also ends, as [`Outcome::TIMED_OUT`] or [`Outcome::CANCELLED`], when
    /// the limit is reached.
    #[inline]
    pub(crate) fn block(self, task: &Task, why: Wait) -> Outcome {
        match self {
            Limit::Deadline(deadline) => super::block(task, deadline, why),
            Limit::Signal(signal) => signal.block(task, why),
        }
    }
}

/// Was the wait ended by its limit?
pub(crate) fn gave_up(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::TIMED_OUT | Outcome::CANCELLED)
}

/// The limit was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GaveUp;
