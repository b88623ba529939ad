use crate::wait_group::WaitGroup;
use crate::{AsyncMutex, AsyncRuntime};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use workloads::{Args, Report};

pub async fn mutex<R: AsyncRuntime>(args: &Args) {
    let each = args.get("n", 100_000);
    let tasks = args.get("tasks", 16);
    let mutex = Arc::new(R::Mutex::new());
    let group = WaitGroup::<R>::new();
    group.add(tasks as usize);
    let start = Instant::now();
    for _ in 0..tasks {
        let (mutex, group) = (mutex.clone(), group.clone());
        R::spawn(async move {
            for _ in 0..each {
                mutex.with(|value| *value += 1).await;
            }
            group.done();
        });
    }
    group.wait().await;
    let seconds = start.elapsed().as_secs_f64();
    let value = mutex.with(|value| *value).await;
    assert_eq!(value, each * tasks);
    Report::new(R::NAME, args, value, seconds).emit()
}

pub async fn mutex_alone<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 20_000_000);
    let mutex = R::Mutex::new();
    let start = Instant::now();
    for _ in 0..n {
        black_box(&mutex).with(|value| *value += 1).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(mutex.with(|value| *value).await, n);
    Report::new(R::NAME, args, n, seconds).emit()
}

pub async fn waitgroup<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 1_000_000);
    let start = Instant::now();
    for _ in 0..n / 4 {
        let group = WaitGroup::<R>::new();
        group.add(4);
        for _ in 0..4 {
            let group = group.clone();
            R::spawn(async move { group.done() });
        }
        group.wait().await;
    }
    Report::new(R::NAME, args, n / 4 * 4, start.elapsed().as_secs_f64()).emit()
}
