//! The join word: the end of a goroutine against the one handle that may wait for it.
//!
//! | state | meaning | who moves it on |
//! |---|---|---|
//! | `ATTACHED` | there is a handle, and nobody waits | goroutine → `FINISHED`; handle → a joiner, `DETACHED` |
//! | `DETACHED` | there is no handle: the goroutine frees its record | – |
//! | a joiner | the handle's owner waits; its ticket is in the node | goroutine → `FINISHING`; the joiner, giving up → `ATTACHED` |
//! | `FINISHING` | the goroutine is reading the node | goroutine → `FINISHED`, or `WAKING` if the handle was polled |
//! | `WAKING` | the result is in the record, and the goroutine calls the waker of a handle that was polled | goroutine → `FINISHED`; handle, with the result → `DETACHED` |
//! | `FINISHED` | the result is in the record, which is the handle's now | – |
//!
//! Invariants: 1. the record has one owner at any time: the goroutine until it stores `FINISHED`, and to the end if it
//! finds `DETACHED`; the handle from `FINISHED` on, when the goroutine touches nothing of it any more. In `WAKING` the result
//! alone is the handle's: a waker is code of the user's, which runs in the goroutine, and may park it.
//! 2. The node is valid until its owner sees `WAKING` or `FINISHED`, or has taken it out itself.

use crate::clock::Deadline;
use crate::park::{self, Claim, Outcome, Ticket, Wait};
use crate::prim::GiveWay;
use crate::prim::atomic::{AtomicPtr, Ordering::*};
use std::ptr;

/// Who waits for the end; lies on the waiter's stack or in a handle that is polled.
#[derive(Debug)]
pub(crate) struct Joiner {
    pub(crate) ticket: Ticket,
    /// Is it a handle's that is polled? Then waking it calls a waker.
    pub(crate) is_polled: bool,
}

const ATTACHED: *mut Joiner = ptr::null_mut();
const DETACHED: *mut Joiner = ptr::without_provenance_mut(1);
const FINISHING: *mut Joiner = ptr::without_provenance_mut(2);
const FINISHED: *mut Joiner = ptr::without_provenance_mut(3);
const WAKING: *mut Joiner = ptr::without_provenance_mut(4);

#[derive(Debug)]
pub(crate) struct JoinWord(AtomicPtr<Joiner>);

/// Who has to free the record after the goroutine's end.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Goroutine,
    Handle,
}

/// What is left to do for a goroutine that has ended.
#[must_use]
#[derive(Debug)]
pub(crate) enum End {
    /// The record is the handle's: nothing.
    HandedOver,
    /// There is no handle: to drop the result, and free the record.
    Alone,
    /// To wake who has polled the handle, and then to ask [`has_woken`](JoinWord::has_woken) who frees the record.
    Waking(Claim),
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
    /// says that it was handed over.
    #[inline]
    pub(crate) fn finish(&self) -> End {
        match self.0.compare_exchange(ATTACHED, FINISHED, AcqRel, Acquire) {
            Ok(_) => return End::HandedOver,
            Err(now) if now == DETACHED => return End::Alone,
            Err(_) => {}
        }
        let joiner = self.0.swap(FINISHING, AcqRel);
        if joiner == ATTACHED || joiner == DETACHED {
            // The joiner has given up, or its handle has gone, in between.
            if joiner == DETACHED {
                return End::Alone;
            }
            self.0.store(FINISHED, Release);
            return End::HandedOver;
        }
        // SAFETY: by invariant 2.
        let &Joiner { ticket, is_polled } = unsafe { &*joiner };
        // SAFETY: the joiner cannot end before it sees WAKING or FINISHED.
        let claim = match unsafe { ticket.claim(Outcome::arm(0)) } {
            Some(claim) if is_polled => {
                self.0.store(WAKING, Release);
                return End::Waking(claim);
            }
            claim => claim,
        };
        self.0.store(FINISHED, Release);
        // Invariant 1: from here on the record may be gone. The joiner itself stays until woken.
        if let Some(claim) = claim {
            claim.wake();
        }
        End::HandedOver
    }

    /// Goroutine: who polled the handle has been woken.
    pub(crate) fn has_woken(&self) -> Owner {
        match self.0.compare_exchange(WAKING, FINISHED, AcqRel, Acquire) {
            Ok(_) => Owner::Handle,
            Err(now) => {
                debug_assert_eq!(now, DETACHED);
                Owner::Goroutine
            }
        }
    }

    /// Handle: has taken the result. The record is not the handle's any more if this says that the goroutine owns it.
    #[inline]
    pub(crate) fn leave(&self) -> Owner {
        let is_waking = self.0.load(Acquire) == WAKING;
        if is_waking && self.0.compare_exchange(WAKING, DETACHED, AcqRel, Acquire).is_ok() {
            return Owner::Goroutine;
        }
        Owner::Handle
    }

