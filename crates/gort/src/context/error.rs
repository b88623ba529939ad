//! Why a context has ended.

use super::node::Context;
use std::error::Error;
use std::fmt;
use std::io;
use std::num::NonZeroU8;
use std::sync::Arc;

/// How a context has ended.
///
/// ```
/// use gort::context::ContextError;
/// use std::io;
///
/// // Functions that return errors of std's may pass it on by `?`.
/// assert_eq!(io::Error::from(ContextError::DeadlineExceeded).kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ContextError {
    /// Somebody has cancelled it, or one it was derived from.
    Cancelled,
    /// Its deadline has passed, or that of one it was derived from.
    DeadlineExceeded,
}

impl ContextError {
    pub(super) fn code(self) -> NonZeroU8 {
        match self {
            ContextError::Cancelled => NonZeroU8::MIN,
            ContextError::DeadlineExceeded => NonZeroU8::MAX,
        }
    }

    pub(super) fn from_code(code: NonZeroU8) -> ContextError {
        if code == NonZeroU8::MIN {
            ContextError::Cancelled
        } else {
            ContextError::DeadlineExceeded
        }
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ContextError::Cancelled => "context cancelled",
            ContextError::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for ContextError {}

impl From<ContextError> for io::Error {
    /// A deadline is `TimedOut`. A cancellation is `Other`, not `Interrupted`, after which callers try again.
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Cancelled => io::Error::other(error),
            ContextError::DeadlineExceeded => io::Error::new(io::ErrorKind::TimedOut, error),
        }
    }
}

/// What a context was cancelled for: any error, shared by all who ask; from [`cause`].
///
/// ```
/// use gort::context::{background, cause, with_cancel_cause};
/// use std::io;
///
/// let (ctx, cancel) = with_cancel_cause(&background());
/// cancel.cancel(io::Error::from(io::ErrorKind::BrokenPipe));
/// let why = cause(&ctx).unwrap();
/// assert_eq!(why.downcast_ref::<io::Error>().unwrap().kind(), io::ErrorKind::BrokenPipe);
/// ```
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Cause {
        // One that is passed on stays what it is.
        match error.into().downcast::<Cause>() {
            Ok(cause) => *cause,
            Err(error) => Cause(Arc::from(error)),
        }
    }

    /// The error.
    pub fn get(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }

    /// The error, if it is an `E`.
    ///
    /// ```
    /// use gort::context::{ContextError, background, cause, with_cancel};
    ///
    /// let (ctx, cancel) = with_cancel(&background());
    /// cancel.cancel(); // without saying why
    /// let why = cause(&ctx).unwrap();
    /// assert_eq!(why.downcast_ref(), Some(&ContextError::Cancelled));
    /// assert!(!why.is::<std::io::Error>());
    /// ```
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }

    /// Is the error an `E`?
    pub fn is<E: Error + 'static>(&self) -> bool {
        self.0.is::<E>()
    }
}

impl From<ContextError> for Cause {
    fn from(error: ContextError) -> Self {
        Cause(Arc::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why `context` is done: what it was cancelled with, if that was said, else its [`err`](Context::err) as the
/// cause. `None` if it is not done. Never blocks.
///
/// Where a parent was cancelled first, it is the parent's cause.
///
/// ```
/// use gort::context::{self, ContextError};
///
/// let (parent, cancel) = context::with_cancel_cause(&context::background());
/// let (child, _cancel) = context::with_cancel(&parent);
/// assert!(context::cause(&child).is_none());
/// cancel.cancel("the client has gone");
/// assert_eq!(context::cause(&child).unwrap().to_string(), "the client has gone");
/// assert_eq!(child.err(), Some(ContextError::Cancelled));
/// ```
pub fn cause(context: &Context) -> Option<Cause> {
    let (error, cause) = context.canceller()?.ended()?;
    Some(cause.unwrap_or_else(|| error.into()))
}
