//! What gives a lock for readers and writers back.

use super::RwLock;
use super::mapped::{Held, MappedGuard};
use super::poison::Panicking;
use super::raw_lock::RawLock;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

/// A lock that is held by readers, whatever it guards; gives one share of it back when dropped.
#[derive(Debug)]
struct Shared<'a> {
    raw: &'a RawLock,
}

impl Drop for Shared<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.raw.unread();
    }
}

/// The right to read the value of an [`RwLock`], or a part of it; gives it back when it is dropped.
///
/// ```
/// let lock = gort::sync::RwLock::new("text");
/// let (one, other) = (lock.read().unwrap(), lock.read().unwrap());
/// assert_eq!(*one, *other);
/// drop(one);
/// assert!(lock.try_write().is_err()); // the other one is still there
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized + 'a> {
    // Not a reference: one that is passed to a function is taken to lead to what does not change until that returns, but the
    // function may drop the guard, and then somebody writes.
    value: NonNull<T>,
    held: Shared<'a>,
    _value: PhantomData<&'a T>,
}

// SAFETY: it is a shared reference to the value, with what gives the lock back, which any thread may.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

/// The right to read a part of the value; from [`RwLockReadGuard::map`].
///
/// ```
/// use gort::sync::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
/// use std::collections::HashMap;
///
/// fn port<'a>(
///     ports: &'a RwLock<HashMap<&'static str, u16>>,
///     name: &str,
/// ) -> Option<MappedRwLockReadGuard<'a, u16>> {
///     RwLockReadGuard::filter_map(ports.read().unwrap(), |ports| ports.get(name)).ok()
/// }
///
/// let ports = RwLock::new(HashMap::from([("http", 80)]));
/// assert_eq!(*port(&ports, "http").unwrap(), 80);
/// assert!(port(&ports, "gopher").is_none());
/// ```
pub type MappedRwLockReadGuard<'a, T> = RwLockReadGuard<'a, T>;

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// The caller has just taken the lock for reading.
    #[inline(always)]
    pub(super) fn new(value: &'a T, raw: &'a RawLock) -> Self {
        let held = Shared { raw };
        RwLockReadGuard { value: NonNull::from(value), held, _value: PhantomData }
    }

    /// A guard for a part of the value.
    ///
    /// ```
    /// use gort::sync::{RwLock, RwLockReadGuard};
    ///
    /// let pair = RwLock::new((1, "one"));
    /// let name = RwLockReadGuard::map(pair.read().unwrap(), |pair| &pair.1);
    /// assert_eq!(*name, "one");
    /// ```
    pub fn map<U: ?Sized>(guard: Self, f: impl FnOnce(&T) -> &U) -> MappedRwLockReadGuard<'a, U> {
        let value = NonNull::from(f(&guard));
        RwLockReadGuard { value, held: guard.held, _value: PhantomData }
    }

    /// A guard for a part of the value, if it is there.
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn filter_map<U: ?Sized>(
        guard: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<MappedRwLockReadGuard<'a, U>, Self> {
        match f(&guard).map(NonNull::from) {
            Some(value) => Ok(RwLockReadGuard { value, held: guard.held, _value: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: it points into the value of a lock that is held by readers, as long as this guard lives.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to write the value of an [`RwLock`]; gives it back when it is dropped.
///
/// ```
/// let lock = gort::sync::RwLock::new(1);
/// let mut guard = lock.write().unwrap();
/// *guard += 1;
/// assert!(lock.try_read().is_err());
/// drop(guard);
/// assert_eq!(*lock.try_read().unwrap(), 2);
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized + 'a> {
    lock: &'a RwLock<T>,
    start: Panicking,
    /// It may go where, and be shared as, a unique reference may.
    _value: PhantomData<&'a mut T>,
}

// As the lock, which it poisons.
impl<T: ?Sized> UnwindSafe for RwLockWriteGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// The caller has just taken the lock for writing.
    #[inline(always)]
    pub(super) fn new(lock: &'a RwLock<T>) -> Self {
        RwLockWriteGuard { lock, start: Panicking::now(), _value: PhantomData }
    }

    /// Goes on as a reader: nobody writes in between, and other readers come in.
    ///
    /// ```
    /// use gort::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writing = lock.write().unwrap();
    /// *writing += 1;
    /// let reading = RwLockWriteGuard::downgrade(writing);
    /// assert_eq!(*lock.read().unwrap(), *reading);
    /// ```
    pub fn downgrade(guard: Self) -> RwLockReadGuard<'a, T> {
        let lock = guard.lock;
        lock.poison.done(guard.start);
        std::mem::forget(guard);
        lock.raw.downgrade();
        // SAFETY: no writer has the lock as long as the new guard is there.
        RwLockReadGuard::new(unsafe { &*lock.value.get() }, &lock.raw)
    }

    /// A guard for a part of the value.
    ///
    /// ```
    /// use gort::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let pair = RwLock::new((1, "one"));
    /// *RwLockWriteGuard::map(pair.write().unwrap(), |pair| &mut pair.0) = 2;
    /// assert_eq!(pair.read().unwrap().0, 2);
    /// ```
    pub fn map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> MappedRwLockWriteGuard<'a, U> {
        let value = NonNull::from(f(&mut guard));
        guard.into_mapped(value)
    }

    /// A guard for a part of the value, if it is there.
    ///
    /// ```
    /// use gort::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let names = RwLock::new(vec!["Rob"]);
    /// let second = RwLockWriteGuard::filter_map(names.write().unwrap(), |names| names.get_mut(1));
    /// second.unwrap_err().push("Ken"); // the guard of all of them
    /// assert_eq!(*names.read().unwrap(), ["Rob", "Ken"]);
    /// ```
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedRwLockWriteGuard<'a, U>, Self> {
        match f(&mut guard).map(NonNull::from) {
            Some(value) => Ok(guard.into_mapped(value)),
            None => Err(guard),
        }
    }

    fn into_mapped<U: ?Sized>(self, value: NonNull<U>) -> MappedRwLockWriteGuard<'a, U> {
        let lock = self.lock;
        let held = Held { raw: &lock.raw, poison: &lock.poison, start: self.start };
        std::mem::forget(self);
        MappedGuard::new(value, held)
    }
}

/// The right to write a part of the value of an [`RwLock`]; from [`RwLockWriteGuard::map`].
///
/// ```
/// use gort::sync::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
///
/// fn first(lock: &RwLock<[u8; 2]>) -> MappedRwLockWriteGuard<'_, u8> {
///     RwLockWriteGuard::map(lock.write().unwrap(), |bytes| &mut bytes[0])
/// }
///
/// let lock = RwLock::new([1, 2]);
/// *first(&lock) = 3;
/// assert_eq!(*lock.read().unwrap(), [3, 2]);
/// ```
pub type MappedRwLockWriteGuard<'a, T> = MappedGuard<'a, T>;

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard's lock is held, and it is borrowed.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard's lock is held by one, and it is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.poison.done(self.start);
        self.lock.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
