//! A lock for many readers or one writer; std's, but it parks the goroutine.

use super::poison::Flag;
use super::raw_lock::RawLock;
use super::{RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(loom))]
use crate::context::Context;
use crate::park::{GaveUp, Limit};
use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

/// A lock around a value that many may read at the same time, or one may write; like
/// `std::sync::RwLock`.
///
/// What waits for it is the goroutine: its processor runs others. A plain thread is blocked. Guards may
/// be held over anything that blocks, dropped on another thread, and sent to another goroutine.
///
/// Who waits is served in order, neither readers nor writers starve: while some read, others join them, but
/// not for longer than a millisecond before a writer that waits. So a goroutine must not read-lock again
/// what it has locked already, as a writer may have come in between.
///
/// It is *poisoned* if a goroutine panics while it holds the guard for writing.
///
/// ```
/// use gort::sync::RwLock;
///
/// let settings = RwLock::new(vec![1, 2]);
/// {
///     let one = settings.read().unwrap();
///     let other = settings.read().unwrap(); // at the same time
///     assert_eq!(one.len() + other.len(), 4);
/// }
/// settings.write().unwrap().push(3);
/// assert_eq!(settings.read().unwrap().len(), 3);
/// ```
pub struct RwLock<T: ?Sized> {
    pub(super) raw: RawLock,
    pub(super) poison: Flag,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: the value is only reached through guards, or by its owner.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: as above; guards for reading share it, one for writing hands it to another thread.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

// A panic while it is held poisons it.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    crate::prim::const_fn! {
        /// A lock that nobody holds.
        pub fn new(value: T) -> RwLock<T> {
            RwLock { raw: RawLock::new(), poison: Flag::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value, as nobody else has the lock any more.
    ///
    /// # Errors
    /// The value as well, if the lock is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.poison.get();
        let value = self.value.into_inner();
        if poisoned { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Blocks while a writer has the lock, or waits for it for longer than a millisecond, and takes it for
    /// reading.
    ///
    /// ```
    /// let lock = gort::sync::RwLock::new(0);
    /// gort::scope(|s| {
    ///     let mut writing = lock.write().unwrap();
    ///     for _ in 0..3 {
    ///         s.go(|| assert_eq!(*lock.read().unwrap(), 1)); // waits for the writer
    ///     }
    ///     *writing = 1;
    /// });
    /// ```
    ///
    /// # Errors
    /// The guard as well, if a writer has panicked.
    ///
    /// # Panics
    /// If the lock has 67 million readers.
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.raw.read();
        self.read_guard()
    }

    /// Takes the lock for reading if no writer has it and nobody waits for it. Never blocks.
    ///
    /// ```
    /// use std::sync::TryLockError;
    ///
    /// let lock = gort::sync::RwLock::new(1);
    /// let readers = (lock.try_read().unwrap(), lock.try_read().unwrap());
    /// drop(readers);
    /// let _writing = lock.write().unwrap();
    /// assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if it cannot be had; `Poisoned`, with the guard, if a writer has panicked.
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        if self.raw.try_read() { Ok(self.read_guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// As [`read`](Self::read), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = gort::sync::RwLock::new(0);
    /// let _held = lock.write().unwrap();
    /// assert!(lock.read_timeout(Duration::from_millis(1)).is_err());
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if the time is over; `Poisoned`, with the guard, if a writer has panicked.
    pub fn read_timeout(&self, timeout: Duration) -> TryLockResult<RwLockReadGuard<'_, T>> {
        self.reading(self.raw.read_limited(|| Limit::after(timeout)))
    }

    /// As [`read`](Self::read), until `deadline`.
    ///
    /// # Errors
    /// As [`read_timeout`](Self::read_timeout).
    pub fn read_deadline(&self, deadline: Instant) -> TryLockResult<RwLockReadGuard<'_, T>> {
        self.reading(self.raw.read_limited(|| Limit::at(deadline)))
    }

    /// As [`read`](Self::read), until `context` is done. A lock that can be had is taken whatever the
    /// context says.
    ///
    /// ```
    /// use gort::{context, sync::RwLock};
    ///
    /// let lock = RwLock::new(1);
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// cancel.cancel();
    /// assert_eq!(*lock.read_context(&ctx).unwrap(), 1); // it can be had
    /// let _writing = lock.write().unwrap();
    /// assert!(lock.read_context(&ctx).is_err());
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if the context is done; `Poisoned`, with the guard, if a writer has panicked.
    #[cfg(not(loom))]
    pub fn read_context(&self, context: &Context) -> TryLockResult<RwLockReadGuard<'_, T>> {
        self.reading(self.raw.read_limited(|| context.limit()))
    }

    /// Blocks until nobody has the lock, and takes it for writing.
    ///
    /// ```
    /// let lock = gort::sync::RwLock::new(0);
    /// gort::scope(|s| {
    ///     let (one, other) = (lock.read().unwrap(), lock.read().unwrap());
    ///     s.go(|| *lock.write().unwrap() += 1); // waits for both
    ///     assert_eq!((*one, *other), (0, 0));
    /// });
    /// assert_eq!(*lock.read().unwrap(), 1);
    /// ```
    ///
    /// # Errors
    /// The guard as well, if a writer has panicked.
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.raw.lock();
        self.write_guard()
    }

