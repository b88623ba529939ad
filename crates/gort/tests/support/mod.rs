//! What the tests of the scheduler and its surface share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

#[cfg(target_os = "linux")]
pub mod address_space;
pub mod allocations;
pub mod net;
#[path = "../../../gort-context/tests/support/mod.rs"]
pub mod programs;

use std::fmt::Debug;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a loaded machine; what takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Runs `f` on a thread of its own, so that a test that hangs fails.
#[track_caller]
pub fn within<R: Send + 'static>(limit: Duration, f: impl FnOnce() -> R + Send + 'static) -> R {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        let _ = tx.send(catch_unwind(AssertUnwindSafe(f)));
    });
    match rx.recv_timeout(limit) {
        Ok(Ok(value)) => value,
        Ok(Err(payload)) => resume_unwind(payload),
        Err(_) => panic!("it hangs"),
    }
}

/// A runtime with so many processors.
pub fn runtime(processors: usize) -> gort::Runtime {
    gort::Runtime::builder().processors(processors).build().expect("a runtime")
}

/// Runs `f` as a goroutine of a runtime with so many processors, which is shut down afterwards.
#[track_caller]
pub fn on<R: Send + 'static>(processors: usize, f: impl FnOnce() -> R + Send + 'static) -> R {
    within(LIMIT, move || runtime(processors).run(f))
}

/// Waits on a plain thread until something is so.
#[track_caller]
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "never: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// Waits in a goroutine until something is so, and lets others run.
#[track_caller]
pub fn yield_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "never: {what}");
        gort::yield_now();
    }
}

/// Does it up to five times, until the outcome is good: where a CPU may be missing for a while, some may be bad.
#[track_caller]
pub fn good_once_in_five<T: Debug>(f: impl Fn() -> T, is_good: impl Fn(&T) -> bool) {
    let bad: Vec<T> = (0..5).map(|_| f()).take_while(|outcome| !is_good(outcome)).collect();
    assert!(bad.len() < 5, "{bad:?}");
}

/// Does what is to be done before `time` has passed; again, from the beginning, if this thread was kept from running for so long.
pub fn in_time<R>(time: Duration, f: impl Fn() -> R) -> R {
    loop {
        let start = Instant::now();
        let result = f();
        if start.elapsed() < time {
            return result;
        }
    }
}

/// Computes, without a word to the runtime, until something is so. False if it never was.
pub fn compute_until(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > limit {
            return false;
        }
        std::hint::spin_loop();
    }
    true
}

/// Starts so many goroutines that compute until the flag is raised and never call the runtime.
pub fn hogs(count: usize, stop: &Arc<AtomicBool>) -> Vec<gort::JoinHandle<bool>> {
    let hog = |_| {
        let stop = stop.clone();
        gort::spawn(move || compute_until(LIMIT, || stop.load(SeqCst)))
    };
    (0..count).map(hog).collect()
}

/// Computes with floating-point numbers in as many registers as the compiler likes, and checks what comes
/// out, until it is told to stop. Calls nothing.
pub fn compute(stop: &AtomicBool) -> usize {
    let rounds = AtomicUsize::new(0);
    compute_and_count(stop, &rounds);
    rounds.into_inner()
}

/// The same, and counts its rounds where others can see it.
#[inline(never)]
pub fn compute_and_count(stop: &AtomicBool, rounds: &AtomicUsize) {
    fn round() -> [f64; 8] {
        let mut sums = [0.0_f64; 8];
        for n in 0..std::hint::black_box(5_000_u32) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += f64::from(n) * (lane as f64 + 0.5);
            }
        }
        sums
    }
    let expected = round();
    while !stop.load(SeqCst) {
        assert_eq!(std::hint::black_box(round()), expected);
        rounds.fetch_add(1, SeqCst);
    }
}

/// Counts tokens made and dropped.
#[derive(Clone, Default, Debug)]
pub struct Tally(Arc<(AtomicUsize, AtomicIsize)>);

/// Something whose drop is counted.
#[derive(Debug)]
pub struct Token(Tally);

impl Tally {
    pub fn new() -> Tally {
        Tally::default()
    }

    pub fn token(&self) -> Token {
        self.0.0.fetch_add(1, SeqCst);
        self.0.1.fetch_add(1, SeqCst);
        Token(self.clone())
    }

    pub fn made(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    /// Made and not dropped; negative after a double drop.
    pub fn alive(&self) -> isize {
        self.0.1.load(SeqCst)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.1.fetch_sub(1, SeqCst);
    }
}

/// Calls a function when dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

pub const CHILD: &str = "GORT_TEST_CHILD";

/// Is this the process that [`child`] has started?
pub fn in_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs one test of this binary in a process of its own.
pub fn child(test: &str, set: impl FnOnce(&mut Command)) -> Output {
    let mut command = programs::this_test(test);
    command.env(CHILD, "1").env_remove("GOMAXPROCS").env_remove("RUST_BACKTRACE");
    set(&mut command);
    let output = command.output().expect("a child process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "there is no test {test}: {text}");
    output
}

/// Has a child begin with all signals blocked, as some parents leave them.
#[cfg(unix)]
pub fn block_signals(command: &mut Command) {
    let block = || {
        // SAFETY: all zeros is a value of it.
        let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set is valid.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: as above, and the set before is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) };
        Ok(())
    };
    // SAFETY: it makes one system call.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, block) };
}

/// What a child wrote to its standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails, and shows what the child wrote, if it failed.
#[track_caller]
pub fn assert_success(output: &Output) {
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        stderr(output)
    );
}

/// Wakes a thread that polls, and counts.
pub struct ThreadWaker {
    thread: Thread,
    pub woken: AtomicUsize,
    flag: AtomicBool,
}

impl ThreadWaker {
    pub fn new() -> Arc<ThreadWaker> {
        let thread = thread::current();
        Arc::new(ThreadWaker { thread, woken: AtomicUsize::new(0), flag: AtomicBool::new(false) })
    }
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, SeqCst);
        self.flag.store(true, SeqCst);
        self.thread.unpark();
    }
}

/// The smallest executor.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = ThreadWaker::new();
    let std_waker = Waker::from(waker.clone());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&std_waker)) {
            return value;
        }
        while !waker.flag.swap(false, SeqCst) {
            thread::park();
        }
    }
}

/// Runs `f` as a goroutine where others only run when it waits or yields: after a `yield_now`, those that it has
/// started are blocked, or have ended.
#[track_caller]
pub fn in_turn<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    within(LIMIT, move || {
        let builder = gort::Runtime::builder().processors(1).preempt(gort::Preempt::Off);
        builder.time_slice(LIMIT).build().expect("a runtime").run(f)
    })
}

/// Calls a function when it wakes.
struct Calls<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// A waker that calls `f`.
pub fn waker(f: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Calls(f)))
}

/// A waker that panics when it is cloned.
pub fn waker_that_cannot_be_cloned() -> Waker {
    static VTABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a clone, on purpose"), |_| (), |_| (), |_| ());
    // SAFETY: it has no data, so there is nothing that its functions could do wrong.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) }
}
