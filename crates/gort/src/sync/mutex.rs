//! A lock for one at a time; std's, but it parks the goroutine.

use super::mapped::{Held, MappedGuard};
use super::poison::{Flag, Panicking};
use super::raw_lock::RawLock;
#[cfg(not(loom))]
use crate::context::Context;
use crate::park::Limit;
use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::{LockResult, PoisonError, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

/// A lock around a value that one goroutine or thread at a time may touch; like `std::sync::Mutex`.
///
/// What waits for it is the goroutine: its processor runs others. A plain thread is blocked. The
/// guard may be held over anything that blocks, dropped on another thread than the one it was taken on, and
/// sent to another goroutine.
///
/// Taking a free mutex and giving it back are one atomic instruction each. A busy one goes to whoever
/// comes by first, as that is much faster than passing it round; who has waited for a millisecond
/// is handed it next.
///
/// If a goroutine panics while it holds the guard, the mutex is *poisoned*, as std's: what follows gets
/// an error that holds the guard.
///
/// ```
/// use gort::sync::{Mutex, WaitGroup};
/// use std::sync::Arc;
///
/// let sum = Arc::new(Mutex::new(0));
/// let group = WaitGroup::new();
/// for n in 1..=10 {
///     let sum = sum.clone();
///     group.go(move || *sum.lock().unwrap() += n);
/// }
/// group.wait();
/// assert_eq!(*sum.lock().unwrap(), 55);
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawLock,
    poison: Flag,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached through a guard, of which there is one, or by its owner.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: as above; a shared mutex hands the value from one thread to the other.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

// A panic while it is held poisons it.
impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

impl<T> Mutex<T> {
    crate::prim::const_fn! {
        /// A mutex that nobody holds.
        ///
        /// ```
        /// static NAMES: gort::sync::Mutex<Vec<String>> = gort::sync::Mutex::new(Vec::new());
        /// NAMES.lock().unwrap().push("Rob".into());
        /// ```
        pub fn new(value: T) -> Mutex<T> {
            Mutex { raw: RawLock::new(), poison: Flag::new(), value: UnsafeCell::new(value) }
        }
    }

    /// The value, as nobody else has the mutex any more.
    ///
    /// # Errors
    /// The value as well, if the mutex is poisoned.
    pub fn into_inner(self) -> LockResult<T> {
        let poisoned = self.poison.get();
        let value = self.value.into_inner();
        if poisoned { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Blocks until the mutex is free and takes it; it is given back when the guard is dropped.
    ///
    /// A goroutine that locks a mutex which it holds already blocks for ever.
    ///
    /// ```
    /// let mutex = gort::sync::Mutex::new(0);
    /// gort::scope(|s| {
    ///     let guard = mutex.lock().unwrap();
    ///     s.go(|| *mutex.lock().unwrap() += 1); // waits for the guard to be dropped
    ///     assert_eq!(*guard, 0);
    /// });
    /// assert_eq!(*mutex.lock().unwrap(), 1);
    /// ```
    ///
    /// # Errors
    /// The guard as well, if a holder has panicked.
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.lock();
        self.guard()
    }

    /// Takes the mutex if it is free. Never blocks.
    ///
    /// ```
    /// use gort::sync::Mutex;
    /// use std::sync::TryLockError;
    ///
    /// let mutex = Mutex::new('a');
    /// let held = mutex.try_lock().unwrap();
    /// assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    /// drop(held);
    /// assert_eq!(*mutex.try_lock().unwrap(), 'a');
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if somebody holds it; `Poisoned`, with the guard, if a holder has panicked.
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        if self.raw.try_lock() { Ok(self.guard()?) } else { Err(TryLockError::WouldBlock) }
    }

    /// As [`lock`](Self::lock), for at most `timeout`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mutex = gort::sync::Mutex::new(0);
    /// let _held = mutex.lock().unwrap();
    /// assert!(mutex.lock_timeout(Duration::from_millis(1)).is_err());
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if the time is over; `Poisoned`, with the guard, if a holder has panicked.
    pub fn lock_timeout(&self, timeout: Duration) -> TryLockResult<MutexGuard<'_, T>> {
        self.lock_limited(|| Limit::after(timeout))
    }

    /// As [`lock`](Self::lock), until `deadline`.
    ///
    /// ```
    /// use gort::sync::Mutex;
    /// use std::sync::TryLockError;
    /// use std::time::{Duration, Instant};
    ///
    /// let (one, other) = (Mutex::new(1), Mutex::new(2));
    /// let deadline = Instant::now() + Duration::from_secs(5); // for both together
    /// let held = (one.lock_deadline(deadline).unwrap(), other.lock_deadline(deadline).unwrap());
    /// assert_eq!(*held.0 + *held.1, 3);
    /// assert!(matches!(one.lock_deadline(Instant::now()), Err(TryLockError::WouldBlock)));
    /// ```
    ///
    /// # Errors
    /// As [`lock_timeout`](Self::lock_timeout).
    pub fn lock_deadline(&self, deadline: Instant) -> TryLockResult<MutexGuard<'_, T>> {
        self.lock_limited(|| Limit::at(deadline))
    }

    /// As [`lock`](Self::lock), until `context` is done.
    ///
    /// A mutex that is free is taken whatever the context says.
    ///
    /// ```
    /// use gort::{context, sync::Mutex};
    ///
    /// let mutex = Mutex::new(0);
    /// let _held = mutex.lock().unwrap();
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// cancel.cancel();
    /// assert!(mutex.lock_context(&ctx).is_err());
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if the context is done; `Poisoned`, with the guard, if a holder has panicked.
    #[cfg(not(loom))]
    pub fn lock_context(&self, context: &Context) -> TryLockResult<MutexGuard<'_, T>> {
        self.lock_limited(|| context.limit())
    }

    fn lock_limited<'a>(
        &self,
        limit: impl FnOnce() -> Limit<'a>,
    ) -> TryLockResult<MutexGuard<'_, T>> {
        self.raw.lock_limited(limit).map_err(|_| TryLockError::WouldBlock)?;
        Ok(self.guard()?)
    }

    /// The caller has just taken the lock.
    #[inline(always)]
    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        let guard = MutexGuard { lock: self, start: Panicking::now(), _value: PhantomData };
        self.poison.wrap(guard)
    }

    /// Has a holder panicked? What one reads is out of date at once unless one holds the mutex.
    pub fn is_poisoned(&self) -> bool {
        self.poison.get()
    }

    /// Declares that the value is in order again.
    ///
    /// ```
    /// use gort::sync::Mutex;
    ///
    /// let mutex = std::sync::Arc::new(Mutex::new(0));
    /// let shared = mutex.clone();
    /// let spoiler = gort::spawn(move || {
    ///     let _guard = shared.lock();
    ///     panic!("half done");
    /// });
    /// assert!(spoiler.join().is_err() && mutex.is_poisoned());
    /// *mutex.lock().unwrap_err().into_inner() = 1;
    /// mutex.clear_poison();
    /// assert_eq!(*mutex.lock().unwrap(), 1);
    /// ```
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value, without locking: who borrows the mutex mutably is alone with it.
    ///
    /// ```
    /// let mut mutex = gort::sync::Mutex::new(1);
    /// *mutex.get_mut().unwrap() += 1;
    /// assert_eq!(mutex.into_inner().unwrap(), 2);
    /// ```
    ///
    /// # Errors
    /// The reference as well, if the mutex is poisoned.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        let poisoned = self.poison.get();
        let value = self.value.get_mut();
        if poisoned { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => shown.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => shown.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => shown.field("data", &format_args!("<locked>")),
        };
        shown.field("poisoned", &self.poison.get()).finish_non_exhaustive()
    }
}

