//! The end of a goroutine by panic or by shutdown: what its payload is, and who is told.

use super::Goroutine;
use super::payload::Panicked;
use crate::prim::Lock;
use crate::tell::{abort, tell};
use gort_context::overflow::Overflow;
use gort_context::pass_discard;
use std::any::Any;
use std::fmt::{self, Write as _};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::Arc;

/// The payload that unwinds a goroutine whose runtime is being shut down.
///
/// A [`JoinHandle`](crate::JoinHandle) of such a goroutine returns it as the error of `join`. In a goroutine of another runtime, or on
/// a plain thread, it is a panic like others.
///
/// ```
/// use std::time::Duration;
///
/// let runtime = gort::Runtime::new()?;
/// let waiting = runtime.spawn(|| gort::sleep(Duration::MAX));
/// runtime.shutdown(Duration::from_secs(5)).unwrap();
/// assert!(waiting.join().unwrap_err().is::<gort::Shutdown>());
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Shutdown;

impl fmt::Display for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the goroutine's runtime was shut down")
    }
}

/// Passes the panic of a call on to the caller. A shutdown calls no panic hook: so if the caller does not end by the same one, the hook is
/// called here, that somebody says why it ends.
#[track_caller]
pub(crate) fn pass_on(payload: Panicked) -> ! {
    if payload.is::<Shutdown>() && !crate::sched::is_in_shutdown() {
        panic_any(Shutdown);
    }
    resume_unwind(payload)
}

/// Unwinds the running goroutine's stack; no panic hook is called.
pub(crate) fn unwind_for_shutdown() -> ! {
    if cfg!(panic = "abort") {
        // std would do so without a word.
        abort(format_args!(
            "a runtime is shut down while a goroutine waits, whose stack cannot be unwound in a program that is built \
             with panic=abort: aborting"
        ));
    }
    resume_unwind(Box::new(Shutdown))
}

/// What a panic handler is told: see [`set_panic_handler`].
///
/// ```
/// gort::set_panic_handler(|info| {
///     let who = info.name().unwrap_or("a goroutine without a name");
///     eprintln!("{who} (number {}) panicked: {}", info.id(), info.message().unwrap_or("?"));
/// });
/// ```
pub struct PanicInfo<'a> {
    id: u64,
    name: Option<&'a str>,
    payload: &'a (dyn Any + Send),
}

impl PanicInfo<'_> {
    /// The number of the goroutine that panicked.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name
    }

    /// What it panicked with.
    ///
    /// ```
    /// use std::panic::panic_any;
    ///
    /// let (tx, rx) = gort::chan::chan(1);
    /// gort::set_panic_handler(move |info| {
    ///     let code = info.payload().downcast_ref::<i32>().copied();
    ///     tx.try_send((code, info.message().is_some())).unwrap();
    /// });
    /// gort::go!(|| panic_any(7));
    /// assert_eq!(rx.recv(), Some((Some(7), false))); // no string, so no message
    /// ```
    pub fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }

    /// The panic's message, if the payload is a string, as it is with `panic!`.
    pub fn message(&self) -> Option<&str> {
        message(self.payload)
    }
}

impl fmt::Debug for PanicInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicInfo")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("message", &self.message())
            .finish_non_exhaustive()
    }
}

fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

