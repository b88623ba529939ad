//! Runtimes: making them, the process's default one, running and stopping them.

use crate::clock::Deadline;
use crate::goroutine::panic::{self, OnPanic};
use crate::join_handle::JoinHandle;
use crate::park::Wait;
use crate::prim::barrier;
use crate::sched::{self, Attributes, MAX_PROCESSORS, Migration, Preempt, Settings, Shared, Stats};
use crate::tls;
use gort_context::{StackPool, overflow};
use std::fmt;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

const DEFAULT_STACK: usize = 256 << 10;
const DEFAULT_NAME: &str = "gort";
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// Both as in Go.
const DEFAULT_TIME_SLICE: Duration = Duration::from_millis(10);
const DEFAULT_MAX_THREADS: usize = 10_000;

static PROCESS: OnceLock<Runtime> = OnceLock::new();

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
    /// # Panics
    /// With the panic of `f`, if it panicked; if there is no stack for the goroutine.
    pub fn run<F, R>(&self, f: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        // SAFETY: `join` below returns only after the goroutine has ended, so the borrows of `f`
        // last; F and R may go to other threads.
        let spawned = unsafe { self.shared.spawn_joined(Attributes::default(), f) };
        let goroutine = spawned.unwrap_or_else(|error| cannot_spawn(&error));
        let handle: JoinHandle<R> = JoinHandle::new(goroutine, None);
        let result = sched::shielded(|| handle.join_as(Wait::Join));
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Starts a goroutine in this runtime; like [`spawn`](crate::spawn()) otherwise.
    ///
    /// # Panics
    /// If there is no stack for the goroutine.
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        spawn_in(&self.shared, Attributes::default(), f)
            .unwrap_or_else(|error| cannot_spawn(&error))
    }

    /// How many goroutines there are: started or not, running or waiting.
    pub fn num_goroutines(&self) -> usize {
        self.shared.live_goroutines() as usize
    }

    /// What this runtime has, and has done so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// How many processors run goroutines: so many run at the same time.
    pub fn processors(&self) -> usize {
        self.shared.active_processors()
    }

    /// Sets how many processors run goroutines (at least 1, at most 1024); returns how many did.
    ///
    /// It takes effect at once upwards; downwards, a goroutine that is running goes on to the end
    /// of its turn.
    pub fn set_processors(&self, processors: usize) -> usize {
        self.shared.set_active_processors(processors)
    }

    /// Stops the runtime and waits, at most for `timeout`, until all goroutines have ended.
    ///
    /// Goroutines that have not started are dropped, with their closures. Those that wait, or come
    /// to wait or yield, are unwound, so that destructors run; `join` on them returns an error that
    /// holds a [`Shutdown`](crate::Shutdown). Destructors may block, and are waited for.
    ///
    /// Called by one of its own goroutines it only begins the shutdown, and returns at once.
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
    /// [`ShutdownError`] if goroutines were still there when the time was over. They, and the threads
    /// that they are on, are left to themselves.
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
            eprintln!("gort: {error}");
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

/// Settings of a runtime that is to be made.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    processors: Option<usize>,
    stack_size: usize,
    name: String,
    shutdown_timeout: Duration,
    time_slice: Duration,
    max_threads: usize,
    preempt: Preempt,
    signal: i32,
    migration: Migration,
    on_panic: OnPanic,
    audit: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            processors: None,
            stack_size: DEFAULT_STACK,
            name: DEFAULT_NAME.into(),
            shutdown_timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            time_slice: DEFAULT_TIME_SLICE,
            max_threads: DEFAULT_MAX_THREADS,
            preempt: Preempt::default(),
            signal: libc::SIGURG,
            migration: Migration::Checked,
            on_panic: OnPanic::default(),
            audit: false,
        }
    }
}

impl Builder {
    /// How many goroutines run at the same time: 1 to 1024. By default what the environment
    /// variable `GOMAXPROCS` says, else as many as the process has CPUs
    /// ([`std::thread::available_parallelism`], which honours quotas of control groups).
    pub fn processors(mut self, processors: usize) -> Self {
        self.processors = Some(processors);
        self
    }

