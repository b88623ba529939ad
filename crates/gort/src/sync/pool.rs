//! Things that are dear to make and are used again.

use super::mutex::Mutex;
use crate::sched;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::thread;

/// As many values are kept in each store, if nothing else is said.
const IDLE: usize = 64;

/// Keeps values that are dear to make, buffers say, for whoever needs one next; like Go's `sync.Pool`.
///
/// There are sixteen stores, for as many processors of a runtime, so that those who use the pool on different ones do not
/// meet; with more processors some share one, and plain threads use the first. The stores hold 64 values each, unless
/// [set otherwise](Self::with_max_idle); those that are too many are dropped. A value comes back as it was left: clear it when you get it, or have it back.
///
/// ```
/// use gort::sync::{Pool, WaitGroup};
/// use std::fmt::Write;
///
/// static LINES: Pool<String> = Pool::new(|| String::with_capacity(4096));
///
/// let group = WaitGroup::new();
/// for n in 0..10 {
///     group.go(move || {
///         let mut line = LINES.get();
///         line.clear();
///         write!(line, "line {n}").unwrap();
///     });
/// }
/// group.wait();
/// ```
pub struct Pool<T, F = fn() -> T> {
    make: F,
    max_idle: usize,
    stores: [Store<T>; STORES],
}

const STORES: usize = 16;

/// On a cache line of its own.
#[repr(align(128))]
struct Store<T>(Mutex<Vec<T>>);

impl<T, F: Fn() -> T> Pool<T, F> {
    /// A pool of values that `make` makes, if none is there.
    pub const fn new(make: F) -> Pool<T, F> {
        Pool::with_max_idle(IDLE, make)
    }

    /// A pool that keeps at most `max_idle` values in each of its sixteen stores.
    ///
    /// ```
    /// let pool = gort::sync::Pool::with_max_idle(1, || vec![0_u8; 1 << 20]);
    /// let (one, other) = (pool.get(), pool.get());
    /// drop((one, other)); // there is room for one of them
    /// assert_eq!(pool.idle(), 1);
    /// pool.clear();
    /// assert_eq!(pool.idle(), 0);
    /// ```
    pub const fn with_max_idle(max_idle: usize, make: F) -> Pool<T, F> {
        Pool { make, max_idle, stores: [const { Store(Mutex::new(Vec::new())) }; STORES] }
    }

    /// A value, to be used and given back, by dropping the guard. Making one may block; else it waits at most for
    /// another who is at the same store, for some instructions.
    ///
    /// ```
    /// let pool = gort::sync::Pool::new(|| Vec::<u8>::with_capacity(4096));
    /// let mut buffer = pool.get(); // made, as there is none
    /// buffer.push(1);
    /// drop(buffer);
    /// assert_eq!(*pool.get(), [1]); // the same, as it was left
    /// ```
    ///
    /// # Panics
    /// If the function that makes values does.
    pub fn get(&self) -> PoolGuard<'_, T, F> {
        let value = self.find().unwrap_or_else(&self.make);
        PoolGuard { pool: self, value: Some(value), was_panicking: thread::panicking() }
    }

    /// Gives a value to the pool; if it has enough, the value is dropped, which may block. Else it waits as
    /// [`get`](Self::get) does.
    ///
    /// ```
    /// let pool = gort::sync::Pool::new(String::new);
    /// pool.put("made beforehand".into());
    /// assert_eq!(*pool.get(), "made beforehand");
    /// ```
    pub fn put(&self, value: T) {
        let Err(value) = self.store(value) else { return };
        drop(value);
    }

    /// Drops the values that nobody uses.
    pub fn clear(&self) {
        for store in &self.stores {
            let values = std::mem::take(&mut *store.lock());
            drop(values);
        }
    }

    /// How many values nobody uses; out of date at once.
    pub fn idle(&self) -> usize {
        self.stores.iter().map(|store| store.lock().len()).sum()
    }

    /// From the caller's store, or any.
    fn find(&self) -> Option<T> {
        let mine = here();
        (0..STORES).find_map(|step| {
            let store = &self.stores[(mine + step) % STORES];
            match step {
                0 => store.lock().pop(),
                _ => store.0.try_lock().ok()?.pop(),
            }
        })
    }

    fn store(&self, value: T) -> Result<(), T> {
        let mut store = self.stores[here() % STORES].lock();
        if store.len() >= self.max_idle {
            return Err(value);
        }
        store.push(value);
        Ok(())
    }
}

impl<T> Store<T> {
    /// Nobody panics while holding it.
    fn lock(&self) -> super::mutex::MutexGuard<'_, Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which store is the caller's.
fn here() -> usize {
    sched::processor_hint().unwrap_or(0)
}

/// A value of a pool; goes back when it is dropped. From [`Pool::get`].
///
/// If that is because of a panic, the value is dropped: it may be half changed.
///
/// ```
/// let buffers: gort::sync::Pool<Vec<u8>> = gort::sync::Pool::new(Vec::new);
/// let mut buffer = buffers.get();
/// buffer.push(1);
/// drop(buffer);
/// assert_eq!(buffers.idle(), 1);
/// assert_eq!(*buffers.get(), [1]); // as it was left
/// ```
pub struct PoolGuard<'a, T, F: Fn() -> T = fn() -> T> {
    pool: &'a Pool<T, F>,
    /// There until the end.
    value: Option<T>,
    was_panicking: bool,
}

impl<T, F: Fn() -> T> PoolGuard<'_, T, F> {
    /// The value, which does not go back.
    ///
    /// ```
    /// use gort::sync::{Pool, PoolGuard};
    ///
    /// let buffers: Pool<Vec<u8>> = Pool::new(Vec::new);
    /// let mut buffer = buffers.get();
    /// buffer.extend(b"an answer");
    /// let answer: Vec<u8> = PoolGuard::into_inner(buffer); // it is somebody else's from here on
    /// assert_eq!((answer.len(), buffers.idle()), (9, 0));
    /// ```
    pub fn into_inner(mut guard: Self) -> T {
        guard.value.take().expect("a guard has a value until the end")
    }
}

impl<T, F: Fn() -> T> Deref for PoolGuard<'_, T, F> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("a guard has a value until the end")
    }
}

impl<T, F: Fn() -> T> DerefMut for PoolGuard<'_, T, F> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a guard has a value until the end")
    }
}

impl<T, F: Fn() -> T> Drop for PoolGuard<'_, T, F> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take()
            && thread::panicking() == self.was_panicking
        {
            self.pool.put(value);
        }
    }
}

impl<T: fmt::Debug, F: Fn() -> T> fmt::Debug for PoolGuard<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Default> Default for Pool<T> {
    fn default() -> Self {
        Pool::new(T::default)
    }
}

impl<T, F: Fn() -> T> fmt::Debug for Pool<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("idle", &self.idle())
            .field("max_idle", &self.max_idle)
            .finish_non_exhaustive()
    }
}
