//! Functions that are called later, in goroutines of their own.

use crate::clock::Deadline;
use crate::prim::Lock;
use crate::runtime::spawn_later;
use crate::sched::{Claimed, Later};
use std::fmt;
use std::time::Duration;

/// Calls `f` in a goroutine of its own, `duration` from now, unless it is stopped; like Go's
/// `time.AfterFunc`.
///
/// Until then it costs a goroutine's record of 128 bytes and what `f` holds, and no stack. Dropping the handle
/// leaves it on. In a goroutine it belongs to the same runtime; on a plain thread, to the process's, which is
/// started if need be. If `f` panics that goes to the [panic handler](crate::set_panic_handler).
/// If the runtime is shut down before, `f` is dropped.
///
/// ```
/// use gort::time::after_func;
/// use std::time::Duration;
///
/// let (tx, rx) = gort::chan::chan(1);
/// after_func(Duration::from_millis(1), move || tx.send("done").unwrap());
/// assert_eq!(rx.recv(), Some("done"));
/// ```
///
/// # Panics
/// If the goroutine cannot be made, as with [`go!`](crate::go!).
#[track_caller]
pub fn after_func<F>(duration: Duration, f: F) -> AfterFunc
where
    F: FnOnce() + Send + 'static,
{
    AfterFunc { later: Lock::new(spawn_later(Deadline::after(duration), f)) }
}

/// A call to come; from [`after_func`].
///
/// ```
/// use gort::time::after_func;
/// use std::time::Duration;
///
/// let call = after_func(Duration::from_secs(60), || unreachable!());
/// assert!(call.reset(Duration::from_secs(120))); // later
/// assert!(call.stop()); // not at all
/// ```
pub struct AfterFunc {
    later: Lock<Later>,
}

impl AfterFunc {
    /// Keeps the function from being called, and drops it. Blocks for its destructor only.
    ///
    /// True: it is not called. False: its goroutine has begun, and may still run; or it was stopped before.
    ///
    /// ```
    /// use gort::time::after_func;
    /// use std::time::Duration;
    ///
    /// let call = after_func(Duration::from_secs(60), || unreachable!());
    /// assert!(call.stop());
    /// assert!(!call.stop());
    /// ```
    pub fn stop(&self) -> bool {
        // Its destructor is user code, which may come back here.
        self.with(|later| later.claim()).map(Claimed::end).is_some()
    }

    /// Puts the call off, or brings it forward, to `duration` from now. Never blocks.
    ///
    /// True: it is called then. False, and nothing happens: its goroutine has begun, or it was stopped.
    ///
    /// ```
    /// use gort::time::after_func;
    /// use std::time::Duration;
    ///
    /// let (tx, rx) = gort::chan::chan(1);
    /// let call = after_func(Duration::from_secs(60), move || tx.send(()).unwrap());
    /// assert!(call.reset(Duration::ZERO));
    /// assert!(rx.recv().is_some());
    /// assert!(!call.reset(Duration::ZERO));
    /// ```
    pub fn reset(&self, duration: Duration) -> bool {
        self.with(|later| later.reset(Deadline::after(duration)))
    }

    fn with<R>(&self, f: impl FnOnce(&mut Later) -> R) -> R {
        f(&mut self.later.lock())
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterFunc").finish_non_exhaustive()
    }
}
