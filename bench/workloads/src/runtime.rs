//! What a peer provides.

use std::time::Duration;

/// A runtime in which tasks block.
///
/// There are three kinds of channels since some peers have another implementation for each. A
/// capacity of 0 asks for one that is not buffered, or the nearest that the peer has. With `flow` the
/// workload cannot do without back-pressure: a peer whose channels are all unbounded must add it.
pub trait Runtime: 'static {
    /// What the peer is called in results.
    const NAME: &'static str;

    /// Sends to a channel with one sender and one receiver.
    type SpscSender<T: Send + 'static>: Sender<T>;
    /// Receives from a channel with one sender and one receiver.
    type SpscReceiver<T: Send + 'static>: Receiver<T>;
    /// Sends to a channel with many senders and one receiver.
    type MpscSender<T: Send + 'static>: Sender<T> + Clone;
    /// Receives from a channel with many senders and one receiver.
    type MpscReceiver<T: Send + 'static>: Receiver<T>;
    /// Sends to a channel with many senders and many receivers.
    type MpmcSender<T: Send + 'static>: Sender<T> + Clone;
    /// Receives from a channel with many senders and many receivers.
    type MpmcReceiver<T: Send + 'static>: Receiver<T> + Clone;
    /// Counts tasks until they are done.
    type WaitGroup: WaitGroup;
    /// Lets in one task at a time.
    type Mutex: Mutex;
    /// A task's result to come.
    type Join<T: Send + 'static>: Join<T>;

    /// Runs `main` as the first task of a runtime with that many workers.
    fn run(workers: usize, main: impl FnOnce() + Send + 'static);
    /// Starts a task.
    fn go(task: impl FnOnce() + Send + 'static);
    /// Starts a task whose result is wanted.
    fn go_join<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> Self::Join<T>;
    /// Lets other tasks run.
    fn yield_now();
    /// Suspends the task.
    fn sleep(time: Duration);
    /// Runs `f`, which blocks in the kernel, in the way the peer has for it.
    fn blocking(f: fn());

    /// Makes a channel with one sender and one receiver.
    fn spsc<T: Send + 'static>(
        capacity: usize,
        flow: bool,
    ) -> (Self::SpscSender<T>, Self::SpscReceiver<T>);
    /// Makes a channel with many senders and one receiver.
    fn mpsc<T: Send + 'static>(
        capacity: usize,
        flow: bool,
    ) -> (Self::MpscSender<T>, Self::MpscReceiver<T>);
    /// Makes a channel with many senders and many receivers.
    fn mpmc<T: Send + 'static>(
        capacity: usize,
        flow: bool,
    ) -> (Self::MpmcSender<T>, Self::MpmcReceiver<T>);

    /// Receives `n` numbers, a quarter of them from each receiver, each by a `select` over all four;
    /// returns their sum.
    fn select_sum(receivers: [Self::SpscReceiver<u64>; 4], n: u64) -> u64;

    /// The same with as many receivers as there are, each of which gets as many numbers as the others.
    /// Sends an answer for each number.
    fn select_many(
        receivers: Vec<Self::SpscReceiver<u64>>,
        answers: Self::SpscSender<()>,
        n: u64,
    ) -> u64;

    /// Listens on a port of this machine, calls `listening` with it, and answers each client with what it
    /// sends, in a task of its own with such a buffer.
    fn tcp_echo<const BUFFER: usize>(listening: fn(u16)) -> !;

    /// Says why a workload is not for this peer.
    fn supports(_workload: &str) -> Result<(), &'static str> {
        Ok(())
    }
}

/// The sending end of a channel.
pub trait Sender<T>: Send + 'static {
    /// Sends, and blocks the task while there is no room.
    fn send(&self, value: T);
}

/// The receiving end of a channel.
pub trait Receiver<T>: Send + 'static {
    /// Receives, and blocks the task until there is something. `None` once the channel is closed.
    fn recv(&self) -> Option<T>;

    /// Receives from a channel that is not going to be closed.
    #[inline]
    fn expect(&self) -> T {
        self.recv().expect("the channel was closed too early")
    }
}

/// Counts tasks until they are done. Clones share the count.
pub trait WaitGroup: Clone + Send + 'static {
    /// A group without tasks.
    fn new() -> Self;
    /// Counts more tasks.
    fn add(&self, tasks: usize);
    /// One is done.
    fn done(&self);
    /// Blocks the task until all are done; called once.
    fn wait(&self);
}

/// Lets in one task at a time, to a number.
pub trait Mutex: Send + Sync + 'static {
    /// The number is zero.
    fn new() -> Self;
    /// Calls `f` with the lock held.
    fn with(&self, f: impl FnOnce(&mut u64));
}

/// A task's result to come.
pub trait Join<T>: Send {
    /// Blocks the task until it is there.
    fn join(self) -> T;
}