/// The right to touch a part of a mutex's value; from [`MutexGuard::map`].
///
/// ```
/// use gort::sync::{MappedMutexGuard, Mutex, MutexGuard};
///
/// struct Queue {
///     jobs: Mutex<Vec<u32>>,
/// }
///
/// impl Queue {
///     /// The job that came last, for as long as the guard is there.
///     fn last(&self) -> Option<MappedMutexGuard<'_, u32>> {
///         MutexGuard::filter_map(self.jobs.lock().unwrap(), |jobs| jobs.last_mut()).ok()
///     }
/// }
///
/// let queue = Queue { jobs: Mutex::new(vec![1, 2]) };
/// *queue.last().unwrap() += 1;
/// assert_eq!(*queue.jobs.lock().unwrap(), [1, 3]);
/// ```
pub type MappedMutexGuard<'a, T> = MappedGuard<'a, T>;

/// The right to touch a mutex's value; gives the mutex back when it is dropped.
///
/// ```
/// let mutex = gort::sync::Mutex::new(1);
/// let mut guard = mutex.lock().unwrap();
/// *guard += 1;
/// gort::yield_now(); // it may be held over what blocks
/// assert!(mutex.try_lock().is_err());
/// drop(guard);
/// assert_eq!(*mutex.try_lock().unwrap(), 2);
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized + 'a> {
    lock: &'a Mutex<T>,
    start: Panicking,
    /// It may go where, and be shared as, a unique reference may.
    _value: PhantomData<&'a mut T>,
}

// As the mutex, which it poisons.
impl<T: ?Sized> UnwindSafe for MutexGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// A guard for a part of the value.
    ///
    /// An associated function: `MutexGuard::map(guard, ..)`.
    ///
    /// ```
    /// use gort::sync::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(pair.lock().unwrap(), |pair| &mut pair.0);
    /// *number += 1;
    /// drop(number);
    /// assert_eq!(pair.lock().unwrap().0, 2);
    /// ```
    pub fn map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedMutexGuard<'a, U> {
        let value = NonNull::from(f(&mut guard));
        guard.into_mapped(value)
    }

    /// A guard for a part of the value, if it is there.
    ///
    /// ```
    /// use gort::sync::{Mutex, MutexGuard};
    ///
    /// let names = Mutex::new(vec!["Rob"]);
    /// let second = MutexGuard::filter_map(names.lock().unwrap(), |names| names.get_mut(1));
    /// second.unwrap_err().push("Ken"); // the guard of all of them
    /// assert_eq!(*names.lock().unwrap(), ["Rob", "Ken"]);
    /// ```
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        match f(&mut guard).map(NonNull::from) {
            Some(value) => Ok(guard.into_mapped(value)),
            None => Err(guard),
        }
    }

    fn into_mapped<U: ?Sized>(self, value: NonNull<U>) -> MappedMutexGuard<'a, U> {
        let held = Held { raw: &self.lock.raw, poison: &self.lock.poison, start: self.start };
        std::mem::forget(self);
        MappedGuard::new(value, held)
    }

    /// For a condition variable: the mutex of a guard.
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.lock
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard's lock is held, and it is borrowed.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard's lock is held by one, and it is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.poison.done(self.start);
        self.lock.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