    /// Handle: has the goroutine ended?
    #[inline(always)]
    pub(crate) fn is_finished(&self) -> bool {
        let now = self.0.load(Acquire);
        now == FINISHED || now == WAKING
    }

    /// Handle: gives the goroutine up. Returns whose the result is now.
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
        let mut give_way = GiveWay::default();
        while !self.is_finished() {
            give_way.once();
        }
    }

    /// Handle: blocks until the goroutine has ended, or until the waiter itself is to be ended by
    /// a shutdown (false). A waiter that is shielded from shutdowns always sees the end.
    pub(crate) fn wait(&self, why: Wait) -> bool {
        if self.is_finished() {
            return true;
        }
        park::with_task(|task| {
            let joiner = Joiner { ticket: task.arm(), is_polled: false };
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

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with `FINISHED` for a handle that is polled, so that the record goes while its goroutine calls the waker;
/// with a goroutine that frees the record without having asked; with a handle that leaves without a word, or does not wait for
/// `FINISHING` to be over.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::park::future::FutureTask;
    use crate::prim::model;
    use crate::prim::{Arc, UnsafeCell, thread};
    use std::task::{Context, Wake, Waker};

    /// What of a record takes part.
    struct Record {
        join: JoinWord,
        result: UnsafeCell<u32>,
        /// What a goroutine uses while it runs, and who frees the record leaves to the next.
        own: UnsafeCell<u32>,
    }

    // SAFETY: the cells are what the models are about: loom checks who touches them when.
    unsafe impl Sync for Record {}
    // SAFETY: as above.
    unsafe impl Send for Record {}

    impl Record {
        fn new() -> Arc<Record> {
            let record = Record {
                join: JoinWord::new(),
                result: UnsafeCell::new(0),
                own: UnsafeCell::new(0),
            };
            record.join.start(true);
            Arc::new(record)
        }

        fn run(&self) {
            // SAFETY: loom checks it.
            self.own.with_mut(|own| unsafe { *own += 1 });
        }

        fn free(&self) {
            // SAFETY: loom checks it.
            self.own.with_mut(|own| unsafe { *own += 10 });
        }

        /// The goroutine's end.
        fn end(&self) {
            // SAFETY: loom checks it.
            self.result.with_mut(|result| unsafe { *result = 7 });
            self.run();
            match self.join.finish() {
                End::HandedOver => {}
                End::Alone => self.free(),
                End::Waking(claim) => {
                    claim.wake();
                    self.run();
                    if self.join.has_woken() == Owner::Goroutine {
                        self.free();
                    }
                }
            }
        }

        fn take(&self) {
            // SAFETY: loom checks it.
            self.result.with(|result| assert_eq!(unsafe { *result }, 7));
            if self.join.leave() == Owner::Handle {
                assert!(self.join.is_finished(), "its goroutine is still at the record");
                self.free();
            }
        }
    }

    /// What a waker does is done by the goroutine that ends.
    struct RunsIn(Arc<Record>);

    impl Wake for RunsIn {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.run();
        }
    }

    fn waker(record: &Arc<Record>) -> Waker {
        std::sync::Arc::new(RunsIn(record.clone())).into()
    }

    fn end(record: &Arc<Record>) -> thread::JoinHandle<()> {
        let record = record.clone();
        thread::spawn(move || record.end())
    }

    fn assert_freed(record: &Record) {
        // SAFETY: both are done.
        record.own.with(|own| assert_eq!(unsafe { *own } / 10, 1, "freed once"));
    }

    /// A handle that is polled once more, and then dropped, against the end of its goroutine.
    #[test]
    fn a_record_is_freed_once_and_last() {
        model(|| {
            let record = Record::new();
            let goroutine = end(&record);
            let waker = waker(&record);
            let task = FutureTask::new();
            let ticket = task.arm(waker.clone());
            let joiner = Joiner { ticket, is_polled: true };
            if !record.join.attach_joiner(&joiner) {
                task.task().disarm();
                record.take();
            } else if task.poll(&Context::from_waker(&waker)).is_ready() {
                record.take();
            } else if record.join.take_joiner_back(&joiner) {
                task.task().disarm();
                if record.join.detach() == Owner::Handle {
                    record.take();
                }
            } else {
                task.cancel();
                record.take();
            }
            goroutine.join().unwrap();
            assert_freed(&record);
        });
    }

    /// A handle that is polled, and then joined.
    #[test]
    fn a_handle_waits_in_another_way() {
        model(|| {
            let record = Record::new();
            let goroutine = end(&record);
            let task = FutureTask::new();
            let ticket = task.arm(waker(&record));
            let joiner = Joiner { ticket, is_polled: true };
            let is_attached = record.join.attach_joiner(&joiner);
            if !is_attached || record.join.take_joiner_back(&joiner) {
                task.task().disarm();
            } else {
                task.cancel();
            }
            assert!(record.join.wait(Wait::Join));
            record.take();
            goroutine.join().unwrap();
            assert_freed(&record);
        });
    }
}
