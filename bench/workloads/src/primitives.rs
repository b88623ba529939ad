//! What some peers have besides tasks and channels: locks of other kinds, timers, contexts; alone and under
//! contention, after the micro-benchmarks of Go's `sync`, `time` and `context`.

use crate::{Args, Mutex, Report, Runtime, WaitGroup, report};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is needed for these workloads. For what a peer does not have it says [`Missing`], and in
/// [`Runtime::supports`] that it is missing.
pub trait Primitives: Runtime {
    /// Lets in one task, or many that read.
    type RwLock: RwLock;
    /// Lets in so many tasks at a time.
    type Semaphore: Semaphore;
    /// A number under a lock, with a condition variable.
    type Turns: Turns;
    /// Lets a function be called once.
    type Once: Once;
    /// A function to be called later.
    type Call: Timer;
    /// A message to come later.
    type Timer: Timer;

    /// Makes a context with a timeout of an hour, and cancels it. Is it cancelled?
    fn context() -> bool {
        unreachable!("see `supports`")
    }
}

/// Lets in one task, or many that read a number.
pub trait RwLock: Send + Sync + 'static {
    /// The number is zero.
    fn new() -> Self;
    /// Reads the number.
    fn read(&self) -> u64;
    /// Adds one to it.
    fn increment(&self);
}

/// Lets in so many tasks at a time.
pub trait Semaphore: Send + Sync + 'static {
    /// That many.
    fn new(permits: usize) -> Self;
    /// Calls `f` with one of the permits.
    fn with(&self, f: impl FnOnce());
}

/// A number under a lock, with a condition variable.
pub trait Turns: Send + Sync + 'static {
    /// The number is zero.
    fn new() -> Self;
    /// Waits until the number is odd, or even, as `odd` says, adds one and wakes one.
    fn take(&self, odd: bool);
}

/// Lets a function be called once.
pub trait Once: Send + Sync + 'static {
    /// It has not been called.
    fn new() -> Self;
    /// Calls `f` if it is the first.
    fn call(&self, f: impl FnOnce());
}

/// Something to come.
pub trait Timer: 'static {
    /// It is due in an hour.
    fn start() -> Self;
    /// Keeps it from coming. Was that in time?
    fn stop(self) -> bool;
}

/// What a peer does not have.
pub struct Missing;

impl RwLock for Missing {
    fn new() -> Self {
        unreachable!("see `supports`")
    }
    fn read(&self) -> u64 {
        unreachable!("see `supports`")
    }
    fn increment(&self) {}
}

impl Semaphore for Missing {
    fn new(_permits: usize) -> Self {
        unreachable!("see `supports`")
    }
    fn with(&self, _f: impl FnOnce()) {}
}

impl Turns for Missing {
    fn new() -> Self {
        unreachable!("see `supports`")
    }
    fn take(&self, _odd: bool) {}
}

impl Once for Missing {
    fn new() -> Self {
        unreachable!("see `supports`")
    }
    fn call(&self, _f: impl FnOnce()) {}
}

impl Timer for Missing {
    fn start() -> Self {
        unreachable!("see `supports`")
    }
    fn stop(self) -> bool {
        unreachable!("see `supports`")
    }
}

/// The whole of the `main` of a peer that has them.
pub fn main<R: Primitives>() {
    let args = Args::parse();
    let run: fn(&Args) = match args.workload.as_str() {
        "rwlock" => rwlock::<R>,
        "once" => once::<R>,
        "semaphore" => semaphore::<R>,
        "condvar" => condvar::<R>,
        "timer_func" => |args| timer::<R, R::Call>(args),
        "timer_chan" => |args| timer::<R, R::Timer>(args),
        "context" => context::<R>,
        _ => return crate::main::<R>(),
    };
    match R::supports(&args.workload) {
        Ok(()) => R::run(args.workers(), move || run(&args)),
        Err(why) => report::not_applicable(R::NAME, &args, why),
    }
}

/// Runs `tasks` tasks; returns how long it took.
fn all<R: Runtime>(tasks: u64, task: impl Fn(u64) + Clone + Send + 'static) -> f64 {
    let group = R::WaitGroup::new();
    group.add(tasks as usize);
    let start = Instant::now();
    for number in 0..tasks {
        let (group, task) = (group.clone(), task.clone());
        R::go(move || {
            task(number);
            group.done();
        });
    }
    group.wait();
    start.elapsed().as_secs_f64()
}

