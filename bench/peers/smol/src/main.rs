//! The workloads on smol: its executor on a fixed number of threads, and its channels.

use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::lock::Mutex;
use smol::net::{TcpListener, TcpStream};
use smol::stream::Stream;
use smol::{Executor, Timer, channel, future, unblock};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use workloads::net;
use workloads_async::{AsyncMutex, AsyncReceiver, AsyncRuntime, AsyncSender};

static EXECUTOR: Executor<'static> = Executor::new();

struct Smol;

struct Sender<T>(channel::Sender<T>);
struct Receiver<T>(channel::Receiver<T>);
struct Lock(Mutex<u64>);
/// smol has nothing that wakes one task; a channel for one unit does it.
struct Signal(channel::Sender<()>, channel::Receiver<()>);

impl AsyncRuntime for Smol {
    const NAME: &'static str = "smol";

    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex = Lock;
    type Notify = Signal;

    fn run(workers: usize, main: impl Future<Output = ()> + Send + 'static) {
        for _ in 0..workers {
            thread::spawn(|| smol::block_on(EXECUTOR.run(future::pending::<()>())));
        }
        future::block_on(EXECUTOR.spawn(main));
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        EXECUTOR.spawn(task).detach();
    }

    fn spawn_join<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        EXECUTOR.spawn(task)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }

    async fn sleep(time: Duration) {
        Timer::after(time).await;
    }

    fn blocking(f: fn()) -> impl Future<Output = ()> + Send {
        unblock(f)
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (tx, rx) = channel::bounded(capacity);
        (Sender(tx), Receiver(rx))
    }

    async fn select_sum(receivers: [Receiver<u64>; 4], n: u64) -> u64 {
        let mut sum = 0;
        for _ in 0..n {
            sum += select(&receivers).await.expect("no channel is closed");
        }
        sum
    }

    /// Polls the receivers in turn, beginning with another one each time, as `select` below.
    async fn select_many(receivers: Vec<Receiver<u64>>, answers: Sender<()>, n: u64) -> u64 {
        let mut receivers: Vec<_> = receivers.into_iter().map(|it| Box::pin(it.0)).collect();
        let arms = receivers.len();
        let mut sum = 0;
        for turn in 0..n as usize {
            let received = std::future::poll_fn(|context| {
                let ready = (turn..turn + arms)
                    .map(|arm| receivers[arm % arms].as_mut().poll_next(context))
                    .find(Poll::is_ready);
                ready.unwrap_or(Poll::Pending)
            });
            sum += received.await.expect("no channel is closed");
            answers.send(()).await;
        }
        sum
    }

    async fn tcp_echo<const BUFFER: usize>(listening: fn(u16)) {
        let listener = TcpListener::bind(net::ANYWHERE).await.expect("a port");
        listening(listener.local_addr().expect("its address").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            EXECUTOR.spawn(echo::<BUFFER>(stream)).detach();
        }
    }
}

/// What `workloads::net::echo` is.
async fn echo<const BUFFER: usize>(mut stream: TcpStream) {
    let mut buffer = [0; BUFFER];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// What the first of four receivers gets. smol has no `select` over four; this is what one does: it
/// polls them in turn, beginning with another one each time.
async fn select(receivers: &[Receiver<u64>; 4]) -> Result<u64, channel::RecvError> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let [a, b, c, d] = receivers;
    let mut a = pin!(a.0.recv());
    let mut b = pin!(b.0.recv());
    let mut c = pin!(c.0.recv());
    let mut d = pin!(d.0.recv());
    let first = TURN.fetch_add(1, Relaxed);
    std::future::poll_fn(|context| {
        for turn in 0..4 {
            let polled = match (first + turn) % 4 {
                0 => a.as_mut().poll(context),
                1 => b.as_mut().poll(context),
                2 => c.as_mut().poll(context),
                _ => d.as_mut().poll(context),
            };
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    })
    .await
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender(self.0.clone())
    }
}

impl<T: Send + 'static> AsyncSender<T> for Sender<T> {
    async fn send(&self, value: T) -> bool {
        self.0.send(value).await.is_ok()
    }
}

impl<T: Send + 'static> AsyncReceiver<T> for Receiver<T> {
    async fn recv(&mut self) -> Option<T> {
        self.0.recv().await.ok()
    }
}

impl AsyncMutex for Lock {
    fn new() -> Self {
        Lock(Mutex::new(0))
    }

    async fn with<T>(&self, f: impl FnOnce(&mut u64) -> T + Send) -> T {
        f(&mut *self.0.lock().await)
    }
}

impl workloads_async::Notify for Signal {
    fn new() -> Self {
        let (tx, rx) = channel::bounded(1);
        Signal(tx, rx)
    }

    fn notify(&self) {
        // If it is full somebody has been told already.
        let _ = self.0.try_send(());
    }

    async fn notified(&self) {
        // The sender is ours, so the channel is open.
        let _ = self.1.recv().await;
    }
}

fn main() {
    workloads_async::main::<Smol>();
}
