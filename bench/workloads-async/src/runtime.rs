//! What a peer provides.

use std::future::Future;
use std::time::Duration;

/// A runtime of futures.
pub trait AsyncRuntime: 'static {
    /// What the peer is called in results.
    const NAME: &'static str;

    /// Sends to a channel.
    type Sender<T: Send + 'static>: AsyncSender<T>;
    /// Receives from a channel, alone.
    type Receiver<T: Send + 'static>: AsyncReceiver<T>;
    /// Lets in one task at a time.
    type Mutex: AsyncMutex;
    /// Wakes one task.
    type Notify: Notify;

    /// Runs `main` as the first task of a runtime with that many workers.
    fn run(workers: usize, main: impl Future<Output = ()> + Send + 'static);
    /// Starts a task.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
    /// Starts a task whose result is wanted.
    fn spawn_join<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send;
    /// Lets other tasks run.
    fn yield_now() -> impl Future<Output = ()> + Send;
    /// Suspends the task.
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;
    /// Runs `f`, which blocks in the kernel, in the way the peer has for it.
    fn blocking(f: fn()) -> impl Future<Output = ()> + Send;
    /// Makes a channel with many senders and one receiver.
    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// Receives `n` numbers by a `select` over all four, a quarter of them from each; returns their sum.
    fn select_sum(
        receivers: [Self::Receiver<u64>; 4],
        n: u64,
    ) -> impl Future<Output = u64> + Send + 'static;
    /// The same with as many receivers as there are. Sends an answer for each number.
    fn select_many(
        receivers: Vec<Self::Receiver<u64>>,
        answers: Self::Sender<()>,
        n: u64,
    ) -> impl Future<Output = u64> + Send + 'static;
    /// Listens on a port of this machine, calls `listening` with it, and answers each client with what it
    /// sends, in a task of its own with such a buffer. Does not return.
    fn tcp_echo<const BUFFER: usize>(listening: fn(u16)) -> impl Future<Output = ()> + Send;
}

/// The sending end of a channel.
pub trait AsyncSender<T>: Clone + Send + Sync + 'static {
    /// Sends, and waits while there is no room. False if the channel is closed.
    fn send(&self, value: T) -> impl Future<Output = bool> + Send;
}

/// The receiving end of a channel.
pub trait AsyncReceiver<T>: Send + 'static {
    /// Receives, and waits until there is something. `None` once the channel is closed.
    fn recv(&mut self) -> impl Future<Output = Option<T>> + Send;
}

/// Lets in one task at a time, to a number.
pub trait AsyncMutex: Send + Sync + 'static {
    /// The number is zero.
    fn new() -> Self;
    /// Calls `f` with the lock held.
    fn with<T>(&self, f: impl FnOnce(&mut u64) -> T + Send) -> impl Future<Output = T> + Send;
}

/// Wakes the one task that waits, or that will.
pub trait Notify: Send + Sync + 'static {
    /// Nobody has been woken.
    fn new() -> Self;
    /// Wakes.
    fn notify(&self);
    /// Waits.
    fn notified(&self) -> impl Future<Output = ()> + Send;
}

/// What came from a channel that is not going to be closed.
pub(crate) fn expect<T>(received: Option<T>) -> T {
    received.expect("the channel was closed too early")
}
