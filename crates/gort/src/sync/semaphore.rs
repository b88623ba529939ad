//! A number of permits that goroutines take and give back.
//!
//! | bits of the word | meaning |
//! |---|---|
//! | `QUEUED` | somebody waits, so nobody may take permits but those who are next |
//! | the rest | how many permits there are to be had |
//!
//! Taking and giving back are one atomic instruction each, while nobody waits. `QUEUED` changes with the queue's
//! lock held, and says whether there are links; while it is set, permits go out with the lock held only, to
//! whoever is first in the queue, however many it wants. Whoever gives permits back and finds `QUEUED` set, or
//! gives up waiting, sees to those who are first. The loom models are in `models`.

#[cfg(all(test, loom))]
mod models;

use super::{OwnedPermit, Permit};
#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::queue::{Claims, WaitQueue};
use crate::park::{self, GaveUp, Limit, Outcome, Wait, queue_up};
use crate::prim::atomic::{AtomicUsize, Ordering::*};
use crate::prim::{Lock, LockGuard};
#[cfg(not(loom))]
use crate::time::Elapsed;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(loom))]
use std::time::{Duration, Instant};

const QUEUED: usize = 1;
const ONE: usize = 2;

/// A number of permits, of which each may take several; like Go's `semaphore.Weighted`.
///
/// Who finds too few waits in a queue, in order of arrival: a large request is not overtaken by small ones that
/// came later, even if there are permits enough for them.
///
/// ```
/// use gort::sync::{Semaphore, WaitGroup};
/// use std::sync::Arc;
///
/// let connections = Arc::new(Semaphore::new(2));
/// let group = WaitGroup::new();
/// for n in 0..10 {
///     let connections = connections.clone();
///     group.go(move || {
///         let _permit = connections.acquire(1);
///         println!("{n} is one of two");
///     });
/// }
/// group.wait();
/// assert_eq!(connections.available(), 2);
/// ```
pub struct Semaphore {
    word: AtomicUsize,
    queue: Lock<WaitQueue<usize>>,
}

