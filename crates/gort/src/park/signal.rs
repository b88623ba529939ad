//! Something that happens once, the end of a context, and that any wait can be given up for.
//!
//! `ended` is written once, under the queue's lock: whoever finds it zero with the lock held may link up,
//! and is found by the one who sets it. A wait for something else that is to be given up at the end is
//! claimed, like any, with [`Outcome::CANCELLED`]; its watcher lies on the waiting stack and is off the queue
//! before the wait returns. `tests` below holds the loom models.

use super::queue::{Claims, WaitQueue, Waiter};
use super::{Outcome, Task, Wait};
use crate::clock::Deadline;
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU8, Ordering::*};
use std::fmt;
use std::num::NonZeroU8;

pub(crate) struct Signal {
    /// Zero until the end.
    ended: AtomicU8,
    watchers: Lock<WaitQueue<()>>,
}

impl Signal {
    pub(crate) fn new() -> Signal {
        Signal { ended: AtomicU8::new(0), watchers: Lock::new(WaitQueue::new()) }
    }

    /// What it was set to.
    #[inline]
    pub(crate) fn get(&self) -> Option<NonZeroU8> {
        NonZeroU8::new(self.ended.load(Acquire))
    }

    /// Sets it, once; all who wait for it are to be woken.
    pub(crate) fn mark(&self, end: NonZeroU8) -> Claims<()> {
        let mut watchers = self.watchers.lock();
        debug_assert_eq!(self.ended.load(Relaxed), 0);
        self.ended.store(end.get(), Release);
        watchers.claim_all(Outcome::CANCELLED)
    }

    /// As [`park::block`](super::block); the wait also ends, as [`Outcome::CANCELLED`], when this is set.
    #[cold]
    pub(crate) fn block(&self, task: &Task, why: Wait) -> Outcome {
        let watcher = Waiter::new(());
        watcher.set(task.ticket(), 0, ());
        if !self.link(&watcher) && task.take_back() {
            return Outcome::CANCELLED;
        }
        let outcome = super::block(task, Deadline::NEVER, why);
        // SAFETY: it was put on no other queue.
        unsafe { self.watchers.lock().unlink(&watcher) };
        outcome
    }

    /// False: it is set.
    fn link(&self, watcher: &Waiter<()>) -> bool {
        let mut watchers = self.watchers.lock();
        let is_open = self.ended.load(Relaxed) == 0;
        if is_open {
            // SAFETY: the watcher stays on its stack until `block` has unlinked it.
            unsafe { watchers.push(watcher) };
        }
        is_open
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signal").field(&self.get()).finish()
    }
}

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with a watcher that links up after the end; with one that is cancelled though it was claimed by
/// another; without the wake-up.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::model;
    use crate::prim::{Arc, thread};

    const END: NonZeroU8 = NonZeroU8::new(1).unwrap();

    /// A place where one waits, for a turn or the signal.
    struct World {
        signal: Signal,
        turns: Lock<(u32, WaitQueue<()>)>,
    }

    fn world() -> Arc<World> {
        Arc::new(World { signal: Signal::new(), turns: Lock::new((0, WaitQueue::new())) })
    }

    impl World {
        /// True: there was a turn; false: it was cancelled first.
        fn wait(&self) -> bool {
            crate::park::with_task(|task| {
                let waiter = Waiter::new(());
                {
                    let mut turns = self.turns.lock();
                    if turns.0 > 0 {
                        turns.0 -= 1;
                        return true;
                    }
                    waiter.set(task.arm(), 0, ());
                    // SAFETY: unlinked below.
                    unsafe { turns.1.push(&waiter) };
                }
                let outcome = self.signal.block(task, Wait::Nothing);
                // SAFETY: it is on no other queue.
                unsafe { self.turns.lock().1.unlink(&waiter) };
                outcome != Outcome::CANCELLED
            })
        }

        fn give(&self) {
            let claim = {
                let mut turns = self.turns.lock();
                let claim = turns.1.claim_first();
                if claim.is_none() {
                    turns.0 += 1;
                }
                claim
            };
            if let Some((claim, ())) = claim {
                claim.wake();
            }
        }
    }

    #[test]
    fn all_who_wait_are_woken() {
        model(|| {
            let world = world();
            let others = [0, 1].map(|_| {
                let world = world.clone();
                thread::spawn(move || assert!(!world.wait()))
            });
            world.signal.mark(END).wake();
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(world.signal.get(), Some(END));
            assert!(!world.wait());
        });
    }

    /// A turn that is given is had, by whoever does not give up.
    #[test]
    fn giving_up_loses_no_turn() {
        model(|| {
            let world = world();
            let waiter = {
                let world = world.clone();
                thread::spawn(move || world.wait())
            };
            let giver = {
                let world = world.clone();
                thread::spawn(move || world.give())
            };
            world.signal.mark(END).wake();
            giver.join().unwrap();
            let had = waiter.join().unwrap();
            assert_eq!(world.turns.lock().0, u32::from(!had));
        });
    }
}
