//! Tokio's locks and timers: what each workload does is told in `workloads::primitives`.

use crate::Tokio;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::task::Poll;
use std::time::Instant;
use tokio::sync::{Notify, OnceCell, RwLock, Semaphore};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Sleep, sleep};
use workloads::primitives::FAR;
use workloads::{Args, Report};
use workloads_async::AsyncRuntime;

/// Runs `tasks` tasks; returns how long it took.
async fn all<F: Future<Output = ()> + Send + 'static>(tasks: u64, task: impl Fn(u64) -> F) -> f64 {
    let start = Instant::now();
    let mut running: JoinSet<()> = (0..tasks).map(task).collect();
    while let Some(ended) = running.join_next().await {
        ended.expect("the task");
    }
    start.elapsed().as_secs_f64()
}

pub async fn rwlock(args: Args) {
    let (n, tasks) = (args.get("n", 500_000), args.get("tasks", 8));
    let lock = Arc::new(RwLock::new(0_u64));
    let seconds = all(tasks, |number| {
        let lock = lock.clone();
        async move {
            for turn in 0..n {
                if (turn + number) % 100 == 0 {
                    *lock.write().await += 1;
                } else {
                    black_box(*lock.read().await);
                }
            }
        }
    });
    let seconds = seconds.await;
    let writes = (0..tasks).map(|number| (0..n).filter(|turn| (turn + number) % 100 == 0).count());
    assert_eq!(*lock.read().await, writes.sum::<usize>() as u64);
    Report::new(Tokio::NAME, &args, n * tasks, seconds).emit()
}

pub async fn once(args: Args) {
    let n = args.get("n", 50_000_000);
    let (once, calls) = (Arc::new(OnceCell::new()), Arc::new(AtomicU64::new(0)));
    let seconds = all(2, |_| {
        let (once, calls) = (once.clone(), calls.clone());
        async move {
            for _ in 0..n {
                black_box(&*once).get_or_init(|| async { _ = calls.fetch_add(1, Relaxed) }).await;
            }
        }
    });
    let seconds = seconds.await;
    assert_eq!(calls.load(Relaxed), 1);
    Report::new(Tokio::NAME, &args, 2 * n, seconds).emit()
}

pub async fn semaphore(args: Args) {
    let (n, tasks) = (args.get("n", 50_000), args.get("tasks", 16));
    let (semaphore, inside) = (Arc::new(Semaphore::new(4)), Arc::new(AtomicUsize::new(0)));
    let seconds = all(tasks, |_| {
        let (semaphore, inside) = (semaphore.clone(), inside.clone());
        async move {
            for _ in 0..n {
                let _permit = semaphore.acquire().await.expect("nobody closes it");
                assert!(inside.fetch_add(1, Relaxed) < 4);
                yield_now().await;
                inside.fetch_sub(1, Relaxed);
            }
        }
    });
    let seconds = seconds.await;
    Report::new(Tokio::NAME, &args, n * tasks, seconds).emit()
}

/// There is no condition variable: a notification for each of the two is what one does instead.
pub async fn condvar(args: Args) {
    let n = args.get("n", 500_000) / 2;
    let world = Arc::new((tokio::sync::Mutex::new(0_u64), [Notify::new(), Notify::new()]));
    let seconds = all(2, |me| {
        let world = world.clone();
        async move {
            for _ in 0..n {
                loop {
                    let mut number = world.0.lock().await;
                    if *number % 2 == me {
                        *number += 1;
                        break;
                    }
                    drop(number);
                    world.1[me as usize].notified().await;
                }
                world.1[1 - me as usize].notify_one();
            }
        }
    });
    let seconds = seconds.await;
    assert_eq!(*world.0.lock().await, 2 * n);
    Report::new(Tokio::NAME, &args, 2 * n, seconds).emit()
}

/// A sleep is started when it is polled first, and stopped by dropping it.
async fn start() -> Pin<Box<Sleep>> {
    let mut sleep = Box::pin(sleep(FAR));
    poll_fn(|cx| {
        assert!(sleep.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    sleep
}

pub async fn timer(args: Args) {
    let (n, pending) = (args.get("n", 2_000_000), args.get("pending", 100_000));
    let mut others = Vec::new();
    for _ in 0..pending {
        others.push(start().await);
    }
    let begin = Instant::now();
    for _ in 0..n {
        drop(start().await);
    }
    let seconds = begin.elapsed().as_secs_f64();
    assert!(others.iter().all(|other| !other.is_elapsed()), "they are not due for an hour");
    Report::new(Tokio::NAME, &args, n, seconds).emit()
}
