//! A condition to wait for under a mutex; std's, but it parks the goroutine.
//!
//! Who waits joins the queue before giving the mutex back, so whoever changes the condition under the mutex
//! finds them there. `awaited` says, to those who have held the mutex, whether the queue may have somebody in
//! it: it changes with the queue's lock held. A notification claims a waiter, which is nobody else's, so one who
//! comes later cannot take it away; and a waiter that gives up has either not been claimed, and then the
//! notification goes to the next, or has been, and does not give up. The loom models are in `models`.

#[cfg(all(test, loom))]
mod models;

use super::mutex::{Mutex, MutexGuard};
#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::queue::{Claims, WaitQueue};
use crate::park::{GaveUp, Limit, Outcome, Wait, queue_up_and};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, Ordering::*};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, Instant};

/// Lets goroutines and threads wait, without a processor, for a condition that others bring about under a
/// [`Mutex`]; like `std::sync::Condvar`.
///
/// Those who wait are woken in the order in which they came. A wait does not return unless it was notified, but the
/// condition may have changed again before the mutex was free: so check it in a loop, or let
/// [`wait_while`](Self::wait_while) do so.
///
/// ```
/// use gort::sync::{Condvar, Mutex};
/// use std::sync::Arc;
///
/// let pair = Arc::new((Mutex::new(false), Condvar::new()));
/// let other = pair.clone();
/// gort::go!(move || {
///     *other.0.lock().unwrap() = true;
///     other.1.notify_one();
/// });
/// let started = pair.1.wait_while(pair.0.lock().unwrap(), |started| !*started).unwrap();
/// assert!(*started);
/// ```
pub struct Condvar {
    awaited: AtomicBool,
    queue: Lock<WaitQueue<()>>,
}

/// Was it the time that ended a wait? From [`Condvar::wait_timeout`] and the like.
///
/// ```
/// use gort::sync::{Condvar, Mutex};
/// use std::time::Duration;
///
/// let (ready, changed) = (Mutex::new(true), Condvar::new());
/// let (_guard, result) = changed
///     .wait_timeout_while(ready.lock().unwrap(), Duration::from_secs(60), |ready| !*ready)
///     .unwrap();
/// assert!(!result.timed_out());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// True: the time was up before there was a notification, or before the condition held.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

// Nothing of it is left half done by a panic.
impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

impl Condvar {
    crate::prim::const_fn! {
        /// A condition variable that nobody waits for.
        pub fn new() -> Condvar {
            Condvar { awaited: AtomicBool::new(false), queue: Lock::new(WaitQueue::new()) }
        }
    }

