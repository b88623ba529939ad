//! What a runtime can be told when it is made.

use super::Runtime;
use super::current::PROCESS;
use crate::goroutine::panic::{self, OnPanic};
use crate::sched::{self, MAX_PROCESSORS, Migration, Preempt, Settings, Shared};
use crate::tell::tell;
use gort_context::{StackPool, overflow};
use std::io;
use std::time::Duration;

const DEFAULT_STACK: usize = 256 << 10;
const DEFAULT_NAME: &str = "gort";
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// Both as in Go.
const DEFAULT_TIME_SLICE: Duration = Duration::from_millis(10);
const DEFAULT_MAX_THREADS: usize = 10_000;
/// No system has more; their records have places in a table.
const MOST_THREADS: usize = 1 << 22;

/// Settings of a runtime that is to be made.
///
/// ```
/// use gort::{OnPanic, Runtime};
/// use std::time::Duration;
///
/// let runtime = Runtime::builder()
///     .name("crawler")
///     .processors(2)
///     .stack_size(64 << 10)
///     .time_slice(Duration::from_millis(1))
///     .on_panic(OnPanic::Report)
///     .build()?;
/// assert_eq!(runtime.run(|| gort::gomaxprocs()), 2);
/// assert!(Runtime::builder().processors(0).build().is_err());
/// # std::io::Result::Ok(())
/// ```
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
    polls: bool,
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
            signal: sched::preempt::SIGNAL,
            migration: Migration::Checked,
            on_panic: OnPanic::default(),
            audit: false,
            polls: true,
        }
    }
}

impl Builder {
    /// How many goroutines run at the same time: 1 to 1024. By default what the environment
    /// variable `GOMAXPROCS` says, else as many as the process has CPUs
    /// ([`std::thread::available_parallelism`], which honours quotas of control groups). What changes
    /// there later changes nothing here: see [`set_gomaxprocs`](crate::set_gomaxprocs). [`Builder`] has an example.
    pub fn processors(mut self, processors: usize) -> Self {
        self.processors = Some(processors);
        self
    }

