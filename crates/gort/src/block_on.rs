//! Waiting for a future.

use crate::park;
use crate::sync::Notify;
use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Blocks until a future is done, and returns what it gives. The goroutine parks while the future waits, and not the thread; on a
/// plain thread it is the thread that blocks.
///
/// The future is polled here, in the caller's goroutine, and need not be `Send` nor `'static`. It may be of any library that keeps
/// to the contract of wakers.
///
/// A goroutine whose runtime is [shut down](crate::Runtime::shutdown) is unwound here, which drops the future.
///
/// ```
/// use std::time::Duration;
///
/// # gort::run(|| {
/// let (tx, rx) = gort::chan(0);
/// gort::go!(move || {
///     gort::sleep(Duration::from_millis(1));
///     tx.send(20)
/// });
/// let twice = async { rx.recv_async().await.map(|n| 2 * n) };
/// assert_eq!(gort::block_on(twice), Some(40));
/// # });
/// ```
///
/// # Futures of another runtime
/// Sockets and timers of Tokio's, say, work only where Tokio's runtime is known to the thread, and a goroutine changes threads. So
/// its runtime runs the future, and this waits for its end: `gort::block_on(handle.spawn(future))`. A future that cannot be sent
/// there is polled here, with the runtime entered for each poll, as the guard belongs to the thread:
/// `gort::block_on(poll_fn(|cx| { let _entered = handle.enter(); future.as_mut().poll(cx) }))`.
/// Tokio's own `block_on` marks the thread as its own, and blocks it. What it runs should not wait by gort: other goroutines then
/// run on the thread meanwhile, and are told that they are "within a runtime".
///
/// # Panics
/// If the future does.
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    park::checkpoint();
    let woken = Arc::new(Woken(Notify::new()));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future.into_future());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // What polling has left there.
        gort_context::wipe_below();
        woken.0.wait();
    }
}

/// The future is to be polled again.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.notify_one();
    }
}