/// One task takes a lock that nobody else wants and gives it back, `n` times.
pub(crate) fn mutex_alone<R: Runtime>(args: &Args) {
    let n = args.get("n", 20_000_000);
    let mutex = R::Mutex::new();
    let start = Instant::now();
    for _ in 0..n {
        black_box(&mutex).with(|value| *value += 1);
    }
    let seconds = start.elapsed().as_secs_f64();
    mutex.with(|value| assert_eq!(*value, n));
    Report::new(R::NAME, args, n, seconds).emit()
}

/// A task starts four others and waits for them, `n / 4` times.
pub(crate) fn waitgroup<R: Runtime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let start = Instant::now();
    for _ in 0..n / 4 {
        let group = R::WaitGroup::new();
        group.add(4);
        for _ in 0..4 {
            let group = group.clone();
            R::go(move || group.done());
        }
        group.wait();
    }
    Report::new(R::NAME, args, n / 4 * 4, start.elapsed().as_secs_f64()).emit()
}

/// Eight tasks read a number under a lock, and add to it once in a hundred times. Checks the number.
fn rwlock<R: Primitives>(args: &Args) {
    let (n, tasks) = (args.get("n", 500_000), args.get("tasks", 8));
    let lock = Arc::new(R::RwLock::new());
    let inner = lock.clone();
    let seconds = all::<R>(tasks, move |number| {
        for turn in 0..n {
            if (turn + number) % 100 == 0 {
                inner.increment();
            } else {
                black_box(inner.read());
            }
        }
    });
    let writes = (0..tasks).map(|number| (0..n).filter(|turn| (turn + number) % 100 == 0).count());
    assert_eq!(lock.read(), writes.sum::<usize>() as u64);
    Report::new(R::NAME, args, n * tasks, seconds).emit()
}

/// Two tasks have a function called that has been called.
fn once<R: Primitives>(args: &Args) {
    let n = args.get("n", 50_000_000);
    let once = Arc::new(R::Once::new());
    let calls = Arc::new(R::Mutex::new());
    let counter = calls.clone();
    let seconds = all::<R>(2, move |_| {
        for _ in 0..n {
            black_box(&*once).call(|| counter.with(|calls| *calls += 1));
        }
    });
    calls.with(|calls| assert_eq!(*calls, 1));
    Report::new(R::NAME, args, 2 * n, seconds).emit()
}

/// Sixteen tasks share four permits, and yield while they have one.
fn semaphore<R: Primitives>(args: &Args) {
    let (n, tasks) = (args.get("n", 50_000), args.get("tasks", 16));
    let semaphore = Arc::new(R::Semaphore::new(4));
    let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seconds = all::<R>(tasks, move |_| {
        use std::sync::atomic::Ordering::Relaxed;
        for _ in 0..n {
            semaphore.with(|| {
                assert!(inside.fetch_add(1, Relaxed) < 4);
                R::yield_now();
                inside.fetch_sub(1, Relaxed);
            });
        }
    });
    Report::new(R::NAME, args, n * tasks, seconds).emit()
}

/// Two tasks wait for each other's turn, `n` turns in all.
fn condvar<R: Primitives>(args: &Args) {
    let n = args.get("n", 500_000) / 2;
    let turns = Arc::new(R::Turns::new());
    let seconds = all::<R>(2, move |number| (0..n).for_each(|_| turns.take(number == 1)));
    Report::new(R::NAME, args, 2 * n, seconds).emit()
}

/// Something to come is started and stopped, `n` times, while 100,000 others are pending.
fn timer<R: Primitives, T: Timer>(args: &Args) {
    let (n, pending) = (args.get("n", 2_000_000), args.get("pending", 100_000));
    let others: Vec<T> = (0..pending).map(|_| T::start()).collect();
    let start = Instant::now();
    let stopped = (0..n).filter(|_| T::start().stop()).count();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(stopped as u64, n);
    assert!(others.into_iter().all(T::stop), "they are not due for an hour");
    Report::new(R::NAME, args, n, seconds).emit()
}

/// A context with a timeout is made and cancelled, `n` times.
fn context<R: Primitives>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let start = Instant::now();
    let cancelled = (0..n).filter(|_| R::context()).count();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(cancelled as u64, n);
    Report::new(R::NAME, args, n, seconds).emit()
}

/// How far away the timers are that are not to fire.
pub const FAR: Duration = Duration::from_secs(3600);
