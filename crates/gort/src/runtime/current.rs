//! The caller's runtime: a goroutine's own, and on a plain thread the process's, which is started if need be.

use super::{Builder, Runtime, Stats};
use crate::clock::Deadline;
use crate::goroutine::panic::pass_on;
use crate::join_handle::JoinHandle;
use crate::park::Wait;
use crate::poll::Driver;
use crate::sched::{self, Attributes, Later, Shared};
use crate::tls;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub(super) static PROCESS: OnceLock<Runtime> = OnceLock::new();

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

/// What polls for the caller: its runtime's, or the process's if that has none.
pub(crate) fn driver() -> io::Result<Arc<Driver>> {
    let current = current_runtime()?;
    let polling = if current.polls { current } else { &process()?.shared };
    polling.driver().cloned()
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

pub(super) fn spawn_in<F, T>(
    shared: &Shared,
    attributes: Attributes,
    f: F,
) -> io::Result<JoinHandle<T>>
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
#[track_caller]
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
    started(spawned);
}

/// A goroutine that starts at `deadline`, unless it is stopped.
#[track_caller]
pub(crate) fn spawn_later<F: FnOnce() + Send + 'static>(deadline: Deadline, f: F) -> Later {
    let spawned = current_runtime().and_then(|shared| shared.spawn_later(deadline, f));
    started(spawned)
}

/// For scopes: a goroutine whose closure borrows, and which the caller waits for.
///
/// # Safety
/// What `f` borrows outlives the goroutine; `F` and `T` may go to another thread.
pub(crate) unsafe fn spawn_scoped<F: FnOnce() -> T, T>(
    attributes: Attributes,
    f: F,
) -> io::Result<JoinHandle<T>> {
    let name = attributes.name.clone();
    let attributes = Attributes { is_waited_for: true, ..attributes };
    // SAFETY: by this function's contract.
    let goroutine = unsafe { current_runtime()?.spawn_joined::<F, T>(attributes, f) }?;
    Ok(JoinHandle::new(goroutine, name))
}

/// What was to be started, or a panic at the place of the call that wanted it. (No closure: in one, that place is not known.)
#[inline(always)]
#[track_caller]
pub(crate) fn started<T>(spawned: io::Result<T>) -> T {
    match spawned {
        Ok(value) => value,
        Err(error) => cannot_spawn(&error),
    }
}

#[cold]
#[track_caller]
fn cannot_spawn(error: &io::Error) -> ! {
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
/// With the panic of `f`, if it panicked; if the runtime or the goroutine cannot be started.
#[track_caller]
pub fn run<F, R>(f: F) -> R
where
    F: FnOnce() -> R + Send,
    R: Send,
{
    // SAFETY: `wait_for` returns only after the goroutine has ended, so the borrows of `f` last;
    // F and R may go to other threads.
    let spawned = unsafe { spawn_scoped(Attributes::default(), f) };
    wait_for(started(spawned))
}

/// Blocks until a goroutine has ended, also if the caller's runtime is being shut down, and passes on what it has ended with.
#[track_caller]
pub(super) fn wait_for<R>(handle: JoinHandle<R>) -> R {
    match sched::shielded(|| handle.join_as(Wait::Join)) {
        Ok(value) => value,
        Err(payload) => pass_on(payload),
    }
}

/// How many goroutines the caller's runtime has: started or not, running or waiting, but not those of calls to come
/// ([`after_func`](crate::time::after_func())). On a plain thread: those of the process's runtime.
///
/// ```
/// gort::run(|| assert!(gort::num_goroutines() >= 1));
/// ```
///
/// # Panics
/// If the process's runtime is to be started and cannot be.
pub fn num_goroutines() -> usize {
    current_or_panic().visible_goroutines() as usize
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
///
/// # Panics
/// If the process's runtime is to be started and cannot be.
pub fn stats() -> Stats {
    current_or_panic().stats()
}

/// How many processors the caller's runtime has; on a plain thread, the process's. So many goroutines
/// run at the same time. See [`Builder::processors`] for where the number comes from.
///
/// ```
/// assert!(gort::gomaxprocs() >= 1);
/// ```
///
/// # Panics
/// If the process's runtime is to be started and cannot be.
pub fn gomaxprocs() -> usize {
    current_or_panic().active_processors()
}

/// Sets how many processors the caller's runtime has (at most 1024); returns how many it had. On a plain thread:
/// the process's. Zero changes nothing, as in Go.
///
/// ```
/// let before = gort::set_gomaxprocs(4);
/// assert_eq!(gort::gomaxprocs(), 4);
/// gort::set_gomaxprocs(before);
/// ```
///
/// # Panics
/// If the process's runtime is to be started and cannot be.
pub fn set_gomaxprocs(processors: usize) -> usize {
    current_or_panic().set_active_processors(processors)
}
