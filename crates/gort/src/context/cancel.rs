//! Contexts that can be cancelled, or end at a time, and the handles that cancel them.

use super::error::{Cause, ContextError};
use super::node::Context;
use crate::clock::Deadline;
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

/// A context that ends with its parent, or when it is cancelled.
///
/// ```
/// use gort::context::{background, with_cancel};
///
/// let (parent, cancel) = with_cancel(&background());
/// let (child, _) = with_cancel(&parent);
/// cancel.cancel();
/// assert!(child.is_done());
/// ```
pub fn with_cancel(parent: &Context) -> (Context, Cancel) {
    let context = Context::cancellable(parent, Deadline::NEVER, || None);
    (context.clone(), Cancel(context))
}

/// As [`with_cancel`], with a handle that says why; see [`cause`](super::cause).
///
/// ```
/// use gort::context::{background, cause, with_cancel_cause};
///
/// let (ctx, cancel) = with_cancel_cause(&background());
/// cancel.cancel("the client has gone");
/// cancel.cancel("something else"); // too late
/// assert_eq!(cause(&ctx).unwrap().to_string(), "the client has gone");
/// ```
pub fn with_cancel_cause(parent: &Context) -> (Context, CancelCause) {
    let context = Context::cancellable(parent, Deadline::NEVER, || None);
    (context.clone(), CancelCause(context))
}

/// A context that ends with its parent, when it is cancelled, or at `deadline`, as
/// [`DeadlineExceeded`](ContextError::DeadlineExceeded). If that has passed, it has ended.
///
/// If the parent has an earlier deadline, that is also this one's. If the runtime whose goroutine has made the context
/// is shut down before, the context is cancelled.
///
/// ```
/// use gort::context::{ContextError, background, with_deadline};
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_millis(2);
/// let (ctx, _cancel) = with_deadline(&background(), deadline);
/// assert_eq!(ctx.deadline(), Some(deadline));
/// ctx.done().recv();
/// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
/// ```
///
/// # Panics
/// If the timer cannot be had, which is a goroutine's record: as with [`go!`](crate::go!).
#[track_caller]
pub fn with_deadline(parent: &Context, deadline: Instant) -> (Context, Cancel) {
    ends_at(parent, Deadline::at(deadline), || None)
}

/// As [`with_deadline`]; if it is the deadline that ends the context, it is with this cause.
///
/// ```
/// use gort::context::{background, cause, with_deadline_cause};
/// use std::time::Instant;
///
/// let (ctx, _cancel) = with_deadline_cause(&background(), Instant::now(), "the shop is closed");
/// assert_eq!(cause(&ctx).unwrap().to_string(), "the shop is closed");
/// ```
///
/// # Panics
/// If the timer cannot be had, which is a goroutine's record: as with [`go!`](crate::go!).
#[track_caller]
pub fn with_deadline_cause(
    parent: &Context,
    deadline: Instant,
    cause: impl Into<Box<dyn Error + Send + Sync>>,
) -> (Context, Cancel) {
    ends_at(parent, Deadline::at(deadline), || Some(Cause::new(cause)))
}

/// As [`with_deadline`], `timeout` from now. One that is too long for the clock is none.
///
/// ```
/// use gort::context::{background, with_timeout, ContextError};
/// use std::time::Duration;
///
/// let (ctx, _cancel) = with_timeout(&background(), Duration::from_millis(2));
/// ctx.done().recv();
/// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
/// ```
///
/// # Panics
/// If the timer cannot be had, which is a goroutine's record: as with [`go!`](crate::go!).
#[track_caller]
pub fn with_timeout(parent: &Context, timeout: Duration) -> (Context, Cancel) {
    ends_at(parent, Deadline::after(timeout), || None)
}

/// As [`with_timeout`]; if it is the time that ends the context, it is with this cause.
///
/// ```
/// use gort::context::{background, cause, with_timeout_cause};
/// use std::time::Duration;
///
/// let (ctx, _cancel) =
///     with_timeout_cause(&background(), Duration::from_millis(2), "the database did not answer");
/// ctx.done().recv();
/// assert_eq!(cause(&ctx).unwrap().to_string(), "the database did not answer");
/// ```
///
/// # Panics
/// If the timer cannot be had, which is a goroutine's record: as with [`go!`](crate::go!).
#[track_caller]
pub fn with_timeout_cause(
    parent: &Context,
    timeout: Duration,
    cause: impl Into<Box<dyn Error + Send + Sync>>,
) -> (Context, Cancel) {
    ends_at(parent, Deadline::after(timeout), || Some(Cause::new(cause)))
}

#[track_caller]
fn ends_at(
    parent: &Context,
    deadline: Deadline,
    cause: impl FnOnce() -> Option<Cause>,
) -> (Context, Cancel) {
    let context = Context::cancellable(parent, deadline, cause);
    (context.clone(), Cancel(context))
}