    /// The address space of a goroutine's stack, in bytes: 16 KiB to 1 GiB, rounded up to a power
    /// of two; 256 KiB by default. Memory is used by the page, as the stack is.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// What the runtime's threads are called, followed by a number; `gort` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long dropping the runtime waits for its goroutines to end; 10 s by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// How long a goroutine may keep its processor while others wait; 10 ms by default.
    ///
    /// One that uses channels or the like all the time yields then. One that computes, or blocks
    /// its thread, makes room as [`preempt`](Self::preempt) says.
    pub fn time_slice(mut self, time: Duration) -> Self {
        self.time_slice = time;
        self
    }

    /// How goroutines that compute or block make room for others; [`Preempt::Handoff`] by default.
    ///
    /// # Panics
    /// With [`Preempt::Trampoline`]: it takes a promise, see [`preempt_in_place`](Self::preempt_in_place).
    #[track_caller]
    pub fn preempt(mut self, preempt: Preempt) -> Self {
        assert!(
            preempt != Preempt::Trampoline,
            "Preempt::Trampoline is chosen by RuntimeBuilder::preempt_in_place, which is unsafe"
        );
        self.preempt = preempt;
        self
    }

    /// What becomes of the process when a goroutine panics; [`OnPanic::Report`] by default.
    pub fn on_panic(mut self, policy: OnPanic) -> Self {
        self.on_panic = policy;
        self
    }

    /// Reports on standard error, with a backtrace and once for each place, goroutines that block while a word
    /// on their stack equals a pointer that is stored in their thread's `thread_local!`s: an `Rc` that
    /// came out of one and is held over the wait, most of the time. It makes every wait some microseconds slower:
    /// for tests. See `docs/soundness.md`.
    pub fn audit(mut self, audit: bool) -> Self {
        self.audit = audit;
        self
    }

    /// Keeps every goroutine on the thread on which it has started, from `false` on. By default one that has
    /// waited goes on wherever it is its turn first.
    ///
    /// For programs full of thread-bound values, at a price: a goroutine then waits for its thread even
    /// if others are idle, also while another one blocks it or computes.
    pub fn migrate(mut self, migrate: bool) -> Self {
        self.migration = if migrate { Migration::Checked } else { Migration::Never };
        self
    }

    /// Turns off the check that keeps a goroutine on its thread if it has waited with a pointer into that
    /// thread's thread-local storage on its stack. The check takes some 30 ns each time that a goroutine
    /// goes on on another thread.
    ///
    /// # Safety
    /// No goroutine of the runtime holds a reference into thread-local storage over an operation that may
    /// block, and neither does the compiler in its name: what uses thread-local storage before and after
    /// such an operation is in functions of its own that are not inlined.
    pub unsafe fn without_migration_check(mut self) -> Self {
        self.migration = Migration::Unchecked;
        self
    }

    /// Preempts goroutines in place, by a signal: [`Preempt::Trampoline`].
    ///
    /// For programs with more busy goroutines than they want threads. One runtime's choice of the signal
    /// holds for the process; see [`preempt_signal`](Self::preempt_signal).
    ///
    /// # Safety
    /// The goroutines of this runtime may be put aside, and go on on another thread, at any instruction of the
    /// program's own code, that of the crates that it is made of included. So no such code, wherever it
    /// computes for longer than a time slice, holds at that moment what belongs to the thread (a reference
    /// into a `thread_local!` that is not visible as a pointer on the stack, a value from one, the heap of a
    /// memory allocator that is compiled into the program), or a lock that the goroutines that run meanwhile
    /// may wait for with their threads.
    pub unsafe fn preempt_in_place(mut self) -> Self {
        self.preempt = Preempt::Trampoline;
        self
    }

    /// The signal for [`preempt_in_place`](Self::preempt_in_place); `SIGURG` by default, as in Go: it does
    /// nothing of its own, and other uses of it are rare. A handler that was there before still gets
    /// the signals that gort has not sent.
    pub fn preempt_signal(mut self, signal: i32) -> Self {
        self.signal = signal;
        self
    }

