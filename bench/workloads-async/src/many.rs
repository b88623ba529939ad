use crate::AsyncRuntime;
use crate::runtime::expect;
use crate::wait_group::WaitGroup;
use crate::{AsyncReceiver, AsyncSender};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use workloads::many::share;
use workloads::numbers::sum_below;
use workloads::{Args, Report};

pub async fn park<R: AsyncRuntime>(args: &Args) {
    let wave = args.get("wave", 1000) as usize;
    let waves = (args.get("n", 200_000) as usize / wave).max(1);
    let (complete, mut completed) = R::channel::<()>(1);
    let start = Instant::now();
    for _ in 0..waves {
        let (tx, rx) = async_channel::bounded::<u64>(1);
        let group = WaitGroup::<R>::new();
        group.add(wave);
        let started = Arc::new(AtomicUsize::new(0));
        for _ in 0..wave {
            let (group, rx, started) = (group.clone(), rx.clone(), started.clone());
            let complete = complete.clone();
            R::spawn(async move {
                if started.fetch_add(1, Relaxed) + 1 == wave {
                    complete.send(()).await;
                }
                assert!(rx.recv().await.is_err());
                group.done();
            });
        }
        expect(completed.recv().await);
        drop(tx);
        group.wait().await;
    }
    Report::new(R::NAME, args, (waves * wave) as u64, start.elapsed().as_secs_f64()).emit()
}

pub async fn waiters<R: AsyncRuntime>(args: &Args) {
    let (waiters, each) = share(args);
    let (tx, rx) = async_channel::bounded::<u64>(1);
    let started = Arc::new(AtomicU64::new(0));
    let total = Arc::new(AtomicU64::new(0));
    let group = WaitGroup::<R>::new();
    group.add(waiters as usize);
    for _ in 0..waiters {
        let (group, rx) = (group.clone(), rx.clone());
        let (started, total) = (started.clone(), total.clone());
        R::spawn(async move {
            started.fetch_add(1, Relaxed);
            let mut sum = 0;
            for _ in 0..each {
                sum += rx.recv().await.expect("the channel is open");
            }
            total.fetch_add(sum, Relaxed);
            group.done();
        });
    }
    while started.load(Relaxed) < waiters {
        R::sleep(Duration::from_millis(1)).await;
    }
    // The last one has started; now it waits as well.
    R::sleep(Duration::from_millis(10)).await;
    let n = waiters * each;
    let start = Instant::now();
    for value in 0..n {
        tx.send(value).await.expect("the channel is open");
    }
    group.wait().await;
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(total.load(Relaxed), sum_below(n));
    Report::new(R::NAME, args, n, seconds).emit()
}
