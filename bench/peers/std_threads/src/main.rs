//! The workloads on threads of the operating system, with crossbeam's channels and std's locks; or, if `LOCKS` is
//! `parking_lot`, with that crate's.

mod locks;

use crossbeam_channel as channel;
use std::marker::PhantomData;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use workloads::{Join, Receiver, Runtime, Sender, WaitGroup, net, process};

/// As small as a thread's stack may be and still print a panic.
const STACK: usize = 64 << 10;

struct Threads<L>(PhantomData<L>);

struct Tx<T>(channel::Sender<T>);
struct Rx<T>(channel::Receiver<T>);
#[derive(Clone)]
struct Group(Arc<Count>);
struct Handle<T>(JoinHandle<T>);

#[derive(Default)]
struct Count {
    left: AtomicUsize,
    done: Mutex<bool>,
    changed: Condvar,
}

impl<L: locks::Locks> Runtime for Threads<L> {
    const NAME: &'static str = L::NAME;

    type SpscSender<T: Send + 'static> = Tx<T>;
    type SpscReceiver<T: Send + 'static> = Rx<T>;
    type MpscSender<T: Send + 'static> = Tx<T>;
    type MpscReceiver<T: Send + 'static> = Rx<T>;
    type MpmcSender<T: Send + 'static> = Tx<T>;
    type MpmcReceiver<T: Send + 'static> = Rx<T>;
    type WaitGroup = Group;
    type Mutex = L::Mutex;
    type Join<T: Send + 'static> = Handle<T>;

    /// The workers are the CPUs that may be used.
    fn run(workers: usize, main: impl FnOnce() + Send + 'static) {
        if workers == 1 {
            process::pin_to(0);
        }
        main();
    }

    fn go(task: impl FnOnce() + Send + 'static) {
        Self::go_join(task);
    }

    fn go_join<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> Handle<T> {
        Handle(thread::Builder::new().stack_size(STACK).spawn(task).expect("a thread"))
    }

    fn yield_now() {
        thread::yield_now();
    }

    fn sleep(time: Duration) {
        thread::sleep(time);
    }

    fn blocking(f: fn()) {
        f();
    }

    fn spsc<T: Send + 'static>(capacity: usize, _flow: bool) -> (Tx<T>, Rx<T>) {
        let (tx, rx) = channel::bounded(capacity);
        (Tx(tx), Rx(rx))
    }

    fn mpsc<T: Send + 'static>(capacity: usize, flow: bool) -> (Tx<T>, Rx<T>) {
        Self::spsc(capacity, flow)
    }

    fn mpmc<T: Send + 'static>(capacity: usize, flow: bool) -> (Tx<T>, Rx<T>) {
        Self::spsc(capacity, flow)
    }

    fn select_sum(receivers: [Rx<u64>; 4], n: u64) -> u64 {
        let [a, b, c, d] = receivers.map(|receiver| receiver.0);
        let mut sum = 0;
        for _ in 0..n {
            let value = channel::select! {
                recv(a) -> value => value,
                recv(b) -> value => value,
                recv(c) -> value => value,
                recv(d) -> value => value,
            };
            sum += value.expect("no channel is closed");
        }
        sum
    }

    fn select_many(receivers: Vec<Rx<u64>>, answers: Tx<()>, n: u64) -> u64 {
        let mut select = channel::Select::new();
        for receiver in &receivers {
            select.recv(&receiver.0);
        }
        let mut sum = 0;
        for _ in 0..n {
            let chosen = select.select();
            let receiver = &receivers[chosen.index()].0;
            sum += chosen.recv(receiver).expect("no channel is closed");
            answers.send(());
        }
        sum
    }

    fn tcp_echo<const BUFFER: usize>(listening: fn(u16)) -> ! {
        let listener = TcpListener::bind(net::ANYWHERE).expect("a port");
        listening(listener.local_addr().expect("its address").port());
        loop {
            let (stream, _) = listener.accept().expect("a client");
            Self::go(move || net::echo::<BUFFER>(stream));
        }
    }

    fn supports(workload: &str) -> Result<(), &'static str> {
        match workload {
            "skynet" | "fib" => Err("too many threads"),
            "unstarted" => Err("a thread starts at once"),
            "chan_buf_unb" | "mpmc_unb" => Err("its channels have bounds"),
            "semaphore" | "timer_func" | "timer_chan" | "context" => Err("it has none"),
            _ => Ok(()),
        }
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        Tx(self.0.clone())
    }
}

impl<T> Clone for Rx<T> {
    fn clone(&self) -> Self {
        Rx(self.0.clone())
    }
}

impl<T: Send + 'static> Sender<T> for Tx<T> {
    #[inline]
    fn send(&self, value: T) {
        // An error means that nobody wants the value any more.
        let _ = self.0.send(value);
    }
}

impl<T: Send + 'static> Receiver<T> for Rx<T> {
    #[inline]
    fn recv(&self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl WaitGroup for Group {
    fn new() -> Self {
        let count = Count::default();
        // One more than there are tasks, until somebody waits.
        count.left.store(1, Relaxed);
        Group(Arc::new(count))
    }

    fn add(&self, tasks: usize) {
        self.0.left.fetch_add(tasks, Relaxed);
    }

    fn done(&self) {
        if self.0.left.fetch_sub(1, AcqRel) == 1 {
            *self.0.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.0.changed.notify_all();
        }
    }

    fn wait(&self) {
        self.done();
        let done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.changed.wait_while(done, |done| !*done));
    }
}

impl<T: Send> Join<T> for Handle<T> {
    fn join(self) -> T {
        self.0.join().expect("the task")
    }
}

fn main() {
    match std::env::var("LOCKS").as_deref() {
        Ok("parking_lot") => workloads::primitives::main::<Threads<locks::ParkingLot>>(),
        _ => workloads::primitives::main::<Threads<locks::Std>>(),
    }
}
