//! The workloads on go-lib. It needs compiler flags of its own: see the README.

use go_lib::chan::{self, chan};
use go_lib::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use workloads::{Join, Receiver, Runtime, Sender, WaitGroup, net};

struct GoLib;

struct Tx<T>(chan::Sender<T>);
struct Rx<T>(chan::Receiver<T>);
#[derive(Clone)]
struct Group(Arc<go_lib::sync::WaitGroup>);
/// go-lib has none of its own.
struct Lock(Mutex<u64>);
struct Handle<T>(Rx<T>);

/// Closes the channel when its last clone goes, as go-lib's documentation says that its senders do:
/// 0.6.3 has no such `Drop`. Only where a workload needs it; the cost is one of clones, not of sends.
struct ClosingTx<T: Send + 'static> {
    sender: chan::Sender<T>,
    closer: Arc<Closer<T>>,
}

struct Closer<T: Send + 'static>(chan::Sender<T>);

impl Runtime for GoLib {
    const NAME: &'static str = "go-lib";

    type SpscSender<T: Send + 'static> = Tx<T>;
    type SpscReceiver<T: Send + 'static> = Rx<T>;
    type MpscSender<T: Send + 'static> = Tx<T>;
    type MpscReceiver<T: Send + 'static> = Rx<T>;
    type MpmcSender<T: Send + 'static> = ClosingTx<T>;
    type MpmcReceiver<T: Send + 'static> = Rx<T>;
    type WaitGroup = Group;
    type Mutex = Lock;
    type Join<T: Send + 'static> = Handle<T>;

    fn run(workers: usize, main: impl FnOnce() + Send + 'static) {
        // SAFETY: there is only this thread yet.
        unsafe { std::env::set_var("GOMAXPROCS", workers.to_string()) };
        go_lib::__main_entry(main);
    }

    #[inline]
    fn go(task: impl FnOnce() + Send + 'static) {
        go_lib::go!(task)
    }

    fn go_join<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> Handle<T> {
        let (tx, rx) = chan(1);
        go_lib::go!(move || tx.send(task()));
        Handle(Rx(rx))
    }

    #[inline]
    fn yield_now() {
        go_lib::gosched();
    }

    #[inline]
    fn sleep(time: Duration) {
        go_lib::sleep(time);
    }

    fn blocking(f: fn()) {
        go_lib::with_syscall(f);
    }

    fn spsc<T: Send + 'static>(capacity: usize, _flow: bool) -> (Tx<T>, Rx<T>) {
        let (tx, rx) = chan(capacity);
        (Tx(tx), Rx(rx))
    }

    fn mpsc<T: Send + 'static>(capacity: usize, flow: bool) -> (Tx<T>, Rx<T>) {
        Self::spsc(capacity, flow)
    }

    fn mpmc<T: Send + 'static>(capacity: usize, _flow: bool) -> (ClosingTx<T>, Rx<T>) {
        let (sender, rx) = chan(capacity);
        let closer = Arc::new(Closer(sender.clone()));
        (ClosingTx { sender, closer }, Rx(rx))
    }

    fn select_sum(receivers: [Rx<u64>; 4], n: u64) -> u64 {
        let [a, b, c, d] = receivers.map(|receiver| receiver.0);
        let mut sum = 0;
        for _ in 0..n {
            go_lib::select! {
                recv(a) -> value => { sum += value.expect("no channel is closed"); }
                recv(b) -> value => { sum += value.expect("no channel is closed"); }
                recv(c) -> value => { sum += value.expect("no channel is closed"); }
                recv(d) -> value => { sum += value.expect("no channel is closed"); }
            }
        }
        sum
    }

    fn select_many(_: Vec<Rx<u64>>, _: Tx<()>, _: u64) -> u64 {
        unreachable!("it is not supported")
    }

    fn tcp_echo<const BUFFER: usize>(listening: fn(u16)) -> ! {
        let listener = TcpListener::bind(net::ANYWHERE).expect("a port");
        listening(listener.local_addr().expect("its address").port());
        loop {
            let stream = listener.accept().expect("a client");
            go_lib::go!(move || net::echo::<BUFFER>(stream));
        }
    }

    fn supports(workload: &str) -> Result<(), &'static str> {
        match workload {
            "select_many" => Err("its select is a macro"),
            "wake" => Err("a plain thread cannot use its channels"),
            "chan_buf_unb" | "mpmc_unb" => Err("its channels have bounds"),
            _ => Ok(()),
        }
    }
}

impl<T: Send + 'static> Clone for Tx<T> {
    fn clone(&self) -> Self {
        Tx(self.0.clone())
    }
}

impl<T: Send + 'static> Clone for Rx<T> {
    fn clone(&self) -> Self {
        Rx(self.0.clone())
    }
}

impl<T: Send + 'static> Clone for ClosingTx<T> {
    fn clone(&self) -> Self {
        ClosingTx { sender: self.sender.clone(), closer: self.closer.clone() }
    }
}

impl<T: Send + 'static> Drop for Closer<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<T: Send + 'static> Sender<T> for Tx<T> {
    #[inline]
    fn send(&self, value: T) {
        self.0.send(value);
    }
}

impl<T: Send + 'static> Sender<T> for ClosingTx<T> {
    #[inline]
    fn send(&self, value: T) {
        self.sender.send(value);
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
        Group(Arc::new(go_lib::sync::WaitGroup::new()))
    }

    fn add(&self, tasks: usize) {
        self.0.add(tasks as i64);
    }

    fn done(&self) {
        self.0.done();
    }

    fn wait(&self) {
        self.0.wait();
    }
}

impl workloads::Mutex for Lock {
    fn new() -> Self {
        Lock(Mutex::new(0))
    }

    #[inline]
    fn with(&self, f: impl FnOnce(&mut u64)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<T: Send + 'static> Join<T> for Handle<T> {
    fn join(self) -> T {
        self.0.expect()
    }
}

fn main() {
    workloads::main::<GoLib>();
}
