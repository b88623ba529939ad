//! The join word: the end of a goroutine against the one handle that may wait for it.
//!
//! | state | meaning | who moves it on |
//! |---|---|---|
//! | `ATTACHED` | there is a handle, and nobody waits | goroutine → `FINISHED`; handle → a joiner, `DETACHED` |
//! | `DETACHED` | there is no handle: the goroutine frees its record | – |
//! | a joiner | the handle's owner waits; its ticket is in the node | goroutine → `FINISHING`; the joiner, giving up → `ATTACHED` |
//! | `FINISHING` | the goroutine is reading the node | goroutine → `FINISHED` |
//! | `FINISHED` | the result is in the record, which is the handle's now | – |
//!
//! Invariants: 1. the record has one owner at any time: the goroutine until it stores `FINISHED`
//! or finds `DETACHED`, the handle from then on; the goroutine touches nothing of it afterwards.
//! 2. The node is valid until its owner sees `FINISHED` or has taken it out itself.

use crate::clock::Deadline;
use crate::park::{self, Outcome, Ticket, Wait};
use crate::prim::atomic::{AtomicPtr, Ordering::*};
use std::ptr;

/// Who waits for the end; lies on the waiter's stack or in a handle that is polled.
#[derive(Debug)]
pub(crate) struct Joiner {
    pub(crate) ticket: Ticket,
}

const ATTACHED: *mut Joiner = ptr::null_mut();
const DETACHED: *mut Joiner = ptr::without_provenance_mut(1);
const FINISHING: *mut Joiner = ptr::without_provenance_mut(2);
const FINISHED: *mut Joiner = ptr::without_provenance_mut(3);

#[derive(Debug)]
pub(crate) struct JoinWord(AtomicPtr<Joiner>);

/// Who has to free the record after the goroutine's end.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Goroutine,
    Handle,
}

impl JoinWord {
    pub(crate) fn new() -> JoinWord {
        JoinWord(AtomicPtr::new(DETACHED))
    }

    /// At the start of a life.
    #[inline(always)]
    pub(crate) fn start(&self, attached: bool) {
        self.0.store(if attached { ATTACHED } else { DETACHED }, Relaxed);
    }

    /// Goroutine: is there nobody who could want the result?
    #[inline(always)]
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load(Acquire) == DETACHED
    }

    /// Goroutine: the result is in its place. The record is not the goroutine's any more if this
    /// says that the handle owns it.
    #[inline]
    pub(crate) fn finish(&self) -> Owner {
        match self.0.compare_exchange(ATTACHED, FINISHED, AcqRel, Acquire) {
            Ok(_) => return Owner::Handle,
            Err(now) if now == DETACHED => return Owner::Goroutine,
            Err(_) => {}
        }
        let joiner = self.0.swap(FINISHING, AcqRel);
        if joiner == ATTACHED || joiner == DETACHED {
            // The joiner has given up, or its handle has gone, in between.
            if joiner == DETACHED {
                return Owner::Goroutine;
            }
            self.0.store(FINISHED, Release);
            return Owner::Handle;
        }
        // SAFETY: by invariant 2.
        let ticket = unsafe { (*joiner).ticket };
        // SAFETY: the joiner cannot end before it sees FINISHED.
        let claim = unsafe { ticket.claim(Outcome::arm(0)) };
        self.0.store(FINISHED, Release);
        // Invariant 1: from here on the record may be gone. The joiner itself stays until woken.
        if let Some(claim) = claim {
            claim.wake();
        }
        Owner::Handle
    }

    /// Handle: has the goroutine ended?
    #[inline(always)]
    pub(crate) fn is_finished(&self) -> bool {
        self.0.load(Acquire) == FINISHED
    }

    /// Handle: gives the goroutine up. Returns who frees the record.
    pub(crate) fn detach(&self) -> Owner {
        match self.0.compare_exchange(ATTACHED, DETACHED, AcqRel, Acquire) {
            Ok(_) => Owner::Goroutine,
            Err(_) => {
                self.await_finished();
                Owner::Handle
            }
        }
    }

    /// Handle: names who is to be woken at the end. False: it has come already.
    pub(crate) fn attach_joiner(&self, joiner: &Joiner) -> bool {
        let joiner = ptr::from_ref(joiner).cast_mut();
        let attached = self.0.compare_exchange(ATTACHED, joiner, AcqRel, Acquire).is_ok();
        if !attached {
            // It may be FINISHING, over an earlier joiner that has been taken back since.
            self.await_finished();
        }
        attached
    }

    /// Handle: takes the joiner out again. False: the goroutine has ended.
    pub(crate) fn take_joiner_back(&self, joiner: &Joiner) -> bool {
        let joiner = ptr::from_ref(joiner).cast_mut();
        let left = self.0.compare_exchange(joiner, ATTACHED, AcqRel, Acquire).is_ok();
        if !left {
            self.await_finished();
        }
        left
    }

    /// The goroutine is between reading the joiner and its last store: a few instructions.
    fn await_finished(&self) {
        while self.0.load(Acquire) != FINISHED {
            crate::prim::thread::yield_now();
        }
    }

    /// Handle: blocks until the goroutine has ended, or until the waiter itself is to be ended by
    /// a shutdown (false). A waiter that is shielded from shutdowns always sees the end.
    pub(crate) fn wait(&self, why: Wait) -> bool {
        if self.is_finished() {
            return true;
        }
        park::with_task(|task| {
            let joiner = Joiner { ticket: task.arm() };
            if !self.attach_joiner(&joiner) {
                task.disarm();
                return true;
            }
            match park::block(task, Deadline::NEVER, why) {
                Outcome::SHUTDOWN => !self.take_joiner_back(&joiner),
                _ => true,
            }
        })
    }
}