/// Cancels a context. A clone cancels the same one.
///
/// Dropping it does not cancel: a context may be passed on and live longer than the function that has made
/// it. Where it is not to, use a [`drop_guard`](Self::drop_guard).
///
/// ```
/// use gort::context::{ContextError, background, with_cancel};
///
/// let (ctx, cancel) = with_cancel(&background());
/// let other = cancel.clone();
/// gort::go!(move || other.cancel());
/// ctx.done().recv(); // until it is cancelled
/// assert_eq!(ctx.err(), Some(ContextError::Cancelled));
/// ```
#[derive(Clone)]
pub struct Cancel(Context);

impl Cancel {
    /// Ends the context, and all derived from it. Again, or after it has ended by itself, it does nothing. Never
    /// blocks; functions that are to be called then are called by goroutines of their own.
    ///
    /// ```
    /// use gort::context::{ContextError, background, with_cancel, with_deadline};
    /// use std::time::Instant;
    ///
    /// let (ctx, cancel) = with_cancel(&background());
    /// let (child, cancel_child) = with_deadline(&ctx, Instant::now());
    /// cancel_child.cancel(); // its deadline was first
    /// cancel.cancel();
    /// assert_eq!(child.err(), Some(ContextError::DeadlineExceeded));
    /// assert_eq!(ctx.err(), Some(ContextError::Cancelled));
    /// ```
    ///
    /// # Panics
    /// With the panic of a [value's](super::with_value) destructor, if the value's last context goes meanwhile. All have ended then.
    pub fn cancel(&self) {
        self.0.end(ContextError::Cancelled, None);
    }

    /// A guard that cancels when it is dropped.
    ///
    /// ```
    /// use gort::context::{background, with_cancel};
    ///
    /// let (ctx, cancel) = with_cancel(&background());
    /// {
    ///     let _guard = cancel.drop_guard();
    /// }
    /// assert!(ctx.is_done());
    /// ```
    pub fn drop_guard(self) -> CancelGuard {
        CancelGuard(Some(self))
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.0).finish()
    }
}

/// Cancels a context when it is dropped; from [`Cancel::drop_guard`].
///
/// ```
/// use gort::context::{Context, background, with_cancel};
///
/// fn search(parent: &Context) -> Context {
///     let (ctx, cancel) = with_cancel(parent);
///     let _guard = cancel.drop_guard(); // also if this returns early, or panics
///     ctx
/// }
/// assert!(search(&background()).is_done());
/// ```
#[must_use = "if unused the context is cancelled immediately"]
#[derive(Debug)]
pub struct CancelGuard(Option<Cancel>);

impl CancelGuard {
    /// The handle; the context is not cancelled.
    ///
    /// ```
    /// use gort::context::{background, with_cancel};
    ///
    /// let (ctx, cancel) = with_cancel(&background());
    /// let guard = cancel.drop_guard();
    /// let cancel = guard.disarm(); // all has gone well: whoever gets the context goes on with it
    /// assert!(!ctx.is_done());
    /// # drop(cancel);
    /// ```
    pub fn disarm(mut self) -> Cancel {
        self.0.take().expect("a guard has a handle until it is dropped")
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}

/// Cancels a context and says why; from [`with_cancel_cause`]. Else as [`Cancel`].
///
/// ```
/// use gort::context::{background, cause, with_cancel_cause};
///
/// let (ctx, cancel) = with_cancel_cause(&background());
/// assert!(cause(&ctx).is_none());
/// cancel.cancel(std::io::Error::other("the disk is full"));
/// assert_eq!(cause(&ctx).unwrap().to_string(), "the disk is full");
/// ```
#[derive(Clone)]
pub struct CancelCause(Context);

impl CancelCause {
    /// Ends the context, and all derived from it, with this cause: an error, or a text. Again, or after it has ended by
    /// itself, it does nothing: the first cause stays.
    ///
    /// ```
    /// use gort::context::{ContextError, background, cause, with_cancel_cause};
    ///
    /// let (ctx, cancel) = with_cancel_cause(&background());
    /// cancel.cancel("the disk is full");
    /// cancel.cancel("too late to count");
    /// assert_eq!(ctx.err(), Some(ContextError::Cancelled));
    /// assert_eq!(cause(&ctx).unwrap().to_string(), "the disk is full");
    /// ```
    ///
    /// # Panics
    /// As [`Cancel::cancel`].
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        if !self.0.is_done() {
            self.0.end(ContextError::Cancelled, Some(Cause::new(cause)));
        }
    }

    /// The handle that does not say why: the cause is [`ContextError::Cancelled`] then.
    ///
    /// ```
    /// use gort::context::{ContextError, background, cause, with_cancel_cause};
    ///
    /// let (ctx, cancel) = with_cancel_cause(&background());
    /// cancel.without_cause().cancel();
    /// assert!(cause(&ctx).unwrap().is::<ContextError>());
    /// ```
    pub fn without_cause(&self) -> Cancel {
        Cancel(self.0.clone())
    }
}

impl fmt::Debug for CancelCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelCause").field(&self.0).finish()
    }
}