// Nothing of it is left half done by a panic.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl Semaphore {
    /// As many permits as a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX >> 2;

    crate::prim::const_fn! {
        /// A semaphore with `permits`.
        ///
        /// # Panics
        /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        pub fn new(permits: usize) -> Semaphore {
            assert!(permits <= Self::MAX_PERMITS, "gort: too many permits for a semaphore");
            Semaphore {
                word: AtomicUsize::new(permits * ONE),
                queue: Lock::new(WaitQueue::new())
            }
        }
    }

    /// Takes `n` permits; blocks until there are as many, and all who came before have got theirs.
    ///
    /// For more than there ever are it waits for ever, and all who come later wait behind it: give a request that may be too
    /// large a limit. (Go's semaphore lets the others pass; here nobody can tell, as [`release`](Self::release) may add permits.)
    /// Zero is had when it is its turn.
    ///
    /// ```
    /// let semaphore = gort::sync::Semaphore::new(2);
    /// gort::scope(|s| {
    ///     let one = semaphore.acquire(1);
    ///     let other = s.go(|| semaphore.acquire(2).count()); // waits for the one
    ///     drop(one);
    ///     assert_eq!(other.join().unwrap(), 2);
    /// });
    /// ```
    ///
    /// # Panics
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[inline]
    #[track_caller]
    pub fn acquire(&self, n: usize) -> Permit<&Semaphore> {
        let _never_given_up = self.take(n, || Limit::NEVER);
        Permit { semaphore: self, count: n }
    }

    /// Takes `n` permits if there are as many and nobody waits. Never blocks.
    ///
    /// ```
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// let two = semaphore.try_acquire(2).unwrap();
    /// assert!(semaphore.try_acquire(2).is_none());
    /// drop(two);
    /// assert!(semaphore.try_acquire(2).is_some());
    /// ```
    #[inline]
    pub fn try_acquire(&self, n: usize) -> Option<Permit<&Semaphore>> {
        let taken = n <= Self::MAX_PERMITS && self.try_take(n);
        taken.then_some(n).map(|count| Permit { semaphore: self, count })
    }

    /// Adds `n` permits: to give back what was [forgotten](Permit::forget), or to raise the number. Never blocks.
    ///
    /// ```
    /// let semaphore = gort::sync::Semaphore::new(0);
    /// gort::scope(|s| {
    ///     s.go(|| semaphore.acquire(1).forget()); // waits until there is one
    ///     semaphore.release(3);
    /// });
    /// assert_eq!(semaphore.available(), 2);
    /// ```
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS); they are not added then. So does a [`Permit`] that is dropped when
    /// there is no room for it, as others were added while it was out.
    #[inline]
    #[track_caller]
    pub fn release(&self, n: usize) {
        let mut word = self.word.load(Relaxed);
        loop {
            let is_sane = n <= Self::MAX_PERMITS && word / ONE <= Self::MAX_PERMITS - n;
            assert!(is_sane, "gort: more permits were released than a semaphore can have");
            match self.word.compare_exchange_weak(word, word + n * ONE, Release, Relaxed) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        if word & QUEUED != 0 {
            self.admit(self.queue.lock());
        }
    }

    /// How many permits there are to be had. They may be those of somebody who waits for more; and what one reads
    /// is out of date at once.
    ///
    /// ```
    /// let semaphore = gort::sync::Semaphore::new(10);
    /// let permit = semaphore.acquire(3);
    /// assert_eq!(semaphore.available(), 7);
    /// # drop(permit);
    /// ```
    pub fn available(&self) -> usize {
        self.word.load(Relaxed) / ONE
    }

    #[inline(always)]
    fn try_take(&self, n: usize) -> bool {
        let mut word = self.word.load(Relaxed);
        while word & QUEUED == 0 && word / ONE >= n {
            match self.word.compare_exchange_weak(word, word - n * ONE, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline]
    #[track_caller]
    fn take<'a>(&self, n: usize, limit: impl FnOnce() -> Limit<'a>) -> Result<(), GaveUp> {
        assert!(n <= Self::MAX_PERMITS, "gort: more permits than a semaphore can have");
        // First: it may be where the caller is ended by a shutdown, and the permits would go with it.
        park::checkpoint();
        if self.try_take(n) { Ok(()) } else { self.take_slow(n, limit()) }
    }

    #[cold]
    #[inline(never)]
    fn take_slow(&self, n: usize, limit: Limit<'_>) -> Result<(), GaveUp> {
        let queue = self.queue.lock();
        let mut word = self.word.load(Relaxed);
        loop {
            let is_free = word & QUEUED == 0 && word / ONE >= n;
            let to = if is_free { word - n * ONE } else { word | QUEUED };
            match self.word.compare_exchange(word, to, Acquire, Relaxed) {
                Ok(_) if is_free => return Ok(()),
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        // Who gives up may be what held up those behind.
        queue_up(
            queue,
            |queue| queue,
            n,
            limit,
            Wait::Semaphore,
            |queue| {
                self.admit(queue);
                false
            },
        )
    }

    /// Gives permits to those who are first, as far as they go.
    #[cold]
    #[inline(never)]
    fn admit(&self, mut queue: LockGuard<'_, WaitQueue<usize>>) {
        let mut claims = Claims::new();
        // Acquire, for those who get what others have given back.
        let mut available = self.word.load(Acquire) / ONE;
        while let Some(n) = queue.first() {
            if n > available {
                // Some may have been given back since.
                let now = self.word.load(Acquire) / ONE;
                if n > now {
                    break;
                }
                available = now;
            }
            if queue.claim_head(Outcome::arm(0), &mut claims) {
                self.word.fetch_sub(n * ONE, Relaxed);
                available -= n;
            }
        }
        if queue.is_empty() {
            self.word.fetch_and(!QUEUED, Relaxed);
        }
        drop(queue);
        claims.wake();
    }
}

impl Semaphore {
    /// As [`acquire`](Self::acquire), with a permit that keeps the semaphore.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let workers = Arc::new(Semaphore::new(4));
    /// for job in 0..100 {
    ///     let permit = workers.acquire_owned(1); // waits for one of four
    ///     gort::go!(move || {
    ///         println!("job {job}");
    ///         drop(permit);
    ///     });
    /// }
    /// let _all_done = workers.acquire(4);
    /// ```
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_owned(self: &std::sync::Arc<Self>, n: usize) -> OwnedPermit {
        self.acquire(n).into_owned(self)
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that keeps the semaphore.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let workers = Arc::new(Semaphore::new(1));
    /// let permit = workers.try_acquire_owned(1).unwrap();
    /// assert!(workers.try_acquire_owned(1).is_none()); // it is refused, and does not wait
    /// gort::go!(move || drop(permit));
    /// let _idle = workers.acquire(1);
    /// ```
    pub fn try_acquire_owned(self: &std::sync::Arc<Self>, n: usize) -> Option<OwnedPermit> {
        Some(self.try_acquire(n)?.into_owned(self))
    }
}

#[cfg(not(loom))]
impl Semaphore {
    /// As [`acquire`](Self::acquire), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let semaphore = gort::sync::Semaphore::new(1);
    /// let held = semaphore.acquire(1);
    /// assert!(semaphore.acquire_timeout(1, Duration::from_millis(1)).is_err());
    /// drop(held);
    /// assert!(semaphore.acquire_timeout(1, Duration::from_millis(1)).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if the permits were not to be had in time; then none is taken.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_timeout(
        &self,
        n: usize,
        timeout: Duration,
    ) -> Result<Permit<&Semaphore>, Elapsed> {
        self.acquire_limited(n, || Limit::after(timeout)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`acquire`](Self::acquire), until `deadline`.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    /// use std::time::Instant;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let _two = semaphore.acquire(2);
    /// assert!(semaphore.acquire_deadline(2, Instant::now()).is_err());
    /// assert_eq!(semaphore.available(), 1); // not taken as a part of two
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if the permits were not to be had by then; then none is taken.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_deadline(
        &self,
        n: usize,
        deadline: Instant,
    ) -> Result<Permit<&Semaphore>, Elapsed> {
        self.acquire_limited(n, || Limit::at(deadline)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`acquire`](Self::acquire), until `context` is done. If there are permits they are had, whatever the
    /// context says.
    ///
    /// ```
    /// use gort::{context, sync::Semaphore};
    ///
    /// let semaphore = Semaphore::new(1);
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// let _one = semaphore.acquire_context(1, &ctx).unwrap();
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(semaphore.acquire_context(1, &ctx).unwrap_err(), context::ContextError::Cancelled);
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if it has before the permits were to be had; then none is taken.
    ///
    /// # Panics
    /// As [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_context(
        &self,
        n: usize,
        context: &Context,
    ) -> Result<Permit<&Semaphore>, ContextError> {
        self.acquire_limited(n, || context.limit()).map_err(|GaveUp| context.ended())
    }

    #[inline]
    #[track_caller]
    fn acquire_limited<'a>(
        &self,
        n: usize,
        limit: impl FnOnce() -> Limit<'a>,
    ) -> Result<Permit<&Semaphore>, GaveUp> {
        self.take(n, limit)?;
        Ok(Permit { semaphore: self, count: n })
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").field("available", &self.available()).finish_non_exhaustive()
    }
}
