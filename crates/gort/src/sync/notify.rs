//! A signal from one to another, that is kept until somebody takes it.
//!
//! | state | meaning |
//! |---|---|
//! | `NOTHING` | nobody waits, and nobody has notified |
//! | `KEPT` | a notification waits for somebody to take it |
//! | `AWAITED` | the queue may have somebody in it |
//!
//! The step to and from `AWAITED` is made with the queue's lock held, and that between the others with one atomic
//! instruction. `tests` below holds the loom models.

#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::queue::{Claims, WaitQueue};
use crate::park::{self, GaveUp, Limit, Outcome, Wait, queue_up};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU8, Ordering::*};
#[cfg(not(loom))]
use crate::time::Elapsed;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(loom))]
use std::time::{Duration, Instant};

const NOTHING: u8 = 0;
const KEPT: u8 = 1;
const AWAITED: u8 = 2;

/// Tells a goroutine or thread that something has happened, without a message; like Tokio's `Notify`.
///
/// A notification while nobody waits is kept for the next who does, and only one is: notifying twice then is
/// notifying once. So a loop that waits, and then looks for all there is to do, misses nothing:
///
/// ```
/// use gort::sync::{Mutex, Notify};
/// use std::sync::Arc;
///
/// let todo = Arc::new((Mutex::new(Vec::new()), Notify::new()));
/// let inbox = todo.clone();
/// let worker = gort::spawn(move || {
///     let mut sum = 0;
///     while sum < 55 {
///         inbox.1.wait();
///         sum += inbox.0.lock().unwrap().drain(..).sum::<i32>();
///     }
/// });
/// for n in 1..=10 {
///     todo.0.lock().unwrap().push(n);
///     todo.1.notify_one();
/// }
/// worker.join().unwrap();
/// ```
pub struct Notify {
    state: AtomicU8,
    queue: Lock<WaitQueue<()>>,
}

