//! Poisoning, as std's locks have it: who panics while holding a lock may leave a mess behind.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{LockResult, PoisonError};
use std::thread;

/// Has somebody panicked while holding the lock? Ordered by the lock itself.
#[derive(Debug)]
pub(super) struct Flag(AtomicBool);

/// Was the holder of a lock unwinding already when it took it?
#[derive(Clone, Copy, Debug)]
pub(super) struct Panicking(bool);

impl Flag {
    pub(super) const fn new() -> Flag {
        Flag(AtomicBool::new(false))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Relaxed);
    }

    /// At the end of a guard.
    #[inline(always)]
    pub(super) fn done(&self, start: Panicking) {
        if !start.0 && thread::panicking() {
            self.0.store(true, Relaxed);
        }
    }

    /// `value` as what taking a lock returns.
    #[inline(always)]
    pub(super) fn wrap<T>(&self, value: T) -> LockResult<T> {
        if self.get() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl Panicking {
    /// At the start of a guard.
    #[inline(always)]
    pub(super) fn now() -> Panicking {
        Panicking(thread::panicking())
    }
}
