//! Starting goroutines, and what a running one can say of itself.

use crate::join_handle::JoinHandle;
use crate::runtime::{spawn_current, started};
use crate::sched::{self, Attributes};
use std::fmt;
use std::io;
use std::sync::Arc;

/// Starts a goroutine and returns a handle to wait for its result; like `std::thread::spawn`.
///
/// In a goroutine the new one belongs to the same runtime; on a plain thread, to the process's,
/// which is started if need be. Use [`go!`](crate::go) when the result is of no interest.
///
/// ```
/// let handle = gort::spawn(|| 6 * 7);
/// assert_eq!(handle.join().unwrap(), 42);
/// ```
///
/// # Panics
/// If there is no memory, or no stack, for the goroutine, or the process's runtime is to be started and cannot be:
/// [`Builder::spawn`] gives an error instead.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    started(spawn_current(Attributes::default(), f))
}

/// Settings of a goroutine that is to be started; like `std::thread::Builder`.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let handle = gort::Builder::new().name("deep").stack_size(16 << 20).spawn(|| {
///     fn sum(n: u64) -> u64 {
///         if n == 0 { 0 } else { std::hint::black_box(n + sum(n - 1)) }
///     }
///     sum(100_000)
/// })?;
/// assert_eq!(handle.name(), Some("deep"));
/// assert_eq!(handle.join().unwrap(), 5_000_050_000);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Builder {
    name: Option<Arc<str>>,
    stack_size: Option<usize>,
}

impl Builder {
    /// A builder with the default settings.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// Names the goroutine, for what is told of it: a panic, a stack that is used up.
    ///
    /// ```
    /// let handle = gort::Builder::new().name("indexer").spawn(|| gort::current())?;
    /// assert_eq!(handle.join().unwrap().name(), Some("indexer"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// The address space of the goroutine's stack, in bytes: 16 KiB to 1 GiB, rounded up to a power
    /// of two. By default as the runtime says: 256 KiB, unless set otherwise. Memory is used by the
    /// page, as the stack is, and given back a while after the goroutine has ended. [`Builder`] has an example.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = Some(bytes);
        self
    }

    /// Starts a goroutine; see [`spawn`](spawn()).
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// let tiny = gort::Builder::new().stack_size(1024).spawn(|| 6 * 7);
    /// assert_eq!(tiny.unwrap_err().kind(), ErrorKind::InvalidInput);
    /// let small = gort::Builder::new().stack_size(64 << 10).spawn(|| 6 * 7)?;
    /// assert_eq!(small.join().unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a stack size out of bounds; `OutOfMemory`, or what the system says, if there
    /// is no memory, or no stack, for the goroutine, or the process's runtime is to be started and cannot be.
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_current(self.into_attributes(), f)
    }

    pub(crate) fn into_attributes(self) -> Attributes {
        Attributes { name: self.name, stack_size: self.stack_size, is_waited_for: false }
    }
}

/// Who a goroutine is; from [`current`]. Two are equal if they are the same one, of the same runtime.
///
/// ```
/// gort::run(|| {
///     let me = gort::current();
///     println!("goroutine {} has no name", me.id());
///     assert_eq!(me.name(), None);
///     assert_ne!(gort::spawn(|| gort::current()).join().unwrap(), me);
/// });
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Goroutine {
    /// The number of its runtime: that of the goroutine is unique in there only.
    runtime: u64,
    id: u64,
    name: Option<Arc<str>>,
}

impl Goroutine {
    /// Its number, unique in its runtime.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Debug for Goroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Goroutine").field("id", &self.id).field("name", &self.name).finish()
    }
}

/// The running goroutine.
///
/// ```
/// let handle = gort::Builder::new().name("worker").spawn(|| gort::current())?;
/// let id = handle.id();
/// let goroutine = handle.join().unwrap();
/// assert_eq!((goroutine.id(), goroutine.name()), (id, Some("worker")));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// On a plain thread, which is no goroutine: ask [`try_current`] there.
#[track_caller]
pub fn current() -> Goroutine {
    try_current().expect("gort::current() was called on a plain thread: use gort::try_current()")
}

/// The running goroutine; `None` on a plain thread.
///
/// ```
/// assert!(gort::try_current().is_none());
/// assert!(gort::run(|| gort::try_current().is_some()));
/// ```
pub fn try_current() -> Option<Goroutine> {
    let goroutine = sched::current_goroutine()?;
    let runtime = goroutine.shared().arena.number;
    Some(Goroutine { runtime, id: goroutine.id.get(), name: goroutine.name().cloned() })
}

/// Lets other goroutines run: the caller goes to the end of its processor's queue.
///
/// Not needed for fairness, as long operations and loops of channel operations yield by themselves. But those who
/// [stay](crate::spawn_local) on the caller's thread get no turn from one that computes for long, or takes locks that are free.
/// On a plain thread it is `std::thread::yield_now`.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// static DONE: AtomicBool = AtomicBool::new(false);
///
/// gort::run(|| {
///     gort::go!(|| DONE.store(true, Ordering::Release));
///     while !DONE.load(Ordering::Acquire) {
///         gort::yield_now();
///     }
/// });
/// ```
#[inline]
pub fn yield_now() {
    gort_context::wipe_below();
    sched::yield_now();
}

/// [`yield_now`] by its name in Go.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
/// static DONE: AtomicBool = AtomicBool::new(false);
///
/// gort::run(|| {
///     gort::go!(|| DONE.store(true, Relaxed));
///     while !DONE.load(Relaxed) {
///         gort::gosched();
///     }
/// });
/// ```
#[inline]
pub fn gosched() {
    yield_now();
}
