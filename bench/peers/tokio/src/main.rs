//! The workloads on tokio.

mod primitives;

use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify, mpsc};
use workloads::{Args, net};
use workloads_async::{AsyncMutex, AsyncReceiver, AsyncRuntime, AsyncSender};

struct Tokio;

struct Sender<T>(mpsc::Sender<T>);
struct Receiver<T>(mpsc::Receiver<T>);
struct Lock(Mutex<u64>);
struct Signal(Notify);

impl AsyncRuntime for Tokio {
    const NAME: &'static str = "tokio";

    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;
    type Mutex = Lock;
    type Notify = Signal;

    fn run(workers: usize, main: impl Future<Output = ()> + Send + 'static) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build()
            .expect("a runtime");
        // As a task of its own: what is given to `block_on` would not run on a worker.
        runtime.block_on(async { tokio::spawn(main).await.expect("the workload") });
    }

    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn spawn_join<T: Send + 'static>(
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let handle = tokio::spawn(task);
        async { handle.await.expect("the task") }
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }

    async fn blocking(f: fn()) {
        tokio::task::spawn_blocking(f).await.expect("the call");
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Sender<T>, Receiver<T>) {
        let (tx, rx) = mpsc::channel(capacity);
        (Sender(tx), Receiver(rx))
    }

    async fn select_sum(receivers: [Receiver<u64>; 4], n: u64) -> u64 {
        let [mut a, mut b, mut c, mut d] = receivers.map(|receiver| receiver.0);
        let mut sum = 0;
        for _ in 0..n {
            let value = tokio::select! {
                value = a.recv() => value,
                value = b.recv() => value,
                value = c.recv() => value,
                value = d.recv() => value,
            };
            sum += value.expect("no channel is closed");
        }
        sum
    }

    /// tokio's `select!` has its arms in the program's text. This is what one does: it polls the
    /// receivers in turn, beginning with another one each time.
    async fn select_many(mut receivers: Vec<Receiver<u64>>, answers: Sender<()>, n: u64) -> u64 {
        let arms = receivers.len();
        let mut sum = 0;
        for turn in 0..n as usize {
            let received = std::future::poll_fn(|context| {
                let ready = (turn..turn + arms)
                    .map(|arm| receivers[arm % arms].0.poll_recv(context))
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
            tokio::spawn(echo::<BUFFER>(stream));
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
    fn recv(&mut self) -> impl Future<Output = Option<T>> + Send {
        self.0.recv()
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
        Signal(Notify::new())
    }

    fn notify(&self) {
        self.0.notify_one();
    }

    fn notified(&self) -> impl Future<Output = ()> + Send {
        self.0.notified()
    }
}

fn main() {
    let args = Args::parse();
    match args.workload.as_str() {
        "rwlock" => Tokio::run(args.workers(), primitives::rwlock(args)),
        "once" => Tokio::run(args.workers(), primitives::once(args)),
        "semaphore" => Tokio::run(args.workers(), primitives::semaphore(args)),
        "condvar" => Tokio::run(args.workers(), primitives::condvar(args)),
        "timer_func" => Tokio::run(args.workers(), primitives::timer(args)),
        _ => workloads_async::main::<Tokio>(),
    }
}
