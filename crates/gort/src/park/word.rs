//! The park word: who may wake a waiting task, exactly once.
//!
//! A task that is about to wait *arms* its word and hands out [`Ticket`]s: to channels, timers,
//! joins, the shutdown. Each holder of a ticket may try to *claim* the wait; one wins, and says why
//! (the [`Outcome`]). The winner then does what it has to do for the waiter (writes a message into
//! its slot, say) and *wakes* it. A ticket of an earlier wait is harmless: the word holds the
//! number of the wait, and a claim for another number fails. So nobody has to take tickets back.
//!
//! | state | meaning | who moves it on |
//! |---|---|---|
//! | `RUNNING` | the task runs and waits for nothing | owner: arm → `ARMED`, or → `PARKED` if it is never on a CPU while it waits |
//! | `ARMED` | tickets are out, the task is still on its CPU | owner: commit → `PARKED`, or takes it back → `RUNNING`; claimer → `CLAIMED` |
//! | `PARKED` | its registers are saved, or its thread has decided to sleep | claimer → `CLAIMED_PARKED`; a thread or a future takes it back → `RUNNING` |
//! | `CLAIMED` | claimed while still on its CPU; the claimer is at work for it | claimer: wake → `NOTIFIED`; owner: commit → `CLAIMED_PARKED` |
//! | `CLAIMED_PARKED` | claimed and off its CPU | claimer: wake → resumes it, a thread or a future by → `NOTIFIED`; or takes it over, and arms it anew |
//! | `NOTIFIED` | the claimer is done, before the owner was off its CPU or for an owner that looks for that | owner goes on |
//!
//! Invariants:
//! 1. Of all tickets of one wait, at most one claim succeeds (a compare-and-swap on the word).
//! 2. The owner does not go on from a claimed wait before the claimer has called
//!    [`Claim::wake`], so the claimer may write to the waiter's memory until then.
//! 3. Exactly one party puts the task back on a queue: the claimer if it saw, or later finds, the
//!    task parked; else nobody, as the owner goes on by itself.
//! 4. What was written before `commit` (the saved registers) is seen by whoever resumes the task:
//!    commit releases, claim and wake acquire.
//!
//! The same word serves goroutines (commit runs on the *next* goroutine's stack, after the switch),
//! plain threads and futures; the loom models are in `models`.

#[cfg(all(test, loom))]
mod models;

use crate::prim::atomic::{AtomicU64, Ordering::*};
use gort_context::prefetch;
use std::marker::PhantomPinned;
use std::ptr::NonNull;

const STATE_BITS: u32 = 3;
const OUTCOME_BITS: u32 = 21;
const STATE_MASK: u64 = (1 << STATE_BITS) - 1;
const OUTCOME_MASK: u64 = ((1 << OUTCOME_BITS) - 1) << STATE_BITS;
const WAIT_SHIFT: u32 = STATE_BITS + OUTCOME_BITS;
const WAIT_ONE: u64 = 1 << WAIT_SHIFT;

const RUNNING: u64 = 0;
const ARMED: u64 = 1;
const PARKED: u64 = 2;
const CLAIMED: u64 = 3;
const CLAIMED_PARKED: u64 = 4;
const NOTIFIED: u64 = 5;

/// What a claim adds to the state.
const CLAIM: u64 = CLAIMED - ARMED;
const _: () = assert!(PARKED + CLAIM == CLAIMED_PARKED);

/// Why a wait ended, as told by its claimer: the number of an arm, or one of the constants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outcome(u32);

impl Outcome {
    /// The deadline has passed.
    pub(crate) const TIMED_OUT: Outcome = Outcome((1 << OUTCOME_BITS) - 1);
    /// The runtime is being shut down: clean up, then call `park::unwind`.
    pub(crate) const SHUTDOWN: Outcome = Outcome((1 << OUTCOME_BITS) - 2);
    /// The context that the wait was to end with has been cancelled.
    pub(crate) const CANCELLED: Outcome = Outcome((1 << OUTCOME_BITS) - 3);
    /// As many arms as one wait can have.
    pub(crate) const MAX_ARMS: usize = (1 << OUTCOME_BITS) - 8;

    /// The `index`-th arm of the wait was served; what that means is the waiter's affair.
    #[inline(always)]
    pub(crate) fn arm(index: usize) -> Outcome {
        debug_assert!(index < Self::MAX_ARMS);
        Outcome(index as u32)
    }

    #[inline(always)]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What can wait: the head of a goroutine's record, of a plain thread's or of a future's.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Task {
    word: AtomicU64,
    /// Puts a task that is off its CPU back to work. Called by the claimer, once per wait.
    resume: unsafe fn(NonNull<Task>),
    /// Tickets point to it. By this the compiler knows that whoever moves a box with one in it, or has `&mut` to it, is not the
    /// only one with a pointer there.
    _pinned: PhantomPinned,
}