    /// The address space of a goroutine's stack, in bytes: 16 KiB to 1 GiB, rounded up to a power
    /// of two; 256 KiB by default. Memory is used by the page, as the stack is; but where a program locks all that it will
    /// have (`mlockall` with `MCL_FUTURE`), whole stacks at once, and up to twice as many as there are goroutines.
    ///
    /// A thread of std's has 2 MiB. Deep recursion, and some crates in unoptimized builds, want more than the default:
    /// `docs/other-crates.md` in the repository has figures. One that is used up ends in a report, by a guard at its lower end:
    /// 16 KiB of it, or a quarter of a smaller one. C code, which is compiled without probes as a rule, may jump over that with a
    /// frame that is longer: such code wants a stack that it does not use up.
    ///
    /// ```
    /// fn depth(n: u32) -> u32 {
    ///     if n == 0 { 0 } else { 1 + std::hint::black_box(depth(n - 1)) }
    /// }
    ///
    /// let runtime = gort::Runtime::builder().stack_size(16 << 20).build()?;
    /// assert_eq!(runtime.run(|| depth(50_000)), 50_000);
    /// assert!(gort::Runtime::builder().stack_size(1024).build().is_err());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// What the runtime's threads are called, followed by a number; `gort` by default.
    ///
    /// ```
    /// let runtime = gort::Runtime::builder().name("crawler").build()?;
    /// let name = runtime.run(|| std::thread::current().name().map(str::to_owned));
    /// assert!(name.unwrap().starts_with("crawler"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How long dropping the runtime waits for its goroutines to end; 10 s by default. As
    /// [`shutdown`](Runtime::shutdown) has it.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let runtime = gort::Runtime::builder().shutdown_timeout(Duration::from_millis(1)).build()?;
    /// let (begun, begins) = std::sync::mpsc::channel();
    /// let (end, ends) = std::sync::mpsc::channel::<()>();
    /// runtime.spawn(move || {
    ///     begun.send(()).unwrap();
    ///     ends.recv() // std's, which gort cannot end
    /// });
    /// begins.recv().unwrap();
    /// let start = Instant::now();
    /// drop(runtime);
    /// assert!(start.elapsed() < Duration::from_secs(10));
    /// # drop(end);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// How long a goroutine may keep its processor while others wait; 10 ms by default.
    ///
    /// One that uses channels or the like all the time yields then. One that computes, or blocks
    /// its thread, makes room as [`preempt`](Self::preempt) says.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    /// use std::time::Duration;
    /// static DONE: AtomicBool = AtomicBool::new(false);
    ///
    /// let slice = Duration::from_millis(1);
    /// let runtime = gort::Runtime::builder().processors(1).time_slice(slice).build()?;
    /// let busy = runtime.spawn(|| while !DONE.load(Relaxed) {}); // never yields
    /// runtime.run(|| DONE.store(true, Relaxed)); // has its turn even so
    /// busy.join().unwrap();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn time_slice(mut self, time: Duration) -> Self {
        self.time_slice = time;
        self
    }

    /// How goroutines that compute or block make room for others; [`Preempt::Handoff`] by default. [`Preempt`] has an example.
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

    /// What becomes of the process when a goroutine panics; [`OnPanic::Report`] by default. [`OnPanic`] has an example.
    pub fn on_panic(mut self, policy: OnPanic) -> Self {
        self.on_panic = policy;
        self
    }

    /// Reports on standard error, with a backtrace and once for each place, goroutines that block while a word
    /// on their stack equals a pointer that is stored in their thread's `thread_local!`s: an `Rc` that
    /// came out of one and is held over the wait, most of the time. It makes every wait some microseconds slower:
    /// for tests. See `docs/soundness.md`.
    ///
    /// ```
    /// let runtime = gort::Runtime::builder().audit(true).build()?;
    /// runtime.run(gort::yield_now); // holds nothing of the thread's: nothing is reported
    /// # std::io::Result::Ok(())
    /// ```
    pub fn audit(mut self, audit: bool) -> Self {
        self.audit = audit;
        self
    }

    /// Keeps every goroutine on the thread on which it has started, from `false` on. By default one that has
    /// waited goes on wherever it is its turn first.
    ///
    /// For programs full of thread-bound values, at a price: a goroutine then waits for its thread even
    /// if others are idle, also while another one blocks it or computes.
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    ///
    /// let runtime = gort::Runtime::builder().processors(2).migrate(false).build()?;
    /// let goroutine = runtime.spawn(|| {
    ///     let before = thread::current().id();
    ///     gort::sleep(Duration::from_millis(5));
    ///     assert_eq!(thread::current().id(), before);
    /// });
    /// goroutine.join().unwrap();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn migrate(mut self, migrate: bool) -> Self {
        self.migration = if migrate { Migration::Checked } else { Migration::Never };
        self
    }

    /// Turns off the check that keeps a goroutine on its thread if it has waited with a pointer into that
    /// thread's thread-local storage on its stack, or on another stack than its own. The check takes some 30 ns
    /// each time that a goroutine goes on on another thread.
    ///
    /// ```
    /// // SAFETY: its goroutines use no thread-local storage, and only their own stacks.
    /// let runtime = unsafe { gort::Runtime::builder().without_migration_check() }.build()?;
    /// assert_eq!(runtime.run(|| gort::spawn(|| 6 * 7).join().unwrap()), 42);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Safety
    /// No goroutine of the runtime holds a reference into thread-local storage over an operation that may
    /// block, and neither does the compiler in its name: what uses thread-local storage before and after
    /// such an operation is in functions of its own that are not inlined. On a stack to which it has switched by
    /// itself a goroutine waits only if who made that stack does not care which thread it is on.
    pub unsafe fn without_migration_check(mut self) -> Self {
        self.migration = Migration::Unchecked;
        self
    }

    /// Preempts goroutines in place: [`Preempt::Trampoline`].
    ///
    /// For programs with more busy goroutines than they want threads. On Linux by a signal, of which one runtime's choice
    /// holds for the process (see [`preempt_signal`](Self::preempt_signal)); on Windows (x86-64) the thread is suspended for
    /// that. Elsewhere [`build`](Self::build) gives an error of the kind `Unsupported`, and on Linux where the C library is
    /// linked statically (`crt-static`, as is usual with musl): its allocator's lock would be put aside with who holds it.
    ///
    /// ```
    /// use std::io::ErrorKind;
    ///
    /// // SAFETY: what its goroutines compute has nothing to do with the thread.
    /// let builder = unsafe { gort::Runtime::builder().processors(1).preempt_in_place() };
    /// match builder.preempt_signal(10).build() { // SIGUSR1, on Linux
    ///     Ok(runtime) => assert_eq!(runtime.run(|| (1..=10).sum::<u32>()), 55),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported), // not on this system
    /// }
    /// ```
    ///
    /// # Safety
    /// The goroutines of this runtime may be put aside, and go on on another thread, at any instruction of the
    /// program's own code, that of the crates that it is made of included. So no such code, wherever it
    /// computes for longer than a time slice, holds at that moment what belongs to the thread (a reference
    /// into a `thread_local!` that is not visible as a pointer on the stack, a value from one, the heap of a
    /// memory allocator that is compiled into the program), or a lock that the goroutines that run meanwhile
    /// may wait for with their threads. (That may be a lock of the system, in a function that the system calls.)
    ///
    /// A build without debug assertions, in which goroutines are interrupted, is optimized: the runtime's own code, too, is part of the
    /// program's, and without optimization it keeps on the stack what must not go to another thread.
    pub unsafe fn preempt_in_place(mut self) -> Self {
        self.preempt = Preempt::Trampoline;
        self
    }

    /// The signal for [`preempt_in_place`](Self::preempt_in_place); `SIGURG` by default, as in Go: it does
    /// nothing of its own, and other uses of it are rare. A handler that was there before still gets
    /// the signals that gort has not sent. On Windows there are no signals, and the number has no effect.
    /// [`preempt_in_place`](Self::preempt_in_place) has an example.
    pub fn preempt_signal(mut self, signal: i32) -> Self {
        self.signal = signal;
        self
    }

    /// Whether the runtime may have a poller of its own, which it does by default from when one of its goroutines first waits
    /// for a socket, pipe or process. With `false` the process's runtime polls for it: for a runtime that computes, whose
    /// processors have other things to do than to look for what has come.
    ///
    /// ```
    /// use gort::net::TcpListener;
    /// use std::time::Instant;
    ///
    /// let runtime = gort::Runtime::builder().poller(false).build()?;
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_deadline(Some(Instant::now()))?;
    /// assert!(runtime.run(|| listener.accept()).is_err()); // it is waited for even so, here for no time
    /// # std::io::Result::Ok(())
    /// ```
    pub fn poller(mut self, on: bool) -> Self {
        self.polls = on;
        self
    }

    /// How many threads may run goroutines; 10,000 by default. More than the number of processors are
    /// needed by goroutines that compute for long or block their threads. At the limit a goroutine that
    /// computes keeps its processor, and [`blocking`](crate::blocking()) waits for another to return. With
    /// `usize::MAX` the system's limits are the only ones.
    ///
    /// A thread more looks after the others; where dozens of goroutines compute at once, one for every 32 of them.
    ///
    /// ```
    /// let few = |threads| gort::Runtime::builder().processors(2).max_threads(threads).build();
    /// assert!(few(2).is_err()); // none for calls that block
    /// let runtime = few(3)?;
    /// assert_eq!(runtime.run(|| gort::blocking(|| 6 * 7)), 42); // one at a time
    /// # std::io::Result::Ok(())
    /// ```
    pub fn max_threads(mut self, threads: usize) -> Self {
        self.max_threads = threads;
        self
    }

    /// Makes a runtime of one's own.
    ///
    /// ```
    /// use gort::Runtime;
    /// use std::io::ErrorKind::InvalidInput;
    /// use std::time::Duration;
    ///
    /// let builder = Runtime::builder;
    /// for wrong in [
    ///     builder().processors(2000),
    ///     builder().stack_size(1024),
    ///     builder().time_slice(Duration::ZERO),
    ///     builder().processors(4).max_threads(4),
    /// ] {
    ///     assert_eq!(wrong.build().unwrap_err().kind(), InvalidInput);
    /// }
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a number of processors or a stack size out of bounds, a name with a NUL
    /// in it, a time slice of zero, fewer threads than processors and one more, or a [signal](Self::preempt_signal) to preempt
    /// by that has another use or is not that of an earlier runtime; `Unsupported` for preemption in
    /// place where there is none; the system's error if no stack or no thread can be had.
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
        sched::barrier::choose();
        overflow::install(panic::report_overflow)?;
        let stacks = StackPool::new(self.stack_size)?;
        // The first stack shows whether there are any to be had.
        drop(stacks.take()?);
        let settings = Settings {
            name: self.name,
            processors,
            slice: self.time_slice,
            most_threads: self.max_threads.min(MOST_THREADS),
            preempt: self.preempt,
            signal: self.signal,
            migration: self.migration,
            on_panic: self.on_panic,
            audit: self.audit,
            polls: self.polls,
        };
        let shared = Shared::new(settings, stacks);
        let runtime = Runtime { shared, shutdown_timeout: self.shutdown_timeout, stopped: false };
        runtime.shared.start_first_threads()?;
        Ok(runtime)
    }

    /// Makes the runtime the process's: the one that `run`, `go!` and `spawn` use on plain threads.
    ///
    /// ```
    /// gort::Runtime::builder().processors(2).install()?; // before anything else of gort's
    /// assert_eq!(gort::run(|| gort::gomaxprocs()), 2);
    /// assert!(gort::Runtime::builder().install().is_err(), "there is one already");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build); `AlreadyExists` if the process has its runtime; `InvalidInput` without a
    /// [poller](Self::poller), which is there for all others.
    pub fn install(self) -> io::Result<()> {
        if !self.polls {
            let message = "the process's runtime cannot be without a poller";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
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
            tell(format_args!(
                "GOMAXPROCS={value:?} is not a number from 1 to {MAX_PROCESSORS}: \
                 ignored, there are {count} processors"
            ));
            count
        }
    }
}
