//! The guard for a part of what a lock guards.

use super::poison::{Flag, Panicking};
use super::raw_lock::RawLock;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A lock that is held by one, whatever it guards; gives it back when dropped.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) raw: &'a RawLock,
    pub(super) poison: &'a Flag,
    pub(super) start: Panicking,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.poison.done(self.start);
        self.raw.unlock();
    }
}

/// The right to touch a part of a lock's value; from
/// [`MutexGuard::map`](super::MutexGuard::map) and
/// [`RwLockWriteGuard::map`](super::RwLockWriteGuard::map).
///
/// ```
/// use gort::sync::{MappedGuard, Mutex, MutexGuard};
///
/// let line = Mutex::new((String::from("start"), String::from("end")));
/// let end = MutexGuard::map(line.lock().unwrap(), |line| &mut line.1);
/// let mut text: MappedGuard<str> = MappedGuard::map(end, String::as_mut_str); // a part of the part
/// text.make_ascii_uppercase();
/// drop(text);
/// assert_eq!(line.lock().unwrap().1, "END");
/// ```
#[must_use = "if unused the lock will immediately unlock"]
#[clippy::has_significant_drop]
pub struct MappedGuard<'a, T: ?Sized + 'a> {
    value: NonNull<T>,
    held: Held<'a>,
    /// It may go where, and be shared as, a unique reference may.
    _value: PhantomData<&'a mut T>,
}

// SAFETY: it is a unique reference to the value, with what gives the lock back, which any thread may.
unsafe impl<T: ?Sized + Send> Send for MappedGuard<'_, T> {}
// SAFETY: shared, it only gives out shared references to the value.
unsafe impl<T: ?Sized + Sync> Sync for MappedGuard<'_, T> {}

impl<'a, T: ?Sized> MappedGuard<'a, T> {
    pub(super) fn new(value: NonNull<T>, held: Held<'a>) -> Self {
        Self { value, held, _value: PhantomData }
    }

    /// As [`MutexGuard::map`](super::MutexGuard::map).
    ///
    /// ```
    /// use gort::sync::{MappedMutexGuard, Mutex, MutexGuard};
    ///
    /// let lock = Mutex::new((1, [2, 3]));
    /// let array = MutexGuard::map(lock.lock().unwrap(), |value| &mut value.1);
    /// *MappedMutexGuard::map(array, |array| &mut array[0]) = 5; // still the one lock
    /// assert_eq!(*lock.lock().unwrap(), (1, [5, 3]));
    /// ```
    pub fn map<U: ?Sized>(mut guard: Self, f: impl FnOnce(&mut T) -> &mut U) -> MappedGuard<'a, U> {
        let value = NonNull::from(f(&mut guard));
        MappedGuard { value, held: guard.held, _value: PhantomData }
    }

    /// As [`MutexGuard::filter_map`](super::MutexGuard::filter_map).
    ///
    /// # Errors
    /// The guard itself, if `f` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedGuard<'a, U>, Self> {
        match f(&mut guard).map(NonNull::from) {
            Some(value) => Ok(MappedGuard { value, held: guard.held, _value: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized> Deref for MappedGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it points into the value of a lock that is held, as long as this guard lives.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for MappedGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and this guard is the only way to it.
        unsafe { self.value.as_mut() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MappedGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