    /// Takes the lock for writing if nobody has it. Never blocks.
    ///
    /// ```
    /// use gort::sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let reading = lock.read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// drop(reading);
    /// *lock.try_write().unwrap() = 2;
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if somebody has it; `Poisoned`, with the guard, if a writer has panicked.
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        if self.raw.try_lock() { Ok(self.write_guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// As [`write`](Self::write), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let lock = gort::sync::RwLock::new(0);
    /// let reading = lock.read().unwrap();
    /// assert!(lock.write_timeout(Duration::from_millis(1)).is_err());
    /// assert!(lock.try_read().is_ok()); // nobody waits any more
    /// drop(reading);
    /// *lock.write_timeout(Duration::from_millis(1)).unwrap() = 1;
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if the time is over; `Poisoned`, with the guard, if a writer has panicked.
    pub fn write_timeout(&self, timeout: Duration) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        self.writing(self.raw.lock_limited(|| Limit::after(timeout)))
    }

    /// As [`write`](Self::write), until `deadline`.
    ///
    /// # Errors
    /// As [`write_timeout`](Self::write_timeout).
    pub fn write_deadline(&self, deadline: Instant) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        self.writing(self.raw.lock_limited(|| Limit::at(deadline)))
    }

    /// As [`write`](Self::write), until `context` is done. A lock that is free is taken whatever the
    /// context says.
    ///
    /// ```
    /// use gort::{context, sync::RwLock};
    ///
    /// let lock = RwLock::new(0);
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// cancel.cancel();
    /// *lock.write_context(&ctx).unwrap() = 1; // it is free
    /// let _reading = lock.read().unwrap();
    /// assert!(lock.write_context(&ctx).is_err());
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if the context is done; `Poisoned`, with the guard, if a writer has panicked.
    #[cfg(not(loom))]
    pub fn write_context(&self, context: &Context) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        self.writing(self.raw.lock_limited(|| context.limit()))
    }

    fn reading(&self, taken: Result<(), GaveUp>) -> TryLockResult<RwLockReadGuard<'_, T>> {
        taken.map_err(|_| TryLockError::WouldBlock)?;
        Ok(self.read_guard()?)
    }

    fn writing(&self, taken: Result<(), GaveUp>) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        taken.map_err(|_| TryLockError::WouldBlock)?;
        Ok(self.write_guard()?)
    }

    /// The caller has just taken the lock for reading.
    #[inline(always)]
    fn read_guard(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        // SAFETY: no writer has the lock as long as the guard is there.
        let value = unsafe { &*self.value.get() };
        self.poison.wrap(RwLockReadGuard::new(value, &self.raw))
    }

    /// The caller has just taken the lock for writing.
    #[inline(always)]
    fn write_guard(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.poison.wrap(RwLockWriteGuard::new(self))
    }

    /// Has a writer panicked? What one reads is out of date at once unless one holds the lock.
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Declares that the value is in order again.
    ///
    /// ```
    /// use gort::sync::RwLock;
    ///
    /// let lock = std::sync::Arc::new(RwLock::new(0));
    /// let shared = lock.clone();
    /// let spoiler = gort::spawn(move || {
    ///     let _guard = shared.write();
    ///     panic!("half done");
    /// });
    /// assert!(spoiler.join().is_err() && lock.is_poisoned());
    /// *lock.write().unwrap_err().into_inner() = 1;
    /// lock.clear_poison();
    /// assert_eq!(*lock.read().unwrap(), 1);
    /// ```
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, without locking: who borrows the lock mutably is alone with it.
    ///
    /// ```
    /// let mut lock = gort::sync::RwLock::new(1);
    /// *lock.get_mut().unwrap() += 1;
    /// assert_eq!(lock.into_inner().unwrap(), 2);
    /// ```
    ///
    /// # Errors
    /// The reference as well, if the lock is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.poison.get();
        let value = self.value.get_mut();
        if poisoned { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => shown.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => shown.field("data", &format_args!("<locked>")),
        };
        shown.field("poisoned", &self.poison.get()).finish_non_exhaustive()
    }
}
