//! Functions that are called when a context ends.

use super::node::Context;
use crate::clock::Deadline;
use crate::runtime::spawn_later;
use crate::sched::Later;
use std::fmt;
use std::sync::Arc;

/// A goroutine that is to start when a context ends; dropped before that it never does.
pub(super) struct Func(Later);

impl Func {
    pub(super) fn start(&self) {
        self.0.start();
    }
}

impl Drop for Func {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Has `f` called, in a goroutine of its own, when `context` is done; at once if it is.
///
/// The goroutine is made now, of the caller's runtime (the process's, from a plain thread), and costs a
/// record and the closure until then. If the context never ends, `f` is dropped with it; so if `f` holds the
/// context itself, the two keep each other until the context ends or the call is stopped.
///
/// ```
/// use gort::context::{after_func, background, with_cancel};
/// use gort::sync::{Condvar, Mutex};
/// use std::sync::Arc;
///
/// // A wait that knows nothing of contexts is woken up by one.
/// let pair = Arc::new((Mutex::new(()), Condvar::new()));
/// let (ctx, cancel) = with_cancel(&background());
/// let other = pair.clone();
/// let stop = after_func(&ctx, move || {
///     let _guard = other.0.lock().unwrap();
///     other.1.notify_all();
/// });
/// gort::go!(move || cancel.cancel());
/// let mut guard = pair.0.lock().unwrap();
/// while !ctx.is_done() {
///     guard = pair.1.wait(guard).unwrap();
/// }
/// stop.stop(); // the context may be done before the call has begun: it is not needed any more
/// ```
///
/// # Panics
/// If the goroutine cannot be made, as with [`go!`](crate::go!).
#[track_caller]
pub fn after_func<F>(context: &Context, f: F) -> StopFunc
where
    F: FnOnce() + Send + 'static,
{
    let func = Arc::new(Func(spawn_later(Deadline::NEVER, f)));
    let place = context.canceller().and_then(|canceller| canceller.add_func(&func));
    StopFunc { context: context.clone(), place, func }
}

/// A call to come when a context ends; from [`after_func`].
///
/// Dropping it does not stop the call, unless nothing can end the context.
///
/// ```
/// use gort::context::{after_func, background, with_cancel};
///
/// let (ctx, cancel) = with_cancel(&background());
/// let (tx, rx) = gort::chan::chan(1);
/// drop(after_func(&ctx, move || tx.send("over").unwrap()));
/// cancel.cancel();
/// assert_eq!(rx.recv(), Some("over"));
/// ```
#[must_use = "to be kept for as long as the call may have to be stopped; `drop` it otherwise"]
pub struct StopFunc {
    context: Context,
    place: Option<usize>,
    func: Arc<Func>,
}

impl StopFunc {
    /// Keeps the function from being called, and drops it. Blocks for its destructor only.
    ///
    /// True: it is not called. False: its goroutine has begun, and may still run; or it was stopped before.
    ///
    /// ```
    /// use gort::context::{after_func, background, with_cancel};
    ///
    /// let (ctx, cancel) = with_cancel(&background());
    /// let stop = after_func(&ctx, || unreachable!());
    /// assert!(stop.stop());
    /// cancel.cancel();
    /// assert!(!stop.stop());
    /// ```
    pub fn stop(&self) -> bool {
        let stopped = self.func.0.stop();
        if stopped && let (Some(place), Some(canceller)) = (self.place, self.context.canceller()) {
            canceller.remove_func(place);
        }
        stopped
    }
}

impl fmt::Debug for StopFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopFunc").field("context", &self.context).finish_non_exhaustive()
    }
}
