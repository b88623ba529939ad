//! What is taken from a semaphore, and goes back to it.

use super::Semaphore;
use std::fmt;
use std::ops::Deref;

/// A permit on loan, or several; given back when it is dropped. From [`Semaphore::acquire`].
///
/// ```
/// let semaphore = gort::sync::Semaphore::new(3);
/// let permit = semaphore.acquire(2);
/// assert_eq!((permit.count(), semaphore.available()), (2, 1));
/// drop(permit);
/// assert_eq!(semaphore.available(), 3);
/// ```
#[must_use = "if unused the permits are given back immediately"]
#[clippy::has_significant_drop]
pub struct Permit<S: Deref<Target = Semaphore>> {
    pub(super) semaphore: S,
    /// Not more than `MAX_PERMITS`.
    pub(super) count: usize,
}

/// A [`Permit`] that keeps its semaphore, to go with a goroutine, say.
///
/// ```
/// use gort::sync::{OwnedPermit, Semaphore};
/// use std::sync::Arc;
///
/// fn work(_permit: OwnedPermit) {}
///
/// let semaphore = Arc::new(Semaphore::new(1));
/// let permit = semaphore.acquire_owned(1);
/// gort::go!(move || work(permit));
/// let _next = semaphore.acquire(1); // when it is done
/// ```
pub type OwnedPermit = Permit<std::sync::Arc<Semaphore>>;

impl Permit<&Semaphore> {
    /// The same permit, with a share of the semaphore.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// let semaphore = Arc::new(Semaphore::new(1));
    /// let permit = semaphore.try_acquire(1).unwrap().into_owned(&semaphore);
    /// drop(semaphore);
    /// assert_eq!(permit.count(), 1);
    /// ```
    ///
    /// # Panics
    /// If it is a permit of another semaphore.
    #[track_caller]
    pub fn into_owned(self, semaphore: &std::sync::Arc<Semaphore>) -> OwnedPermit {
        let same = std::ptr::eq(self.semaphore, &**semaphore);
        assert!(same, "gort: a permit was to be owned with another semaphore than its own");
        OwnedPermit { count: self.forget(), semaphore: semaphore.clone() }
    }
}

impl<S: Deref<Target = Semaphore>> Permit<S> {
    /// How many permits it stands for.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Does not give the permits back, and returns how many there were. So the semaphore has fewer, until somebody
    /// [releases](Semaphore::release) them.
    ///
    /// ```
    /// use gort::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// semaphore.acquire(1).forget();
    /// assert_eq!(semaphore.available(), 2);
    /// semaphore.release(1);
    /// assert_eq!(semaphore.available(), 3);
    /// ```
    pub fn forget(mut self) -> usize {
        std::mem::take(&mut self.count)
    }

    /// Takes `n` permits out, to be given back apart from the others. `None` if there are fewer.
    ///
    /// ```
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// let mut all = semaphore.acquire(3);
    /// drop(all.split(1));
    /// assert_eq!((all.count(), semaphore.available()), (2, 1));
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Permit<S>>
    where
        S: Clone,
    {
        self.count = self.count.checked_sub(n)?;
        Some(Permit { semaphore: self.semaphore.clone(), count: n })
    }

    /// Puts two together, to be given back at once.
    ///
    /// ```
    /// let semaphore = gort::sync::Semaphore::new(3);
    /// let mut permit = semaphore.acquire(1);
    /// permit.merge(semaphore.acquire(2));
    /// assert_eq!(permit.count(), 3);
    /// ```
    ///
    /// # Panics
    /// If they are of different semaphores, or more than one can [have](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn merge(&mut self, other: Permit<S>) {
        let same = std::ptr::eq(&*self.semaphore, &*other.semaphore);
        assert!(same, "gort: permits of different semaphores were to be merged");
        // It cannot run over, as each is a quarter of what can be counted at most.
        let count = self.count + other.count;
        assert!(
            count <= Semaphore::MAX_PERMITS,
            "gort: more permits were merged than a semaphore can have"
        );
        other.forget();
        self.count = count;
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permit<S> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.release(self.count);
        }
    }
}

impl<S: Deref<Target = Semaphore>> fmt::Debug for Permit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}