impl Task {
    /// `resume` is called with the task when it is parked, claimed and to go on.
    pub(crate) fn new(resume: unsafe fn(NonNull<Task>)) -> Task {
        Task { word: AtomicU64::new(RUNNING), resume, _pinned: PhantomPinned }
    }

    /// Owner: starts a wait. To be followed by `block`, or by `take_back` or `disarm`.
    #[inline(always)]
    pub(crate) fn arm(&self) -> Ticket {
        self.arm_as(ARMED)
    }

    /// As [`arm`](Self::arm), for an owner that is never on a CPU while it waits (a future).
    pub(crate) fn arm_parked(&self) -> Ticket {
        self.arm_as(PARKED)
    }

    #[inline(always)]
    fn arm_as(&self, state: u64) -> Ticket {
        // Only the owner moves the word while no wait is on, so a plain store will do; what hands
        // the ticket out (a lock, as a rule) publishes it.
        let wait = (self.word.load(Relaxed) & !(OUTCOME_MASK | STATE_MASK)).wrapping_add(WAIT_ONE);
        self.word.store(wait | state, Relaxed);
        Ticket { task: NonNull::from(self), wait }
    }

    /// Owner: starts the wait once more whose tickets are out already, for an owner that is never on a CPU
    /// while it waits (a [standing](super::standing) one). Whoever claims it sees what was written before.
    pub(crate) fn arm_again(&self) {
        let word = self.word.load(Relaxed);
        self.word.store(word & !(OUTCOME_MASK | STATE_MASK) | PARKED, Release);
    }

    /// Owner: a ticket for the wait that is armed.
    #[inline(always)]
    pub(crate) fn ticket(&self) -> Ticket {
        let word = self.word.load(Relaxed);
        Ticket { task: NonNull::from(self), wait: word & !(OUTCOME_MASK | STATE_MASK) }
    }

    /// Owner: ends a wait whose tickets nobody has seen.
    #[inline(always)]
    pub(crate) fn disarm(&self) {
        let word = self.word.load(Relaxed);
        debug_assert!(matches!(word & STATE_MASK, ARMED | PARKED));
        self.word.store(word & !STATE_MASK, Relaxed);
    }