type Handler = Arc<dyn Fn(&PanicInfo<'_>) + Send + Sync>;

static HANDLER: Lock<Option<Handler>> = Lock::new(None);

/// Sets the function that is called, in the goroutine, when a goroutine that has no
/// [`JoinHandle`](crate::JoinHandle) has panicked and its stack is unwound.
///
/// The panic ends only that goroutine. Without a handler a line on standard error names it (after
/// the message of std's panic hook, which comes first and cannot know goroutines). A goroutine with
/// a handle reports to it instead: `join` returns the payload; if it is dropped after the panic, this function is
/// called there. It serves all runtimes of the process and may be set from anywhere; a panic of its own is reported
/// and goes no further.
///
/// ```
/// use gort::sync::WaitGroup;
/// use std::sync::{Arc, Mutex};
///
/// let seen = Arc::new(Mutex::new(None));
/// let done = WaitGroup::new();
/// done.add(1);
/// {
///     let (seen, done) = (seen.clone(), done.clone());
///     gort::set_panic_handler(move |info| {
///         *seen.lock().unwrap() = info.message().map(str::to_owned);
///         done.done();
///     });
/// }
/// gort::go!(|| panic!("out of cheese"));
/// done.wait();
/// assert_eq!(seen.lock().unwrap().as_deref(), Some("out of cheese"));
/// ```
pub fn set_panic_handler(handler: impl Fn(&PanicInfo<'_>) + Send + Sync + 'static) {
    let old = HANDLER.lock().replace(Arc::new(handler));
    drop(old);
}

/// What becomes of the process when a goroutine panics; see
/// [`RuntimeBuilder::on_panic`](crate::RuntimeBuilder::on_panic).
///
/// ```
/// use gort::{OnPanic, Runtime};
///
/// let runtime = Runtime::builder().on_panic(OnPanic::Report).build()?;
/// assert!(runtime.spawn(|| panic!("reported to the handle")).join().is_err());
/// assert_eq!(runtime.run(|| 6 * 7), 42); // the others go on
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum OnPanic {
    /// The goroutine ends, and the panic is reported: to its [`JoinHandle`](crate::JoinHandle), if it has one,
    /// else to the [panic handler](set_panic_handler). The others go on.
    #[default]
    Report,
    /// The process is aborted, as in Go, when the goroutine's stack is unwound, with a message that names it.
    /// Also if somebody would have joined it.
    Abort,
}

/// A goroutine's stack has been unwound.
#[cold]
pub(crate) fn has_panicked(goroutine: &Goroutine, payload: &Panicked) {
    let shared = goroutine.shared();
    if shared.on_panic == OnPanic::Report || is_by_shutdown(payload, shared.is_stopping()) {
        return;
    }
    let name = goroutine.name().map(|name| &**name);
    let info = PanicInfo { id: goroutine.id.get(), name, payload: &**payload };
    abort(format_args!("{}: aborting, as its runtime has been told to", Describe(&info)));
}

/// Calls what a goroutine is for, and catches its panic: for those who pass it on otherwise than by the goroutine's own handle.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    let result = catch_unwind(AssertUnwindSafe(f)).map_err(pass_discard);
    if let Err(payload) = &result
        && let Some(goroutine) = crate::sched::current_goroutine()
    {
        has_panicked(&goroutine, payload);
    }
    result
}

/// Was a goroutine, of a runtime that is being shut down or not, unwound for that? Where its runtime goes on, what it has ended with
/// is the end of another runtime, whose goroutine it has waited for: a panic like others, of which nobody else tells.
fn is_by_shutdown(payload: &Panicked, is_stopping: bool) -> bool {
    is_stopping && payload.is::<Shutdown>()
}

/// Tells of a panic that nobody will get from a handle; not of a goroutine's end by the shutdown of its runtime, if that
/// `is_stopping`. A shutdown does not interrupt the handler, which would be caught with its panics.
#[cold]
pub(crate) fn report(id: u64, name: Option<&str>, payload: Panicked, is_stopping: bool) {
    if is_by_shutdown(&payload, is_stopping) {
        return;
    }
    crate::sched::shielded(|| {
        let info = PanicInfo { id, name, payload: &*payload };
        let handler = HANDLER.lock().clone();
        match handler {
            Some(handler) => {
                if let Err(its_own) = catch_unwind(AssertUnwindSafe(|| handler(&info))) {
                    tell(format_args!("the panic handler panicked over {}", Describe(&info)));
                    drop_caught(its_own);
                }
            }
            None => tell(format_args!("{}", Describe(&info))),
        }
        // The payload's destructor is user code, too.
        drop_caught(payload);
    });
}

/// Drops a value of the user's, and what that may panic with: if dropping this panics, too, it is left at that.
pub(crate) fn drop_caught<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value)))
        && let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        mem::forget(another);
    }
}

/// Says whose stack has overflowed. Runs in a signal handler: no locks, no allocation.
pub(crate) fn report_overflow(overflow: &Overflow) {
    let mut stderr = overflow.writer();
    // What fails to be written cannot be told either.
    let _ = match crate::sched::current_goroutine() {
        Some(goroutine) => {
            let name = goroutine.name().map_or("", |name| &**name);
            let quote = if name.is_empty() { "" } else { " '" };
            let unquote = if name.is_empty() { "" } else { "'" };
            writeln!(
                stderr,
                "gort: goroutine {}{quote}{name}{unquote} has overflowed its stack of {} KiB; \
                 gort::Builder::stack_size gives it a larger one",
                goroutine.id.get(),
                overflow.size() / 1024,
            )
        }
        None => writeln!(stderr, "gort: it is no goroutine's"),
    };
}

struct Describe<'a>(&'a PanicInfo<'a>);

impl fmt::Display for Describe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {}", self.0.id)?;
        if let Some(name) = self.0.name {
            write!(f, " '{name}'")?;
        }
        let otherwise = match self.0.payload.downcast_ref::<Shutdown>() {
            Some(_) => "it waited for a goroutine whose runtime was shut down",
            None => "(a payload that is no string)",
        };
        write!(f, " panicked: {}", self.0.message().unwrap_or(otherwise))
    }
}