    /// Gives the mutex back, blocks until it is notified, and takes the mutex again.
    ///
    /// ```
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// static NEWS: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    /// static ARRIVED: Condvar = Condvar::new();
    ///
    /// gort::go!(|| {
    ///     NEWS.lock().unwrap().push("a letter");
    ///     ARRIVED.notify_one();
    /// });
    /// let mut news = NEWS.lock().unwrap();
    /// while news.is_empty() {
    ///     news = ARRIVED.wait(news).unwrap();
    /// }
    /// assert_eq!(news.pop(), Some("a letter"));
    /// ```
    ///
    /// # Errors
    /// The guard as well, if a holder of the mutex has panicked.
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.mutex();
        let notified = self.wait_limited(guard, Limit::NEVER);
        self.lock_again(mutex, notified)
    }

    /// Waits for as long as `condition` holds; not at all if it does not. [`notify_all`](Self::notify_all) has an example.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        plain(self.wait_while_limited(guard, Limit::NEVER, condition))
    }

    /// As [`wait`](Self::wait), for at most `timeout`, and then until the mutex is free.
    ///
    /// A notification that was given to this waiter is not lost: then the result says that it has not timed out.
    ///
    /// ```
    /// use gort::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// let guard = mutex.lock().unwrap();
    /// let (_guard, result) = condvar.wait_timeout(guard, Duration::from_millis(1)).unwrap();
    /// assert!(result.timed_out());
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        timed(self.wait_and_lock(guard, Limit::after(timeout)))
    }

    /// As [`wait_while`](Self::wait_while), for at most `timeout`.
    ///
    /// It has timed out if the condition still holds. [`WaitTimeoutResult`] has an example.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
        condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        timed(self.wait_while_limited(guard, Limit::after(timeout), condition))
    }

    /// As [`wait_timeout`](Self::wait_timeout), until `deadline`. [`wait_deadline_while`](Self::wait_deadline_while) has an example.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_deadline<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        timed(self.wait_and_lock(guard, Limit::at(deadline)))
    }

    /// As [`wait_while`](Self::wait_while), until `deadline`.
    ///
    /// ```
    /// use gort::sync::{Condvar, Mutex};
    /// use std::time::Instant;
    ///
    /// let (number, changed) = (Mutex::new(0), Condvar::new());
    /// let deadline = Instant::now(); // it has passed
    /// let guard = number.lock().unwrap();
    /// let (guard, result) = changed.wait_deadline_while(guard, deadline, |n| *n == 0).unwrap();
    /// assert!(result.timed_out() && *guard == 0);
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_deadline_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
        condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        timed(self.wait_while_limited(guard, Limit::at(deadline), condition))
    }

    /// As [`wait`](Self::wait), until `context` is done. With the guard it returns how the wait has ended:
    /// `Err` if it was the context.
    ///
    /// ```
    /// use gort::context::{ContextError, background, with_cancel};
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    /// let (ctx, cancel) = with_cancel(&background());
    /// gort::go!(move || cancel.cancel());
    /// let (guard, result) = condvar.wait_context(mutex.lock().unwrap(), &ctx).unwrap();
    /// assert_eq!(result, Err(ContextError::Cancelled)); // the mutex is taken even so
    /// assert!(mutex.try_lock().is_err());
    /// # drop(guard);
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    #[cfg(not(loom))]
    pub fn wait_context<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        context: &Context,
    ) -> LockResult<(MutexGuard<'a, T>, Result<(), ContextError>)> {
        with_context(self.wait_and_lock(guard, context.limit()), context)
    }

    /// As [`wait_while`](Self::wait_while), until `context` is done: `Err` if the condition still holds then.
    ///
    /// ```
    /// use gort::context::{background, with_timeout, ContextError};
    /// use gort::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    /// let (ctx, _cancel) = with_timeout(&background(), Duration::from_millis(1));
    /// let guard = mutex.lock().unwrap();
    /// let (_guard, result) = condvar.wait_context_while(guard, &ctx, |n| *n == 0).unwrap();
    /// assert_eq!(result, Err(ContextError::DeadlineExceeded));
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    #[cfg(not(loom))]
    pub fn wait_context_while<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        context: &Context,
        condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, Result<(), ContextError>)> {
        with_context(self.wait_while_limited(guard, context.limit(), condition), context)
    }

    /// Wakes the one who has waited longest, if anybody waits. Never blocks.
    ///
    /// The mutex need not be held, but the condition has to be changed under it.
    ///
    /// ```
    /// use gort::sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    /// condvar.notify_one(); // nobody waits, and it is not kept
    /// let guard = mutex.lock().unwrap();
    /// let (_guard, result) = condvar.wait_timeout(guard, Duration::from_millis(1)).unwrap();
    /// assert!(result.timed_out());
    /// ```
    #[inline]
    pub fn notify_one(&self) {
        if self.awaited.load(Relaxed) {
            self.notify_slow(false);
        }
    }

    /// Wakes all who wait. Never blocks.
    ///
    /// ```
    /// use gort::sync::{Condvar, Mutex};
    ///
    /// let (open, opened) = (Mutex::new(false), Condvar::new());
    /// gort::scope(|s| {
    ///     for _ in 0..3 {
    ///         s.go(|| drop(opened.wait_while(open.lock().unwrap(), |open| !*open)));
    ///     }
    ///     *open.lock().unwrap() = true;
    ///     opened.notify_all(); // all three go on
    /// });
    /// ```
    #[inline]
    pub fn notify_all(&self) {
        if self.awaited.load(Relaxed) {
            self.notify_slow(true);
        }
    }

    #[cold]
    fn notify_slow(&self, all: bool) {
        let mut claims = Claims::new();
        {
            let mut queue = self.queue.lock();
            while (all || claims.len() == 0) && !queue.is_empty() {
                queue.claim_head(Outcome::arm(0), &mut claims);
            }
            self.note(&queue);
        }
        claims.wake();
    }

    /// With the queue's lock.
    fn note(&self, queue: &WaitQueue<()>) {
        self.awaited.store(!queue.is_empty(), Relaxed);
    }

    /// Gives the mutex back and waits.
    fn wait_limited<T: ?Sized>(
        &self,
        guard: MutexGuard<'_, T>,
        limit: Limit<'_>,
    ) -> Result<(), GaveUp> {
        let queue = self.queue.lock();
        self.awaited.store(true, Relaxed);
        queue_up_and(
            queue,
            |queue| queue,
            (),
            || drop(guard),
            limit,
            Wait::Condvar,
            |queue| {
                self.note(&queue);
                false
            },
        )
    }

    /// After a wait. A shutdown may end the caller here: a notification that it was given is another's then.
    fn lock_again<'a, T: ?Sized>(
        &self,
        mutex: &'a Mutex<T>,
        notified: Result<(), GaveUp>,
    ) -> LockResult<MutexGuard<'a, T>> {
        struct PassOn<'a>(&'a Condvar);

        impl Drop for PassOn<'_> {
            fn drop(&mut self) {
                self.0.notify_one();
            }
        }

        let pass_on = notified.is_ok().then(|| PassOn(self));
        let locked = mutex.lock();
        std::mem::forget(pass_on);
        locked
    }

    #[allow(clippy::type_complexity, reason = "std's, with how it ended")]
    fn wait_and_lock<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Limit<'_>,
    ) -> LockResult<(MutexGuard<'a, T>, Result<(), GaveUp>)> {
        let mutex = guard.mutex();
        let result = self.wait_limited(guard, limit);
        match self.lock_again(mutex, result) {
            Ok(guard) => Ok((guard, result)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), result))),
        }
    }

    fn wait_while_limited<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        limit: Limit<'_>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, Result<(), GaveUp>)> {
        let mut result = Ok(());
        while condition(&mut guard) {
            if result.is_err() {
                return Ok((guard, result));
            }
            (guard, result) = self.wait_and_lock(guard, limit)?;
        }
        Ok((guard, Ok(())))
    }
}

/// For waits without a limit.
fn plain<G>(result: LockResult<(G, Result<(), GaveUp>)>) -> LockResult<G> {
    result.map(|(guard, _)| guard).map_err(|poisoned| PoisonError::new(poisoned.into_inner().0))
}

fn timed<G>(result: LockResult<(G, Result<(), GaveUp>)>) -> LockResult<(G, WaitTimeoutResult)> {
    convert(result, |result| WaitTimeoutResult(result.is_err()))
}

#[cfg(not(loom))]
fn with_context<G>(
    result: LockResult<(G, Result<(), GaveUp>)>,
    context: &Context,
) -> LockResult<(G, Result<(), ContextError>)> {
    convert(result, |result| result.map_err(|GaveUp| context.ended()))
}

fn convert<G, A, B>(result: LockResult<(G, A)>, f: impl FnOnce(A) -> B) -> LockResult<(G, B)> {
    match result {
        Ok((guard, value)) => Ok((guard, f(value))),
        Err(poisoned) => {
            let (guard, value) = poisoned.into_inner();
            Err(PoisonError::new((guard, f(value))))
        }
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}