    /// How many threads may run goroutines; 10,000 by default. More than the number of processors are
    /// needed by goroutines that compute for long or block their threads. At the limit a goroutine that
    /// computes keeps its processor, and [`blocking`](crate::blocking()) waits for another to return.
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = threads;
        self
    }

    /// Makes a runtime of one's own.
    ///
    /// # Errors
    /// `InvalidInput` for a number of processors or a stack size out of bounds, a name with a NUL
    /// in it, a time slice of zero, or fewer threads than processors and one more; the system's error if no
    /// stack or no thread can be had.
    pub fn build(self) -> io::Result<Runtime> {
        let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
        let processors = self.processors.unwrap_or_else(default_processors);
        if !(1..=MAX_PROCESSORS).contains(&processors) {
            return Err(invalid(format!(
                "a runtime has 1 to {MAX_PROCESSORS} processors, not {processors}"
            )));
        }
        if self.name.contains('\0') {
            return Err(invalid(format!("a name with a NUL in it: {:?}", self.name)));
        }
        if self.time_slice.is_zero() {
            return Err(invalid("a time slice of zero".into()));
        }
        if self.max_threads <= processors {
            let most = self.max_threads;
            return Err(invalid(format!(
                "{processors} processors need more than {processors} threads, not at most {most}"
            )));
        }
        if self.preempt == Preempt::Trampoline {
            sched::preempt::install(self.signal)?;
        }
        barrier::choose();
        overflow::install(panic::report_overflow)?;
        let stacks = StackPool::new(self.stack_size)?;
        // The first stack shows whether there are any to be had.
        drop(stacks.take()?);
        let settings = Settings {
            name: self.name,
            processors,
            slice: self.time_slice,
            most_threads: self.max_threads,
            preempt: self.preempt,
            signal: self.signal,
            migration: self.migration,
            on_panic: self.on_panic,
            audit: self.audit,
        };
        let shared = Shared::new(settings, stacks);
        let runtime = Runtime { shared, shutdown_timeout: self.shutdown_timeout, stopped: false };
        runtime.shared.start_first_threads()?;
        Ok(runtime)
    }

    /// Makes the runtime the process's: the one that `run`, `go!` and `spawn` use on plain threads.
    ///
    /// # Errors
    /// As [`build`](Self::build); and `AlreadyExists` if the process has its runtime.
    pub fn install(self) -> io::Result<()> {
        let taken =
            || io::Error::new(io::ErrorKind::AlreadyExists, "the process has its runtime already");
        if PROCESS.get().is_some() {
            return Err(taken());
        }
        PROCESS.set(self.build()?).map_err(|_| taken())
    }
}

fn default_processors() -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let Some(value) = std::env::var_os("GOMAXPROCS") else {
        return available().min(MAX_PROCESSORS);
    };
    match value.to_str().and_then(|value| value.trim().parse::<usize>().ok()) {
        Some(count @ 1..=MAX_PROCESSORS) => count,
        _ => {
            let count = available().min(MAX_PROCESSORS);
            eprintln!(
                "gort: GOMAXPROCS={value:?} is not a number from 1 to {MAX_PROCESSORS}: \
                 ignored, there are {count} processors"
            );
            count
        }
    }
}

/// The process's runtime, started if need be.
fn process() -> io::Result<&'static Runtime> {
    if let Some(runtime) = PROCESS.get() {
        return Ok(runtime);
    }
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = PROCESS.get() {
        return Ok(runtime);
    }
    let runtime = Builder::default().build()?;
    Ok(PROCESS.get_or_init(|| runtime))
}

/// The runtime of the calling goroutine; on a plain thread, the process's.
#[inline]
fn current_runtime() -> io::Result<&'static Shared> {
    match tls::machine() {
        Some(machine) => Ok(machine.shared()),
        None => Ok(&process()?.shared),
    }
}

/// The same, for functions that cannot fail.
fn current_or_panic() -> &'static Shared {
    current_runtime()
        .unwrap_or_else(|error| panic!("gort: the process's runtime cannot be started: {error}"))
}

pub(crate) fn spawn_current<F, T>(attributes: Attributes, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn_in(current_runtime()?, attributes, f)
}