// Nothing of it is left half done by a panic.
impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl Notify {
    crate::prim::const_fn! {
        /// One that nobody has notified.
        pub fn new() -> Notify {
            Notify { state: AtomicU8::new(NOTHING), queue: Lock::new(WaitQueue::new()) }
        }
    }

    /// Blocks until there is a notification, and takes it. Those who wait get theirs in order of arrival.
    ///
    /// ```
    /// let notify = gort::sync::Notify::new();
    /// notify.notify_one();
    /// notify.wait(); // it was kept
    /// assert!(!notify.try_wait()); // and is taken now
    /// ```
    #[inline]
    pub fn wait(&self) {
        let _never_given_up = self.wait_limited(|| Limit::NEVER);
    }

    #[inline]
    fn wait_limited<'a>(&self, limit: impl FnOnce() -> Limit<'a>) -> Result<(), GaveUp> {
        // First: it may be where the caller is ended by a shutdown, and the notification would go with it.
        park::checkpoint();
        if self.try_wait() { Ok(()) } else { self.wait_slow(limit()) }
    }

    /// Takes the notification that was kept, if there is one. Never blocks.
    ///
    /// ```
    /// let notify = gort::sync::Notify::new();
    /// notify.notify_one();
    /// notify.notify_one();
    /// assert!(notify.try_wait());
    /// assert!(!notify.try_wait());
    /// ```
    #[inline]
    pub fn try_wait(&self) -> bool {
        self.state.compare_exchange(KEPT, NOTHING, Acquire, Relaxed).is_ok()
    }

    /// Notifies the one who has waited longest; if nobody waits, the notification is kept for the next. What was done
    /// before is seen by whoever gets it. Never blocks.
    ///
    /// ```
    /// use gort::sync::Notify;
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// static ANSWER: AtomicU32 = AtomicU32::new(0);
    /// static READY: Notify = Notify::new();
    ///
    /// gort::go!(|| {
    ///     ANSWER.store(42, Relaxed);
    ///     READY.notify_one();
    /// });
    /// READY.wait();
    /// assert_eq!(ANSWER.load(Relaxed), 42);
    /// ```
    #[inline]
    pub fn notify_one(&self) {
        let mut state = self.state.load(Relaxed);
        while state != AWAITED {
            // Also if there is one already: who takes it is to see what this caller has done.
            match self.state.compare_exchange_weak(state, KEPT, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        self.notify_slow();
    }

    /// Notifies all who wait now. It is not kept for others. Never blocks.
    ///
    /// ```
    /// use gort::sync::Notify;
    ///
    /// let notify = Notify::new();
    /// notify.notify_all(); // nobody waits
    /// assert!(!notify.try_wait());
    /// ```
    pub fn notify_all(&self) {
        let claims = {
            let mut queue = self.queue.lock();
            let claims = queue.claim_all(Outcome::arm(0));
            self.note(&queue);
            claims
        };
        claims.wake();
    }

    #[cold]
    fn notify_slow(&self) {
        let mut claims = Claims::new();
        {
            let mut queue = self.queue.lock();
            while claims.len() == 0 && !queue.is_empty() {
                queue.claim_head(Outcome::arm(0), &mut claims);
            }
            self.note(&queue);
            if claims.len() == 0 {
                // They have all given up, or been notified by others.
                let kept = self.state.compare_exchange(NOTHING, KEPT, AcqRel, Acquire);
                // A release, as when there is one already: it is `KEPT`, as nobody has come to wait.
                if kept.is_err() {
                    self.state.swap(KEPT, AcqRel);
                }
            }
        }
        claims.wake();
    }

    /// With the queue's lock: it may have got empty.
    fn note(&self, queue: &WaitQueue<()>) {
        if queue.is_empty() {
            let _not_awaited = self.state.compare_exchange(AWAITED, NOTHING, Relaxed, Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_slow(&self, limit: Limit<'_>) -> Result<(), GaveUp> {
        let queue = self.queue.lock();
        loop {
            match self.state.compare_exchange(NOTHING, AWAITED, Acquire, Acquire) {
                Ok(_) | Err(AWAITED) => break,
                Err(_) if self.try_wait() => return Ok(()),
                Err(_) => {}
            }
        }
        queue_up(
            queue,
            |queue| queue,
            (),
            limit,
            Wait::Notify,
            |queue| {
                self.note(&queue);
                false
            },
        )
    }
}

#[cfg(not(loom))]
impl Notify {
    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let notify = gort::sync::Notify::new();
    /// assert!(notify.wait_timeout(Duration::from_millis(1)).is_err());
    /// notify.notify_one(); // kept for the next
    /// assert!(notify.wait_timeout(Duration::from_millis(1)).is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if there was no notification in time. None is lost: one that comes later is kept, or another's.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), Elapsed> {
        self.wait_limited(|| Limit::after(timeout)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `deadline`.
    ///
    /// # Errors
    /// [`Elapsed`] if there was no notification by then.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), Elapsed> {
        self.wait_limited(|| Limit::at(deadline)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `context` is done.
    ///
    /// ```
    /// use gort::{context, sync::Notify};
    ///
    /// let notify = Notify::new();
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(notify.wait_context(&ctx), Err(context::ContextError::Cancelled));
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if it has before there was a notification.
    pub fn wait_context(&self, context: &Context) -> Result<(), ContextError> {
        self.wait_limited(|| context.limit()).map_err(|GaveUp| context.ended())
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_notified = self.state.load(Relaxed) == KEPT;
        f.debug_struct("Notify").field("is_notified", &is_notified).finish_non_exhaustive()
    }
}

/// loom models: the real code, with two preemptions.
///
/// Seen to fail: with a notification that is not kept when those who waited have given up; with `Relaxed` in
/// `notify_one`.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::model;
    use crate::prim::{Arc, UnsafeCell, thread};
    use std::time::Duration;

    struct Inbox {
        notify: Notify,
        letters: UnsafeCell<u32>,
    }

    // SAFETY: the cell is what the models are about: loom checks who touches it when.
    unsafe impl Sync for Inbox {}
    // SAFETY: as above.
    unsafe impl Send for Inbox {}

    fn inbox() -> Arc<Inbox> {
        Arc::new(Inbox { notify: Notify::new(), letters: UnsafeCell::new(0) })
    }

    impl Inbox {
        fn put(&self) {
            // SAFETY: one puts before one takes, as loom checks.
            self.letters.with_mut(|letters| unsafe { *letters += 1 });
            self.notify.notify_one();
        }

        fn take(&self) {
            self.notify.wait();
            // SAFETY: as above.
            self.letters.with_mut(|letters| unsafe { *letters -= 1 });
        }
    }

    #[test]
    fn what_was_done_before_is_seen() {
        model(|| {
            let inbox = inbox();
            let taker = {
                let inbox = inbox.clone();
                thread::spawn(move || inbox.take())
            };
            inbox.put();
            taker.join().unwrap();
        });
    }

    /// Two notifications for two who wait, of whom one may give up: the other gets one, and one is kept.
    #[test]
    fn giving_up_loses_no_notification() {
        model(|| {
            let inbox = inbox();
            let hasty = {
                let inbox = inbox.clone();
                thread::spawn(move || {
                    inbox.notify.wait_slow(Limit::after(Duration::from_secs(3600))).is_ok()
                })
            };
            let patient = {
                let inbox = inbox.clone();
                thread::spawn(move || inbox.notify.wait())
            };
            inbox.notify.notify_one();
            if hasty.join().unwrap() {
                inbox.notify.notify_one();
            }
            patient.join().unwrap();
            assert_eq!(inbox.notify.state.load(Relaxed), NOTHING);
        });
    }
}
