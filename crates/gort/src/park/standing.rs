//! A wait that is the same again and again, so that its tickets stay where they are: for a select over many
//! arms, which would else hand out as many tickets, and take as many waiters off their queues, for each message.
//!
//! It has a task of its own, like a future, in memory that does not move. Between two runs it is *closed*: its
//! tickets claim nothing. Who meets one of its waiters then takes it off the queue, as it does with any
//! waiter whose wait is over, and leaves a *note* of it here; the owner asks such an arm anew before it waits
//! the next time. So an arm without a note still stands in its queue, and nothing has happened there.
//!
//! Invariants:
//! 1. It is opened only while there is no note, and a note is left only while it is not open, both under the
//!    lock. So whoever comes to a queue either claims the wait, or is seen before the owner waits.
//! 2. A claimer marks the wait as over under the lock, and the lock's release is the last that it does with
//!    this; so an owner that has taken the lock and seen the mark may go on, and free it.
//! 3. The owner's ticket is used only under the lock by who has claimed the wait, and the owner does not leave
//!    its own wait before the claim has been taken back, or the mark seen: so its task is there.
//! 4. There is room for a note of each arm: an arm has a note only while it is not in its queue, and the owner
//!    takes it out before the arm goes back there.
//!
//! What it costs others: there may be a note to be left wherever a waiter is claimed, and registers are saved for the call that does
//! it, although it is hardly ever made. A dozen instructions for a message that finds a waiter (`.ci/gates chan.rendezvous`), 2 % of
//! `peer-gort select w=1`. With the waiter put back for who comes next, or with standing waiters claimed out of line altogether,
//! it was more.

use super::word::{Claim, Outcome, Task, Ticket};
use super::{Wait, block, with_task};
use crate::clock::Deadline;
use crate::prim::{GiveWay, Lock};
use std::ptr::NonNull;

/// How [`Standing::wait`] has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stood {
    /// With this arm, which is off its queue.
    Served(usize),
    /// Not begun: there are notes.
    Noted,
    TimedOut,
    /// By a shutdown; perhaps with an arm, as above.
    Shutdown(Option<usize>),
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct Standing {
    /// First, so that a pointer to the task is a pointer to the whole.
    task: Task,
    inner: Lock<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// For the wait of who waits here.
    owner: Option<Ticket>,
    notes: Vec<u32>,
}

impl Standing {
    /// One that is closed, for so many arms.
    pub(crate) fn new(arms: usize) -> Standing {
        let inner = Inner { owner: None, notes: Vec::with_capacity(arms) };
        Standing { task: Task::new(resume), inner: Lock::new(inner) }
    }

    /// What the arms' waiters are to have; for all of its waits.
    pub(crate) fn ticket(&self) -> Ticket {
        self.task.ticket()
    }

    /// There are to be as many arms at most.
    pub(crate) fn make_room(&self, arms: usize) {
        let mut notes = Vec::with_capacity(arms);
        {
            let mut inner = self.inner.lock();
            notes.extend_from_slice(&inner.notes);
            std::mem::swap(&mut notes, &mut inner.notes);
        }
    }

    /// Takes the notes out: the arms that are in no queue any more.
    pub(crate) fn take_notes(&self, take: impl FnMut(u32)) {
        self.inner.lock().notes.drain(..).for_each(take);
    }

    /// Waits until an arm is served.
    pub(crate) fn wait(&self, deadline: Deadline) -> Stood {
        with_task(|task| {
            if !self.open(task.arm()) {
                task.disarm();
                return Stood::Noted;
            }
            match block(task, deadline, Wait::Select) {
                Outcome::TIMED_OUT => self.close().map_or(Stood::TimedOut, Stood::Served),
                Outcome::SHUTDOWN => Stood::Shutdown(self.close()),
                _ => Stood::Served(self.task.resumed().index()),
            }
        })
    }

    fn open(&self, owner: Ticket) -> bool {
        let mut inner = self.inner.lock();
        if !inner.notes.is_empty() {
            return false;
        }
        inner.owner = Some(owner);
        self.task.arm_again();
        true
    }

    /// Closes it: the arm that was served at the last moment, if one was, for which this may have to wait for a
    /// moment.
    fn close(&self) -> Option<usize> {
        if self.task.take_back() {
            return None;
        }
        let mut give_way = GiveWay::default();
        loop {
            {
                let _marked_under_it = self.inner.lock();
                if let Some(outcome) = self.task.notified() {
                    return Some(outcome.index());
                }
            }
            give_way.once();
        }
    }
}

/// # Safety
/// `task` is the head of a `Standing` whose wait the caller has claimed.
unsafe fn resume(task: NonNull<Task>) {
    // SAFETY: by this function's contract; the task comes first in a `repr(C)` struct.
    let whole = unsafe { task.cast::<Standing>().as_ref() };
    let claim = {
        let mut inner = whole.inner.lock();
        whole.task.notify();
        // SAFETY: by invariant 3.
        inner.owner.take().and_then(|owner| unsafe { owner.claim(Outcome::arm(0)) })
    };
    if let Some(claim) = claim {
        claim.wake();
    }
}

/// For who has met a waiter of a standing wait that seemed to be closed, and has taken it off its queue: claims the wait
/// after all, or leaves a note of `arm`.
///
/// # Safety
/// The ticket is a [`Standing`]'s that is still there, as for [`Ticket::claim`].
#[cold]
#[inline(never)]
pub(super) unsafe fn claim_or_note(ticket: Ticket, arm: u32, outcome: Outcome) -> Option<Claim> {
    // SAFETY: by this function's contract.
    let whole = unsafe { ticket.task().cast::<Standing>().as_ref() };
    let mut inner = whole.inner.lock();
    // SAFETY: as above.
    let claim = unsafe { ticket.claim(outcome) };
    if claim.is_none() {
        inner.note(arm);
    }
    claim
}

/// As [`claim_or_note`] for who only asks whether the wait is open: leaves a note if it is not.
///
/// # Safety
/// As for [`claim_or_note`].
#[cold]
#[inline(never)]
pub(super) unsafe fn is_open_or_note(ticket: Ticket, arm: u32) -> bool {
    // SAFETY: by this function's contract.
    let whole = unsafe { ticket.task().cast::<Standing>().as_ref() };
    let mut inner = whole.inner.lock();
    // SAFETY: as above.
    let is_open = unsafe { ticket.is_open() };
    if !is_open {
        inner.note(arm);
    }
    is_open
}

impl Inner {
    fn note(&mut self, arm: u32) {
        // By invariant 4 this does not allocate.
        debug_assert!(self.notes.len() < self.notes.capacity());
        self.notes.push(arm);
    }
}