fn spawn_in<F, T>(shared: &Shared, attributes: Attributes, f: F) -> io::Result<JoinHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let name = attributes.name.clone();
    // SAFETY: F borrows nothing that ends, and may go to another thread, as T may.
    let goroutine = unsafe { shared.spawn_joined::<F, T>(attributes, f) }?;
    Ok(JoinHandle::new(goroutine, name))
}

/// What `go!` expands to.
#[doc(hidden)]
#[inline]
pub fn spawn_detached<F, T>(f: F)
where
    F: FnOnce() -> T + Send + 'static,
    T: 'static,
{
    let spawned = current_runtime().and_then(|shared| {
        // SAFETY: F borrows nothing that ends, and may go to another thread, where the result is
        // dropped.
        unsafe { shared.spawn_detached::<F, T>(Attributes::default(), f) }
    });
    if let Err(error) = spawned {
        cannot_spawn(&error);
    }
}

/// For scopes: a goroutine whose closure borrows.
///
/// # Safety
/// What `f` borrows outlives the goroutine; `F` and `T` may go to another thread.
pub(crate) unsafe fn spawn_scoped<F: FnOnce() -> T, T>(
    attributes: Attributes,
    f: F,
) -> io::Result<JoinHandle<T>> {
    let name = attributes.name.clone();
    // SAFETY: by this function's contract.
    let goroutine = unsafe { current_runtime()?.spawn_joined::<F, T>(attributes, f) }?;
    Ok(JoinHandle::new(goroutine, name))
}

#[cold]
#[track_caller]
pub(crate) fn cannot_spawn(error: &io::Error) -> ! {
    panic!("gort: a goroutine cannot be started: {error}")
}

/// Runs `f` as a goroutine of the process's runtime, which is started if need be, blocks until it has
/// ended, and returns its value.
///
/// Other goroutines go on when it returns; as in Go, those that are left when `main` returns end
/// with the process. It may be called from many threads at once. Called by a goroutine, it runs `f`
/// in that goroutine's runtime.
///
/// ```
/// let words = vec!["a", "b", "c"];
/// let joined = gort::run(|| {
///     let handle = gort::spawn(|| 40 + 2);
///     format!("{} {}", words.join("-"), handle.join().unwrap())
/// });
/// assert_eq!(joined, "a-b-c 42");
/// ```
///
/// # Panics
/// With the panic of `f`, if it panicked; if the runtime cannot be started.
pub fn run<F, R>(f: F) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    // SAFETY: `join_as` below returns only after the goroutine has ended, so the borrows of `f` last;
    // F and R may go to other threads.
    let spawned = unsafe { spawn_scoped(Attributes::default(), f) };
    let handle = spawned.unwrap_or_else(|error| cannot_spawn(&error));
    let result = sched::shielded(|| handle.join_as(Wait::Join));
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

/// How many goroutines the caller's runtime has: started or not, running or waiting. On a plain
/// thread: those of the process's runtime.
///
/// ```
/// gort::run(|| assert!(gort::num_goroutines() >= 1));
/// ```
pub fn num_goroutines() -> usize {
    current_or_panic().live_goroutines() as usize
}

/// What the caller's runtime has, and has done so far. On a plain thread: the process's runtime.
///
/// ```
/// gort::run(|| {
///     let stats = gort::stats();
///     assert!(stats.goroutines >= 1 && stats.threads >= 1);
///     println!("{stats:?}");
/// });
/// ```
pub fn stats() -> Stats {
    current_or_panic().stats()
}

/// How many processors the caller's runtime has; on a plain thread, the process's. So many goroutines
/// run at the same time. See [`Builder::processors`] for where the number comes from.
///
/// ```
/// assert!(gort::gomaxprocs() >= 1);
/// ```
pub fn gomaxprocs() -> usize {
    current_or_panic().active_processors()
}

/// Sets how many processors the caller's runtime has; returns how many it had. On a plain thread:
/// the process's. A number out of bounds (1 to 1024) is brought to the nearest within.
///
/// ```
/// let before = gort::set_gomaxprocs(4);
/// assert_eq!(gort::gomaxprocs(), 4);
/// gort::set_gomaxprocs(before);
/// ```
pub fn set_gomaxprocs(processors: usize) -> usize {
    current_or_panic().set_active_processors(processors)
}
