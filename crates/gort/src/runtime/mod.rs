//! Runtimes: making them, the process's default one, running and stopping them, and what they tell of themselves.
//!
//! Everything in here is at the root of the crate as well, [`Builder`] as [`RuntimeBuilder`](crate::RuntimeBuilder).
//!
//! ```
//! use gort::runtime::{self, Runtime};
//!
//! # fn main() -> std::io::Result<()> {
//! let runtime = Runtime::builder().processors(1).name("quiet").build()?;
//! let goroutines = runtime.run(|| runtime::stats().goroutines); // the caller's runtime
//! assert_eq!(goroutines, 1);
//! # Ok(()) }
//! ```

mod builder;
mod current;

pub use crate::sched::Stats;
pub use builder::Builder;
#[doc(hidden)]
pub use current::spawn_detached;
pub(crate) use current::{driver, spawn_current, spawn_later, spawn_scoped, started};
pub use current::{gomaxprocs, num_goroutines, run, set_gomaxprocs, stats};

use crate::clock::Deadline;
use crate::join_handle::JoinHandle;
use crate::sched::{Attributes, Shared};
use crate::tell::tell;
use current::{spawn_in, wait_for};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A scheduler with its processors, machines and goroutines.
///
/// Most programs never name it: [`run`], [`go!`](crate::go!) and
/// [`spawn`](crate::spawn()) start one for the process, which lasts as long as the process does. A
/// runtime of one's own keeps a part of a program apart, and can be stopped.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let runtime = gort::Runtime::builder().processors(2).name("crawler").build()?;
/// let sum = runtime.run(|| {
///     let (tx, rx) = gort::chan::chan(0);
///     gort::go!(move || (1..=4).for_each(|n| tx.send(n).unwrap()));
///     rx.iter().sum::<i32>()
/// });
/// assert_eq!(sum, 10);
/// # Ok(()) }
/// ```
///
/// Dropping it shuts it down as [`shutdown`](Self::shutdown) does, within the time limit given to
/// the builder.
pub struct Runtime {
    shared: Arc<Shared>,
    shutdown_timeout: Duration,
    stopped: bool,
}

