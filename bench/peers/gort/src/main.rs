//! The workloads on gort; and two on its switch alone, to compare with corosensei's.

mod context;
mod primitives;

use gort::chan::{self, chan};
use gort::net::TcpListener;
use gort::select::Select;
use std::sync::PoisonError;
use std::time::Duration;
use workloads::{Args, Join, Receiver, Runtime, Sender, WaitGroup, net};

struct Gort;

struct Tx<T>(chan::Sender<T>);
struct Rx<T>(chan::Receiver<T>);
#[derive(Clone)]
struct Group(gort::sync::WaitGroup);
struct Lock(gort::sync::Mutex<u64>);
struct Handle<T>(gort::JoinHandle<T>);

impl Runtime for Gort {
    const NAME: &'static str = "gort";

    type SpscSender<T: Send + 'static> = Tx<T>;
    type SpscReceiver<T: Send + 'static> = Rx<T>;
    type MpscSender<T: Send + 'static> = Tx<T>;
    type MpscReceiver<T: Send + 'static> = Rx<T>;
    type MpmcSender<T: Send + 'static> = Tx<T>;
    type MpmcReceiver<T: Send + 'static> = Rx<T>;
    type WaitGroup = Group;
    type Mutex = Lock;
    type Join<T: Send + 'static> = Handle<T>;

    fn run(workers: usize, main: impl FnOnce() + Send + 'static) {
        let mut builder = gort::Runtime::builder().processors(workers);
        if Args::parse().workload == "unstarted" {
            // Else who starts a million makes room for them after ten milliseconds.
            builder = builder.time_slice(Duration::from_secs(10));
        }
        builder.build().expect("a runtime").run(main);
    }

    #[inline]
    fn go(task: impl FnOnce() + Send + 'static) {
        gort::go!(task);
    }

    #[inline]
    fn go_join<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> Handle<T> {
        Handle(gort::spawn(task))
    }

    #[inline]
    fn yield_now() {
        gort::yield_now();
    }

    #[inline]
    fn sleep(time: Duration) {
        gort::sleep(time);
    }

    fn blocking(f: fn()) {
        gort::blocking(f);
    }

    fn spsc<T: Send + 'static>(capacity: usize, _flow: bool) -> (Tx<T>, Rx<T>) {
        let (tx, rx) = chan(capacity);
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
            let value = gort::select! {
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
        let mut select = Select::new();
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
            gort::go!(move || net::echo::<BUFFER>(stream));
        }
    }

    fn supports(workload: &str) -> Result<(), &'static str> {
        match workload {
            "chan_buf_unb" | "mpmc_unb" => Err("its channels have bounds"),
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
        self.0.recv()
    }
}

impl WaitGroup for Group {
    fn new() -> Self {
        Group(gort::sync::WaitGroup::new())
    }

    #[inline]
    fn add(&self, tasks: usize) {
        self.0.add(tasks as isize);
    }

    #[inline]
    fn done(&self) {
        self.0.done();
    }

    fn wait(&self) {
        self.0.wait();
    }
}

impl workloads::Mutex for Lock {
    fn new() -> Self {
        Lock(gort::sync::Mutex::new(0))
    }

    #[inline]
    fn with(&self, f: impl FnOnce(&mut u64)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<T: Send + 'static> Join<T> for Handle<T> {
    #[inline]
    fn join(self) -> T {
        self.0.join().expect("the task")
    }
}

fn main() {
    let args = Args::parse();
    match args.workload.as_str() {
        "switch" => context::switch(Gort::NAME, &args),
        "coro_spawn" => context::spawn(Gort::NAME, &args),
        _ => workloads::primitives::main::<Gort>(),
    }
}
