//! The workloads on may.

mod channels;
mod primitives;

use channels::Channel;
use may::net::TcpListener;
use may::sync::{SyncFlag, mpmc, mpsc, spsc};
use may::{coroutine, cqueue};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use workloads::{Join, Receiver, Runtime, Sender, WaitGroup, net};

struct May;

/// A count and a flag: may's own wait group takes a lock for each clone and drop.
#[derive(Clone)]
struct Group(Arc<(AtomicUsize, SyncFlag)>);
struct Lock(may::sync::Mutex<u64>);
struct Handle<T>(coroutine::JoinHandle<T>);

impl Runtime for May {
    const NAME: &'static str = "may";

    type SpscSender<T: Send + 'static> = Channel<spsc::Sender<T>>;
    type SpscReceiver<T: Send + 'static> = Channel<spsc::Receiver<T>>;
    type MpscSender<T: Send + 'static> = Channel<mpsc::Sender<T>>;
    type MpscReceiver<T: Send + 'static> = Channel<mpsc::Receiver<T>>;
    type MpmcSender<T: Send + 'static> = Channel<mpmc::Sender<T>>;
    type MpmcReceiver<T: Send + 'static> = Channel<mpmc::Receiver<T>>;
    type WaitGroup = Group;
    type Mutex = Lock;
    type Join<T: Send + 'static> = Handle<T>;

    fn run(workers: usize, main: impl FnOnce() + Send + 'static) {
        may::config().set_workers(workers);
        // How many stacks to make at the start; more are made one by one when these are in use.
        if let Some(stacks) = std::env::var("MAY_POOL").ok().and_then(|it| it.parse().ok()) {
            may::config().set_pool_capacity(stacks);
        }
        may::go!(main).join().expect("the workload");
    }

    #[inline]
    fn go(task: impl FnOnce() + Send + 'static) {
        may::go!(task);
    }

    fn go_join<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> Handle<T> {
        Handle(may::go!(task))
    }

    #[inline]
    fn yield_now() {
        coroutine::yield_now();
    }

    #[inline]
    fn sleep(time: Duration) {
        coroutine::sleep(time);
    }

    /// may has nothing for it, so this blocks the worker.
    fn blocking(f: fn()) {
        f();
    }

    fn spsc<T: Send + 'static>(
        capacity: usize,
        flow: bool,
    ) -> (Self::SpscSender<T>, Self::SpscReceiver<T>) {
        channels::bound(spsc::channel(), capacity, flow)
    }

    fn mpsc<T: Send + 'static>(
        capacity: usize,
        flow: bool,
    ) -> (Self::MpscSender<T>, Self::MpscReceiver<T>) {
        channels::bound(mpsc::channel(), capacity, flow)
    }

    fn mpmc<T: Send + 'static>(
        capacity: usize,
        flow: bool,
    ) -> (Self::MpmcSender<T>, Self::MpmcReceiver<T>) {
        channels::bound(mpmc::channel(), capacity, flow)
    }

    fn select_sum(receivers: [Self::SpscReceiver<u64>; 4], n: u64) -> u64 {
        sum_of(receivers.into(), n, || ())
    }

    fn select_many(
        receivers: Vec<Self::SpscReceiver<u64>>,
        answers: Self::SpscSender<()>,
        n: u64,
    ) -> u64 {
        sum_of(receivers, n, || answers.send(()))
    }

    fn tcp_echo<const BUFFER: usize>(listening: fn(u16)) -> ! {
        let listener = TcpListener::bind(net::ANYWHERE).expect("a port");
        listening(listener.local_addr().expect("its address").port());
        loop {
            let (stream, _) = listener.accept().expect("a client");
            may::go!(move || net::echo::<BUFFER>(stream));
        }
    }

    fn supports(workload: &str) -> Result<(), &'static str> {
        match workload {
            "once" | "timer_func" | "timer_chan" | "context" => Err("it has none"),
            _ => Ok(()),
        }
    }
}

/// may's `select!` starts a coroutine for each arm and cancels those that lose, with what they may
/// have received; its way for a loop is a queue of selectors that last. Each of them takes just
/// its share: one that was left in `recv` would keep the scope from ending, as `recv` ignores
/// cancellation.
fn sum_of(receivers: Vec<<May as Runtime>::SpscReceiver<u64>>, n: u64, received: impl Fn()) -> u64 {
    let each = n / receivers.len() as u64;
    let total = Total(Cell::new(0));
    let total = &total;
    cqueue::scope(|queue| {
        for (token, receiver) in receivers.into_iter().enumerate() {
            may::go!(queue, token, move |selector| {
                for _ in 0..each {
                    let value = receiver.expect();
                    selector.send(0);
                    // From here on it runs in `poll` below.
                    total.add(value);
                }
            });
        }
        for _ in 0..n {
            queue.poll(None).expect("no selector has ended early");
            received();
        }
    });
    total.0.get()
}

struct Total(Cell<u64>);

// SAFETY: it is added to only by the halves of selectors that run in `poll`, one at a time.
unsafe impl Sync for Total {}

impl Total {
    fn add(&self, value: u64) {
        self.0.set(self.0.get() + value);
    }
}

impl WaitGroup for Group {
    /// The count is one more than there are tasks, until somebody waits.
    fn new() -> Self {
        Group(Arc::new((AtomicUsize::new(1), SyncFlag::new())))
    }

    fn add(&self, tasks: usize) {
        self.0.0.fetch_add(tasks, Relaxed);
    }

    fn done(&self) {
        if self.0.0.fetch_sub(1, AcqRel) == 1 {
            self.0.1.fire();
        }
    }

    fn wait(&self) {
        self.done();
        self.0.1.wait();
    }
}

impl workloads::Mutex for Lock {
    fn new() -> Self {
        Lock(may::sync::Mutex::new(0))
    }

    #[inline]
    fn with(&self, f: impl FnOnce(&mut u64)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<T: Send + 'static> Join<T> for Handle<T> {
    fn join(self) -> T {
        self.0.join().expect("the task")
    }
}

fn main() {
    workloads::primitives::main::<May>();
}