impl Runtime {
    /// A builder with the default settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A runtime with the default settings.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::default().build()
    }

    /// Runs `f` as a goroutine of this runtime, blocks until it has ended, and returns its value.
    ///
    /// Other goroutines go on when this returns. It may be called from any thread, also from many at
    /// once and from goroutines of this or another runtime.
    ///
    /// ```
    /// let runtime = gort::Runtime::new()?;
    /// let words = vec!["a", "b"];
    /// assert_eq!(runtime.run(|| words.join("-")), "a-b"); // it may borrow
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`, if it panicked; with a [`Shutdown`](crate::Shutdown) if `f` was ended by the runtime's shutdown; if there
    /// is no memory, or no stack, for the goroutine.
    #[track_caller]
    pub fn run<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        let attributes = Attributes { is_waited_for: true, ..Attributes::default() };
        // SAFETY: `wait_for` returns only after the goroutine has ended, so the borrows of `f` last; F and R may go to other threads.
        let spawned = unsafe { self.shared.spawn_joined(attributes, f) };
        wait_for(JoinHandle::new(started(spawned), None))
    }

    /// Starts a goroutine in this runtime; like [`spawn`](crate::spawn()) otherwise.
    ///
    /// ```
    /// let runtime = gort::Runtime::new()?;
    /// let handle = runtime.spawn(|| 6 * 7);
    /// assert_eq!(handle.join().unwrap(), 42);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    /// If there is no memory, or no stack, for the goroutine.
    #[track_caller]
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        started(spawn_in(&self.shared, Attributes::default(), f))
    }

    /// How many goroutines there are: started or not, running or waiting, but not those of calls to come
    /// ([`after_func`](crate::time::after_func())).
    ///
    /// ```
    /// let runtime = gort::Runtime::new()?;
    /// let (tx, rx) = gort::chan::chan::<()>(0);
    /// let waiting = runtime.spawn(move || rx.recv());
    /// assert_eq!(runtime.num_goroutines(), 1);
    /// drop(tx);
    /// waiting.join().unwrap();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn num_goroutines(&self) -> usize {
        self.shared.visible_goroutines() as usize
    }

    /// What this runtime has, and has done so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// How many processors run goroutines: so many run at the same time.
    pub fn processors(&self) -> usize {
        self.shared.active_processors()
    }

    /// Sets how many processors run goroutines (at most 1024); returns how many did. Zero changes nothing.
    ///
    /// It takes effect at once upwards; downwards, a goroutine that is running goes on to the end
    /// of its turn.
    ///
    /// ```
    /// let runtime = gort::Runtime::builder().processors(1).build()?;
    /// assert_eq!(runtime.set_processors(4), 1);
    /// assert_eq!(runtime.processors(), 4);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn set_processors(&self, processors: usize) -> usize {
        self.shared.set_active_processors(processors)
    }

    /// Stops the runtime and waits, at most for `timeout`, until all goroutines have ended.
    ///
    /// Goroutines that have not started are dropped, with their closures. Those that wait, or come to wait, to yield or to
    /// a [`blocking`](crate::blocking()) call, are unwound, so that destructors run; `join` on them returns an error that
    /// holds a [`Shutdown`](crate::Shutdown). Destructors may block, and are waited for. A program that is built with
    /// `panic = "abort"` cannot unwind: there the first of them ends the process, with a message; so does dropping the runtime.
    ///
    /// Then its threads are waited for up to their very end, for which there is no limit: destructors of `thread_local!`s run there, and
    /// should not wait for the caller.
    ///
    /// The caller's thread is blocked, also that of another runtime's goroutine. Called by one of its own goroutines, or by the
    /// destructor of what one would have called that is [stopped](crate::time::AfterFunc::stop), or of a `thread_local!` of one of its
    /// threads, it only begins the shutdown, and returns at once.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = gort::Runtime::new()?;
    /// let (tx, rx) = gort::chan::chan::<()>(0);
    /// let waiting = runtime.spawn(move || rx.recv());
    /// runtime.shutdown(Duration::from_secs(5)).expect("it waits, so it can be unwound");
    /// assert!(waiting.join().is_err());
    /// assert!(tx.send(()).is_err(), "the receiver has been dropped");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ShutdownError`] if goroutines were still there when the time was over; or, where it returns at once, if there is no
    /// thread to be had that waits for them. They, and the threads that they are on, are left to themselves.
    pub fn shutdown(mut self, timeout: Duration) -> Result<(), ShutdownError> {
        self.stop(timeout)
    }

    fn stop(&mut self, timeout: Duration) -> Result<(), ShutdownError> {
        self.stopped = true;
        self.shared.shut_down(Deadline::after(timeout)).map_err(|left| ShutdownError { left })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !self.stopped
            && let Err(error) = self.stop(self.shutdown_timeout)
        {
            tell(format_args!("{error}"));
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("processors", &self.processors())
            .field("goroutines", &self.num_goroutines())
            .finish_non_exhaustive()
    }
}

/// Goroutines did not end within the time limit of a shutdown.
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
///
/// let runtime = gort::Runtime::new()?;
/// let (begun, begins) = channel();
/// let (end, ends) = channel::<()>();
/// runtime.spawn(move || {
///     begun.send(()).unwrap();
///     ends.recv() // std's, which gort cannot end
/// });
/// begins.recv().unwrap();
/// let error = runtime.shutdown(Duration::from_millis(1)).unwrap_err();
/// assert_eq!(error.goroutines(), 1);
/// drop(end);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct ShutdownError {
    left: u64,
}

impl ShutdownError {
    /// How many goroutines were left.
    pub fn goroutines(&self) -> usize {
        self.left as usize
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.left;
        write!(
            f,
            "{left} goroutine(s) did not end within the time limit of their runtime's shutdown"
        )
    }
}

impl std::error::Error for ShutdownError {}
