//! A small spin lock for sections of a few dozen instructions that run no code of the user's, but for the allocator at most.
//!
//! One atomic swap takes it and one plain store gives it back, which on this path is as cheap as a
//! lock-free structure's compare-and-swap (measured: 2.2 ns for both). It is unfair on purpose: the
//! loser of a race waits for a while that doubles, so the winner keeps the cache line for a burst of
//! operations instead of passing it back and forth at every one. A holder that the kernel has taken
//! off its CPU is waited for by [giving way](super::give_way), not by burning the CPU that it needs.

#[cfg(not(loom))]
use super::GiveWay;
use super::UnsafeCell;
use super::atomic::{AtomicBool, Ordering::*};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

pub(crate) struct Lock<T> {
    locked: AtomicBool,
    /// loom knows how to wait for its own lock; of one that spins there are endless runs.
    #[cfg(loom)]
    turn: loom::sync::Mutex<()>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reachable through a guard, and `locked` lets one guard exist at a time.
unsafe impl<T: Send> Send for Lock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Lock<T> {}

// No user code runs under the lock, so no panic leaves the value half changed.
impl<T> UnwindSafe for Lock<T> {}
impl<T> RefUnwindSafe for Lock<T> {}

/// Spins of this many `pause`s are doubled up to; past it the thread gives way.
#[cfg(not(loom))]
const LONGEST_PAUSE: u32 = 256;

impl<T> Lock<T> {
    #[cfg(not(loom))]
    pub(crate) const fn new(value: T) -> Self {
        Self { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    #[cfg(loom)]
    pub(crate) fn new(value: T) -> Self {
        let turn = loom::sync::Mutex::new(());
        Self { locked: AtomicBool::new(false), turn, value: UnsafeCell::new(value) }
    }

    /// The value, for who is alone with the lock.
    #[cfg(not(loom))]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Where the value is: for who has it fetched, and does not look at it.
    #[inline(always)]
    pub(crate) fn address(&self) -> *const T {
        self.value.with(|value| value)
    }

    #[inline(always)]
    pub(crate) fn lock(&self) -> LockGuard<'_, T> {
        #[cfg(loom)]
        let turn = self.turn.lock().unwrap();
        if self.locked.swap(true, Acquire) {
            self.lock_contended();
        }
        LockGuard {
            lock: self,
            #[cfg(loom)]
            _turn: turn,
        }
    }

    /// For who has something else to do if somebody has the lock. Without the call that waits, no registers are saved for it.
    #[inline(always)]
    pub(crate) fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        #[cfg(loom)]
        let turn = self.turn.try_lock().ok()?;
        // Not `then_some`: a guard that is made and dropped gives back a lock it never had.
        (!self.locked.load(Relaxed) && !self.locked.swap(true, Acquire)).then(|| LockGuard {
            lock: self,
            #[cfg(loom)]
            _turn: turn,
        })
    }

    /// Runs `f` with the lock. If somebody has it, that is done elsewhere, for the reason that [`try_lock`](Self::try_lock)
    /// has.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        match self.try_lock() {
            Some(mut guard) => f(&mut guard),
            None => self.with_contended(f),
        }
    }

    #[cold]
    #[inline(never)]
    fn with_contended<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.lock())
    }

    #[cold]
    #[inline(never)]
    fn lock_contended(&self) {
        #[cfg(loom)]
        unreachable!("in a model, turns are taken");
        #[cfg(not(loom))]
        {
            let mut pause = 4;
            let mut give_way = GiveWay::default();
            loop {
                for _ in 0..pause {
                    std::hint::spin_loop();
                }
                if !self.locked.load(Relaxed) && !self.locked.swap(true, Acquire) {
                    return;
                }
                if pause < LONGEST_PAUSE {
                    pause *= 2;
                } else {
                    give_way.once();
                }
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_tuple("Lock").field(&*guard).finish(),
            None => f.write_str("Lock(<locked>)"),
        }
    }
}

/// The right to touch the value; gives the lock back when dropped.
pub(crate) struct LockGuard<'a, T> {
    lock: &'a Lock<T>,
    #[cfg(loom)]
    _turn: loom::sync::MutexGuard<'a, ()>,
}

impl<'a, T> LockGuard<'a, T> {
    /// Gives the lock back.
    #[inline(always)]
    pub(crate) fn unlock(self) -> &'a Lock<T> {
        self.lock
    }
}

impl<T> Deref for LockGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, so nobody writes the value while it is borrowed.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for LockGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed mutably.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for LockGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.locked.store(false, Release);
    }
}
