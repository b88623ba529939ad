use crate::runtime::expect;
use crate::wait_group::WaitGroup;
use crate::{AsyncReceiver, AsyncRuntime, AsyncSender};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use workloads::fairness::{TICK, raised_after, report};
use workloads::{Args, numbers};

pub async fn starve<R: AsyncRuntime>(args: &Args) {
    let stop = Arc::new(AtomicBool::new(false));
    let (result, results) = R::channel::<Vec<f64>>(1);
    let stopped = stop.clone();
    R::spawn(async move {
        let mut late_us = Vec::with_capacity(4096);
        while !stopped.load(Relaxed) {
            let start = Instant::now();
            R::sleep(TICK).await;
            late_us.push((start.elapsed().as_secs_f64() - TICK.as_secs_f64()) * 1e6);
        }
        result.send(late_us).await;
    });
    under_hogs::<R>(args, stop, results).await
}

pub async fn starve_chan<R: AsyncRuntime>(args: &Args) {
    let stop = Arc::new(AtomicBool::new(false));
    let (result, results) = R::channel::<Vec<f64>>(1);
    let (tick, mut ticks) = R::channel::<Option<Instant>>(1);
    let stopped = stop.clone();
    R::spawn(async move {
        while !stopped.load(Relaxed) {
            let due = Instant::now() + TICK;
            R::sleep(TICK).await;
            tick.send(Some(due)).await;
        }
        tick.send(None).await;
    });
    R::spawn(async move {
        let mut late_us = Vec::with_capacity(4096);
        while let Some(due) = expect(ticks.recv().await) {
            late_us.push((Instant::now() - due).as_secs_f64() * 1e6);
        }
        result.send(late_us).await;
    });
    under_hogs::<R>(args, stop, results).await
}

async fn under_hogs<R: AsyncRuntime>(
    args: &Args,
    stop: Arc<AtomicBool>,
    mut results: R::Receiver<Vec<f64>>,
) {
    // Let the ticks begin.
    R::sleep(Duration::from_millis(20)).await;
    raised_after(Duration::from_millis(args.get("ms", 3000)), &stop);
    let start = Instant::now();
    let rounds = Arc::new(AtomicU64::new(0));
    let hogs = WaitGroup::<R>::new();
    for _ in 0..args.get("hogs", 4) {
        hogs.add(1);
        let (stop, rounds, hogs) = (stop.clone(), rounds.clone(), hogs.clone());
        R::spawn(async move {
            rounds.fetch_add(numbers::hog(|| stop.load(Relaxed)), Relaxed);
            hogs.done();
        });
    }
    let late_us = expect(results.recv().await);
    let seconds = start.elapsed().as_secs_f64();
    hogs.wait().await;
    report(R::NAME, args, seconds, late_us, rounds.load(Relaxed) as f64)
}
