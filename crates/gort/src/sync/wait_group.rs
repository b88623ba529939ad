//! A counter of goroutines to wait for, after Go's `sync.WaitGroup`.
//!
//! The count is an atomic; the list of waiters is locked by those who wait and by whoever brings the
//! count to zero. Both look at the count again under the lock: so a waiter either sees zero, or is
//! found in the list by whoever brings it there; and it is only woken at a moment of zero.

#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::queue::WaitQueue;
use crate::park::{GaveUp, Limit, Outcome, Wait, queue_up};
use crate::prim::atomic::{AtomicIsize, Ordering::*};
use crate::prim::{Arc, Lock};
#[cfg(not(loom))]
use crate::time::Elapsed;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(loom))]
use std::time::{Duration, Instant};

/// Waits until a number of goroutines are done.
///
/// Clones share the count. Usable from goroutines and plain threads. A group may be used again when
/// its count has been zero and everybody who waited has returned; who has not returned when the
/// count goes up again waits for the next zero.
///
/// ```
/// use gort::sync::WaitGroup;
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
/// use std::sync::Arc;
///
/// let sum = Arc::new(AtomicU32::new(0));
/// let group = WaitGroup::new();
/// for n in 1..=10 {
///     let sum = sum.clone();
///     group.go(move || sum.fetch_add(n, Relaxed));
/// }
/// group.wait();
/// assert_eq!(sum.load(Relaxed), 55);
/// ```
#[derive(Clone)]
pub struct WaitGroup(Arc<Inner>);

struct Inner {
    count: AtomicIsize,
    waiters: Lock<WaitQueue<()>>,
}

// Nothing of it is left half done by a panic.
impl UnwindSafe for WaitGroup {}
impl RefUnwindSafe for WaitGroup {}

impl WaitGroup {
    /// A group with a count of zero.
    pub fn new() -> WaitGroup {
        WaitGroup(Arc::new(Inner {
            count: AtomicIsize::new(0),
            waiters: Lock::new(WaitQueue::new()),
        }))
    }

    /// Adds to the count; at zero everybody who waits is woken. Never blocks.
    ///
    /// Call it before the goroutine that is counted is started, so that `wait` cannot miss it.
    ///
    /// ```
    /// use gort::sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// for n in 0..3 {
    ///     group.add(1);
    ///     let group = group.clone();
    ///     gort::go!(move || {
    ///         println!("{n}");
    ///         group.done();
    ///     });
    /// }
    /// group.wait();
    /// ```
    ///
    /// # Panics
    /// If the count would become negative, or more than `isize::MAX`; it stays as it was then.
    #[inline]
    #[track_caller]
    pub fn add(&self, delta: isize) {
        let inner = &*self.0;
        let before = inner.count.fetch_add(delta, AcqRel);
        let Some(after @ 0..) = before.checked_add(delta) else { inner.misused(delta) };
        if after == 0 && delta != 0 {
            inner.wake_all();
        }
    }

    /// Takes one from the count; at zero everybody who waits is woken. Never blocks. [`add`](Self::add) has an example.
    ///
    /// # Panics
    /// If the count is zero.
    #[inline]
    #[track_caller]
    pub fn done(&self) {
        self.add(-1);
    }

    /// Blocks until the count is zero; returns at once if it is.
    ///
    /// ```
    /// use gort::sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// group.wait(); // the count is zero
    /// group.add(1);
    /// let others = (group.clone(), group.clone());
    /// let waiting = [gort::spawn(move || others.0.wait()), gort::spawn(move || others.1.wait())];
    /// group.done(); // wakes whoever waits
    /// waiting.map(|handle| handle.join().unwrap());
    /// ```
    #[inline]
    pub fn wait(&self) {
        self.wait_as(Wait::Group);
    }

