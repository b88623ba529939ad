//! A limit on how long to wait for a function.

use crate::chan::{RecvTimeoutError, chan};
use crate::goroutine::panic::{Shutdown, catch, unwind_for_shutdown};
use std::fmt;
use std::panic::resume_unwind;
use std::thread::panicking;
use std::time::Duration;

/// The time is up.
///
/// ```
/// use gort::sync::WaitGroup;
/// use gort::time::Elapsed;
/// use std::io;
/// use std::time::Duration;
///
/// let group = WaitGroup::new();
/// group.add(1);
/// let late = group.wait_timeout(Duration::from_millis(1));
/// assert!(matches!(late, Err(Elapsed { .. })));
/// // Functions that return errors of std's may pass it on by `?`.
/// assert_eq!(io::Error::from(late.unwrap_err()).kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Elapsed;

impl Elapsed {
    pub(crate) fn new() -> Elapsed {
        Elapsed
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is up")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// Calls `f` in a goroutine of its own and waits for its value, for at most `limit`.
///
/// A goroutine cannot be ended from outside: one whose time is up goes on by itself, and its value is dropped; a panic goes to the
/// [panic handler](crate::set_panic_handler).
/// If that is not wanted, give it a [context](crate::context) that it looks at. On a plain thread, the thread is
/// blocked meanwhile.
///
/// ```
/// use gort::time::timeout;
/// use std::time::Duration;
///
/// assert_eq!(timeout(Duration::from_secs(60), || 6 * 7), Ok(42));
/// let late = timeout(Duration::from_millis(1), || gort::sleep(Duration::from_secs(60)));
/// assert_eq!(late.unwrap_err().to_string(), "the time is up");
/// ```
///
/// # Errors
/// [`Elapsed`] if there is no value in time. Also, in a destructor that runs as the caller panics, if there will be none as the runtime is
/// shut down: a second panic would end the process.
///
/// # Panics
/// With the panic of `f`; if the goroutine cannot be started, as [`go!`](crate::go!).
#[track_caller]
pub fn timeout<F, T>(limit: Duration, f: F) -> Result<T, Elapsed>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (result, results) = chan(1);
    crate::runtime::spawn_detached(move || {
        if let Err(unwanted) = result.try_send(catch(f)) {
            // Nobody waits any more, so a panic is that of a goroutine which nobody joins.
            drop(unwanted.into_inner().unwrap_or_else(|payload| resume_unwind(payload)));
        }
    });
    let received = results.recv_timeout(limit).or_else(|error| {
        // What has come just now is taken, else nobody would be told of a panic; what comes later is refused.
        results.close();
        results.try_recv().map_err(|_| error)
    });
    match received {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(payload)) if payload.is::<Shutdown>() && panicking() => Err(Elapsed),
        Ok(Err(payload)) => resume_unwind(payload),
        // It was dropped unbegun.
        Err(RecvTimeoutError::Closed) if !panicking() => unwind_for_shutdown(),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Closed) => Err(Elapsed),
    }
}
