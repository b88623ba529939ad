//! A value that is made once.

use super::once::Once;
#[cfg(not(loom))]
use crate::context::{Context, ContextError};
use crate::park::{GaveUp, Limit};
#[cfg(not(loom))]
use crate::time::Elapsed;
use std::cell::UnsafeCell;
use std::convert::Infallible;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
#[cfg(not(loom))]
use std::time::{Duration, Instant};

/// A place for a value that is written once, by the first who comes, while others wait; like
/// `std::sync::OnceLock`.
///
/// What waits is the goroutine, so the function that makes the value may block, and may be preempted.
///
/// ```
/// use gort::sync::OnceLock;
///
/// static CONFIG: OnceLock<String> = OnceLock::new();
/// assert!(CONFIG.get().is_none());
/// assert_eq!(CONFIG.get_or_init(|| "debug".into()), "debug");
/// assert_eq!(CONFIG.set("release".into()), Err("release".into()));
/// ```
pub struct OnceLock<T> {
    once: Once,
    /// Written by whoever is at the `Once`; only read when that is completed.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value goes to whoever takes it out, and is shared by all who get it.
unsafe impl<T: Sync + Send> Sync for OnceLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for OnceLock<T> {}

// What panics makes no value.
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    crate::prim::const_fn! {
        /// A place without a value.
        pub fn new() -> OnceLock<T> {
            OnceLock { once: Once::new(), value: UnsafeCell::new(None) }
        }
    }

    /// The value, if it is there. Never blocks.
    #[inline(always)]
    pub fn get(&self) -> Option<&T> {
        if !self.once.is_completed() {
            return None;
        }
        // SAFETY: what is completed is not written any more while it is borrowed.
        unsafe { &*self.value.get() }.as_ref()
    }

    /// The value, to be changed, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Puts a value in, if there is none. While another is making one, blocks until that is over.
    ///
    /// ```
    /// use gort::sync::OnceLock;
    ///
    /// static NAME: OnceLock<&str> = OnceLock::new();
    /// assert_eq!(NAME.set("first"), Ok(()));
    /// assert_eq!(NAME.set("second"), Err("second"));
    /// assert_eq!(NAME.get(), Some(&"first"));
    /// ```
    ///
    /// # Errors
    /// `value`, if there is one already.
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("it is called once"));
        value.map_or(Ok(()), Err)
    }

    /// The value. If there is none, the first who comes makes one with `f`; the others block until it is there.
    ///
    /// ```
    /// use gort::sync::OnceLock;
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    ///
    /// let (value, calls) = (OnceLock::new(), AtomicU32::new(0));
    /// gort::scope(|s| {
    ///     for _ in 0..10 {
    ///         s.go(|| assert_eq!(*value.get_or_init(|| calls.fetch_add(1, Relaxed)), 0));
    ///     }
    /// });
    /// assert_eq!(calls.into_inner(), 1);
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`; the next who comes, or who waits, tries in its turn. If `f` asks for the
    /// value that it is to make.
    #[inline]
    #[track_caller]
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        match self.get_or_try_init(|| Ok::<T, Infallible>(f())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// As [`get_or_init`](Self::get_or_init), with a function that may fail.
    ///
    /// ```
    /// use gort::sync::OnceLock;
    ///
    /// let port = OnceLock::new();
    /// assert!(port.get_or_try_init(|| "http".parse::<u16>()).is_err());
    /// assert_eq!(port.get_or_try_init(|| "80".parse::<u16>()), Ok(&80));
    /// ```
    ///
    /// # Errors
    /// That of `f`; there is no value then, and the next who comes, or who waits, tries in its turn.
    ///
    /// # Panics
    /// As [`get_or_init`](Self::get_or_init).
    #[inline]
    #[track_caller]
    pub fn get_or_try_init<E>(&self, f: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        if let Some(value) = self.get() {
            return Ok(value);
        }
        self.init(Limit::NEVER, f).expect("a wait without a limit ends when there is a value")
    }

    /// `Err`: another is making the value, and the limit was reached.
    #[cold]
    #[track_caller]
    pub(super) fn init<E>(
        &self,
        limit: Limit<'_>,
        f: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<&T, E>, GaveUp> {
        let mut error = None;
        self.once.call(true, limit, |state| match f() {
            // SAFETY: the `Once` lets one in at a time, and none when there is a value, so nobody borrows
            // what is in the cell.
            Ok(value) => unsafe { *self.value.get() = Some(value) },
            Err(why) => {
                error = Some(why);
                state.undo();
            }
        })?;
        Ok(match error {
            Some(error) => Err(error),
            None => Ok(self.get().expect("the call is over, by this one or another")),
        })
    }

    /// Blocks until there is a value.
    ///
    /// ```
    /// static ADDRESS: gort::sync::OnceLock<String> = gort::sync::OnceLock::new();
    ///
    /// gort::go!(|| ADDRESS.set("localhost".into()).unwrap());
    /// assert_eq!(ADDRESS.wait(), "localhost");
    /// ```
    ///
    /// # Panics
    /// Within the function that makes it.
    #[track_caller]
    pub fn wait(&self) -> &T {
        self.once.wait_force();
        self.get().expect("it has been waited for")
    }

    /// Takes the value out; the place is as new.
    ///
    /// ```
    /// let mut place = gort::sync::OnceLock::new();
    /// assert_eq!(place.set(1), Ok(()));
    /// *place.get_mut().unwrap() += 1;
    /// assert_eq!(place.take(), Some(2));
    /// assert_eq!(place.set(3), Ok(()));
    /// assert_eq!(place.into_inner(), Some(3));
    /// ```
    pub fn take(&mut self) -> Option<T> {
        self.once = Once::new();
        self.value.get_mut().take()
    }

    /// The value, if there is one.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

#[cfg(not(loom))]
impl<T> OnceLock<T> {
    /// As [`wait`](Self::wait), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let place = gort::sync::OnceLock::new();
    /// assert!(place.wait_timeout(Duration::from_millis(1)).is_err());
    /// place.set("a value").unwrap();
    /// assert_eq!(place.wait_timeout(Duration::from_millis(1)), Ok(&"a value"));
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if there is no value in time.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Result<&T, Elapsed> {
        self.wait_limited(Limit::after(timeout)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `deadline`.
    ///
    /// # Errors
    /// [`Elapsed`] if there is no value by then.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_deadline(&self, deadline: Instant) -> Result<&T, Elapsed> {
        self.wait_limited(Limit::at(deadline)).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`wait`](Self::wait), until `context` is done.
    ///
    /// ```
    /// use gort::{context, sync::OnceLock};
    ///
    /// let place = OnceLock::<u32>::new();
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(place.wait_context(&ctx), Err(context::ContextError::Cancelled));
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if it has before there is a value.
    ///
    /// # Panics
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_context(&self, context: &Context) -> Result<&T, ContextError> {
        self.wait_limited(context.limit()).map_err(|GaveUp| context.ended())
    }

    #[track_caller]
    fn wait_limited(&self, limit: Limit<'_>) -> Result<&T, GaveUp> {
        self.once.wait_limited(true, limit)?;
        Ok(self.get().expect("it has been waited for"))
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let place = OnceLock::new();
        place.get_or_init(|| value);
        place
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    /// A place with the same value, if there is one.
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("OnceLock");
        match self.get() {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<uninit>")),
        };
        shown.finish()
    }
}
