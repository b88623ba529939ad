//! Signals that have come and were not passed on yet: noted in signal handlers, taken by one thread.
//!
//! A bit for each signal, so that one that comes again before it was taken is the same; and a count of notes and calls, on
//! which the thread sleeps.
//!
//! 1. Who notes sets the bit, then counts, then wakes who sleeps on the count. Who has something else for the thread to look
//!    at does the same without a bit.
//! 2. The thread reads the count before it takes the bits, and sleeps only as long as the count is that.
//!
//! So a bit that it has not seen was set after it read the count, which is another then, or is going to be. A handler does nothing
//! that waits: three instructions and a system call.

use crate::prim::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// Signals as a set: a bit for each, from number 1 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Signals(u64);

impl Signals {
    pub(super) const NONE: Signals = Signals(0);

    pub(super) fn of(signal: i32) -> Signals {
        Signals(1 << (signal - 1))
    }

    pub(super) fn and(self, others: Signals) -> Signals {
        Signals(self.0 | others.0)
    }

    pub(super) fn without(self, others: Signals) -> Signals {
        Signals(self.0 & !others.0)
    }

    pub(super) fn contains(self, signal: i32) -> bool {
        self.without(Signals::of(signal)) != self
    }

    pub(super) fn iter(self) -> impl Iterator<Item = i32> {
        (1..=64).filter(move |&signal| self.contains(signal))
    }
}

pub(super) struct Pending {
    noted: AtomicU64,
    notes: AtomicU32,
}

impl Pending {
    crate::prim::const_fn! {
        pub(super) fn new() -> Pending {
            Pending { noted: AtomicU64::new(0), notes: AtomicU32::new(0) }
        }
    }

    /// In a signal handler. `wake` wakes who sleeps on the word.
    pub(super) fn note(&self, signal: i32, wake: impl FnOnce(&AtomicU32)) {
        self.noted.fetch_or(Signals::of(signal).0, Release);
        self.call(wake);
    }

    /// Has the thread come back from [`take`](Self::take), though it be with nothing.
    pub(super) fn call(&self, wake: impl FnOnce(&AtomicU32)) {
        self.notes.fetch_add(1, Release);
        wake(&self.notes);
    }

    /// Waits until the count is another than when it was last read, which is in `seen`, and takes what was noted. `sleep` sleeps
    /// as long as the word is what it is told, at most.
    pub(super) fn take(&self, seen: &mut u32, sleep: impl Fn(&AtomicU32, u32)) -> Signals {
        loop {
            let notes = self.notes.load(Acquire);
            if notes != *seen {
                *seen = notes;
                return Signals(self.noted.swap(0, Acquire));
            }
            sleep(&self.notes, notes);
        }
    }
}

/// loom model: the real code, with a futex made of a lock and a condition.
///
/// Seen to fail: with a count that is read after the bits were taken; with a note that counts before it sets the bit.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::{Arc, model, thread};
    use loom::sync::{Condvar, Mutex};

    struct World {
        pending: Pending,
        sleeping: Mutex<()>,
        bell: Condvar,
    }

    impl World {
        fn note(&self, signal: i32) {
            self.pending.note(signal, |_| {
                let _sleeping = self.sleeping.lock().unwrap();
                self.bell.notify_one();
            });
        }

        fn take(&self, seen: &mut u32) -> Signals {
            self.pending.take(seen, |notes, seen| {
                let mut sleeping = self.sleeping.lock().unwrap();
                while notes.load(Acquire) == seen {
                    // A lost note is a deadlock.
                    sleeping = self.bell.wait(sleeping).unwrap();
                }
            })
        }
    }

    #[test]
    fn no_signal_is_lost() {
        model(|| {
            let world = Arc::new(World {
                pending: Pending::new(),
                sleeping: Mutex::new(()),
                bell: Condvar::new(),
            });
            let handler = thread::spawn({
                let world = world.clone();
                move || {
                    world.note(1);
                    world.note(2);
                }
            });
            let both = Signals::of(1).and(Signals::of(2));
            let (mut taken, mut seen) = (Signals::NONE, 0);
            while taken != both {
                taken = taken.and(world.take(&mut seen));
            }
            handler.join().unwrap();
        });
    }
}