    #[inline]
    pub(crate) fn wait_as(&self, why: Wait) {
        if self.0.count.load(Acquire) != 0 {
            let _never_given_up = self.0.wait(why, Limit::NEVER);
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// ```
    /// use gort::sync::WaitGroup;
    /// use std::time::Duration;
    ///
    /// let group = WaitGroup::new();
    /// group.add(1);
    /// assert!(group.wait_timeout(Duration::from_millis(1)).is_err());
    /// group.done();
    /// assert!(group.wait_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if the count was not zero in time.
    #[cfg(not(loom))]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), Elapsed> {
        self.wait_limited(|| Limit::after(timeout)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `deadline`.
    ///
    /// # Errors
    /// [`Elapsed`] if the count was not zero by then.
    #[cfg(not(loom))]
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), Elapsed> {
        self.wait_limited(|| Limit::at(deadline)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `context` is done.
    ///
    /// ```
    /// use gort::{context, sync::WaitGroup};
    ///
    /// let group = WaitGroup::new();
    /// group.add(1);
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(group.wait_context(&ctx), Err(context::ContextError::Cancelled));
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if it has before the count was zero.
    #[cfg(not(loom))]
    pub fn wait_context(&self, context: &Context) -> Result<(), ContextError> {
        self.wait_limited(|| context.limit()).map_err(|GaveUp| context.ended())
    }

    fn wait_limited<'a>(&self, limit: impl FnOnce() -> Limit<'a>) -> Result<(), GaveUp> {
        if self.0.count.load(Acquire) == 0 { Ok(()) } else { self.0.wait(Wait::Group, limit()) }
    }

    /// Starts a goroutine and counts it until it has ended, also if it panics.
    ///
    /// ```
    /// let group = gort::sync::WaitGroup::new();
    /// group.go(|| println!("in a goroutine"));
    /// group.wait();
    /// ```
    ///
    /// # Panics
    /// If the goroutine cannot be started, as [`go!`](crate::go!).
    #[cfg(not(loom))]
    #[track_caller]
    pub fn go<F, T>(&self, f: F)
    where
        F: FnOnce() -> T + Send + 'static,
        T: 'static,
    {
        struct Done(WaitGroup);
        impl Drop for Done {
            fn drop(&mut self) {
                self.0.done();
            }
        }
        self.add(1);
        let done = Done(self.clone());
        crate::runtime::spawn_detached(move || {
            // Dropped last, so the count includes the destructors of what `f` holds and returns.
            let _done = done;
            drop(f());
        });
    }
}

impl Inner {
    #[cold]
    #[track_caller]
    fn misused(&self, delta: isize) -> ! {
        if self.count.fetch_sub(delta, AcqRel) == delta {
            // Somebody may have seen the wrong count and have gone to sleep over it.
            self.wake_all();
        }
        assert!(delta < 0, "gort: more was added to a WaitGroup than it can count");
        panic!("gort: negative WaitGroup count: done was called more often than add");
    }

    #[cold]
    #[inline(never)]
    fn wake_all(&self) {
        let claims = {
            let mut waiters = self.waiters.lock();
            if self.count.load(Acquire) != 0 {
                // The group is in use again. Who waits now waits for that.
                return;
            }
            waiters.claim_all(Outcome::arm(0))
        };
        claims.wake();
    }

    #[cold]
    #[inline(never)]
    fn wait(&self, why: Wait, limit: Limit<'_>) -> Result<(), GaveUp> {
        let waiters = self.waiters.lock();
        if self.count.load(Acquire) == 0 {
            return Ok(());
        }
        queue_up(waiters, |waiters| waiters, (), limit, why, |_| false)
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("count", &self.0.count.load(Relaxed)).finish()
    }
}

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with a waiter that does not look at the count under the lock; with one who brings the count to zero and does not
/// look again; with a count that is brought down without a release.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::model::{Number, model, spawn};

    struct Work {
        group: WaitGroup,
        done: [Number; 2],
    }

    impl Work {
        fn new() -> Work {
            Work { group: WaitGroup::new(), done: [Number::new(), Number::new()] }
        }

        fn part(&self, part: usize) {
            self.done[part].add();
            self.group.done();
        }
    }

    #[test]
    fn what_was_done_is_seen() {
        model(|| {
            let work = Arc::new(Work::new());
            work.group.add(2);
            let parts = [0, 1].map(|part| spawn(&work, move |work| work.part(part)));
            work.group.wait();
            work.done.iter().for_each(|done| assert_eq!(done.get(), 1));
            parts.into_iter().for_each(|part| part.join().unwrap());
        });
    }

    /// The group is used again while who has brought it to zero is on the way to those who wait.
    #[test]
    fn who_waits_for_the_second_part_is_not_woken_for_the_first() {
        model(|| {
            let work = Arc::new(Work::new());
            work.group.add(1);
            let first = spawn(&work, |work| work.part(0));
            work.group.wait();
            work.group.add(1);
            let second = spawn(&work, |work| work.part(1));
            work.group.wait();
            work.done.iter().for_each(|done| assert_eq!(done.get(), 1));
            first.join().unwrap();
            second.join().unwrap();
        });
    }
}