    /// Owner: tries to end the wait itself. False: somebody has claimed it, `block` will tell who.
    #[inline]
    pub(crate) fn take_back(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while matches!(word & STATE_MASK, ARMED | PARKED) {
            match self.word.compare_exchange_weak(word, word & !STATE_MASK, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Owner: has somebody claimed the wait? A hint: to stop preparing early.
    #[inline(always)]
    pub(crate) fn is_claimed(&self) -> bool {
        self.word.load(Relaxed) & STATE_MASK >= CLAIMED
    }

    /// Owner: the outcome, if the wait is over.
    #[inline(always)]
    pub(crate) fn notified(&self) -> Option<Outcome> {
        let word = self.word.load(Acquire);
        (word & STATE_MASK == NOTIFIED).then(|| outcome_of(word))
    }

    /// On behalf of the owner, after its registers are saved (or before its thread sleeps).
    /// `false`: the wait is over already, and the caller has to let the owner go on.
    #[inline(always)]
    pub(crate) fn commit(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        loop {
            let to = match word & STATE_MASK {
                ARMED => PARKED,
                CLAIMED => CLAIMED_PARKED,
                state => {
                    debug_assert_eq!(state, NOTIFIED);
                    // The claimer's writes are acquired by the owner in `resumed`.
                    return false;
                }
            };
            match self.word.compare_exchange(word, word & !STATE_MASK | to, AcqRel, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Owner, back on a CPU after a wait: why it ended.
    #[inline(always)]
    pub(crate) fn resumed(&self) -> Outcome {
        let word = self.word.load(Acquire);
        debug_assert!(matches!(word & STATE_MASK, CLAIMED_PARKED | NOTIFIED));
        outcome_of(word)
    }

    /// Marks the end of a wait for an owner that polls for it (a thread, a future).
    /// To be called by `resume` functions only.
    #[inline]
    pub(crate) fn notify(&self) {
        let word = self.word.load(Relaxed);
        debug_assert_eq!(word & STATE_MASK, CLAIMED_PARKED);
        self.word.store(word & !STATE_MASK | NOTIFIED, Release);
    }

    /// A ticket for the wait that is on now, for those who find the task by other ways than having
    /// been handed a ticket: the shutdown. `None`: it is not parked.
    pub(crate) fn parked_ticket(&self) -> Option<Ticket> {
        let word = self.word.load(Acquire);
        (word & STATE_MASK == PARKED).then(|| Ticket {
            task: NonNull::from(self),
            wait: word & !(OUTCOME_MASK | STATE_MASK),
        })
    }
}

fn outcome_of(word: u64) -> Outcome {
    Outcome(((word & OUTCOME_MASK) >> STATE_BITS) as u32)
}

/// The right to try to end one wait of one task. Outlives the wait without harm, but not the task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket {
    task: NonNull<Task>,
    /// The number of the wait, in place; the other bits are zero.
    wait: u64,
}

// SAFETY: a ticket only allows atomic operations on the word.
unsafe impl Send for Ticket {}
// SAFETY: as above.
unsafe impl Sync for Ticket {}

impl Ticket {
    /// Tries to end the wait. `None`: it is over, or somebody else has claimed it.
    ///
    /// # Safety
    /// The task's memory is still there: the waiter is linked in a structure that the caller has
    /// locked and that it must unlink itself from before it can end, or the memory is never freed.
    #[inline(always)]
    pub(crate) unsafe fn claim(self, outcome: Outcome) -> Option<Claim> {
        // SAFETY: by this function's contract.
        let task = unsafe { self.task.as_ref() };
        let claimed = self.wait | (outcome.0 as u64) << STATE_BITS;
        let mut word = task.word.load(Relaxed);
        loop {
            // The state, if it is this wait's that has no outcome yet.
            let state = word ^ self.wait;
            if state != ARMED && state != PARKED {
                return None;
            }
            // `CLAIMED` or `CLAIMED_PARKED`.
            let new = claimed | (state + CLAIM);
            match task.word.compare_exchange(word, new, AcqRel, Relaxed) {
                Ok(_) => return Some(Claim { task: self.task, parked: state == PARKED }),
                Err(now) => word = now,
            }
        }
    }

    /// Has fetched what to claim it takes.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch::lines(self.task.as_ptr(), 2);
    }

    pub(super) fn task(self) -> NonNull<Task> {
        self.task
    }

    /// The claim of a wait that was [deferred](Claim::defer).
    ///
    /// # Safety
    /// It was, by the caller or whoever the caller has it from, and has not been woken since.
    pub(crate) unsafe fn claimed(self) -> Claim {
        // If it has parked, `wake` finds that out.
        Claim { task: self.task, parked: false }
    }

    /// Is the wait still open? A hint, for throwing away tickets of waits that are over.
    ///
    /// # Safety
    /// As for [`claim`](Self::claim).
    pub(crate) unsafe fn is_open(self) -> bool {
        // SAFETY: by this function's contract.
        let word = unsafe { self.task.as_ref() }.word.load(Relaxed);
        word == self.wait | PARKED || word == self.wait | ARMED
    }
}

/// A wait that the holder has ended and has to wake. The waiter's memory stays until then.
#[must_use = "a claimed task never goes on unless it is woken"]
#[derive(Debug)]
pub(crate) struct Claim {
    task: NonNull<Task>,
    parked: bool,
}

// SAFETY: the claim is a right to one task, which any thread may use.
unsafe impl Send for Claim {}

impl Claim {
    /// For a task that is not to go on by itself: its owner is whoever has claimed it, who may arm it
    /// anew, or end it.
    pub(crate) fn take_over(self) {
        debug_assert!(self.parked, "who is on its CPU goes on");
    }

    /// For who wakes a task by other ways than its `resume`.
    pub(super) fn into_task(self) -> NonNull<Task> {
        self.task
    }

    /// Puts it off: who has the ticket gets the claim [back](Ticket::claimed).
    pub(crate) fn defer(self) {}

    /// Lets the task go on. Its memory may be gone when this returns.
    #[inline(always)]
    pub(crate) fn wake(self) {
        // SAFETY: by invariant 2 the owner is still waiting.
        let task = unsafe { self.task.as_ref() };
        let resume = task.resume;
        if !self.parked && task.notify_claimed() {
            return; // invariant 3: the owner goes on by itself, and may be gone
        }
        // SAFETY: the task is parked and this was the only claim of the wait, so it is still there.
        unsafe { resume(self.task) }
    }
}

impl Task {
    /// Claimer, of a task that was on its CPU: `CLAIMED` → `NOTIFIED`. False: it has parked since.
    fn notify_claimed(&self) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & STATE_MASK == CLAIMED {
            let new = word & !STATE_MASK | NOTIFIED;
            match self.word.compare_exchange_weak(word, new, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        // Acquire what `commit` released, so that whoever resumes the task sees its registers.
        let word = self.word.load(Acquire);
        debug_assert_eq!(word & STATE_MASK, CLAIMED_PARKED);
        false
    }
}
