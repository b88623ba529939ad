use crate::AsyncRuntime;
use crate::wait_group::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use workloads::time::{duration_of, lateness_us, sorted_latenesses};
use workloads::{Args, Report, process};

pub async fn sleep<R: AsyncRuntime>(args: &Args) {
    let n = args.get("n", 100_000);
    let late: Arc<[AtomicU32]> = (0..n).map(|_| AtomicU32::new(0)).collect();
    let group = WaitGroup::<R>::new();
    let cpu = process::cpu();
    let start = Instant::now();
    for task in 0..n {
        group.add(1);
        let (group, late) = (group.clone(), late.clone());
        R::spawn(async move {
            let due = duration_of(task);
            let start = Instant::now();
            R::sleep(due).await;
            late[task as usize].store(lateness_us(start.elapsed(), due), Relaxed);
            group.done();
        });
    }
    let spawned = start.elapsed().as_secs_f64();
    group.wait().await;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_used = process::cpu().total() - cpu.total();
    Report::new(R::NAME, args, n, seconds)
        .with("cpu_s", cpu_used)
        .with("cpu_ns_per_task", cpu_used * 1e9 / n as f64)
        .with("spawn_s", spawned)
        .with_late(&sorted_latenesses(&late))
        .emit()
}

pub async fn idle<R: AsyncRuntime>(args: &Args) {
    let time = Duration::from_millis(args.get("ms", 2000));
    let (tx, rx) = async_channel::bounded::<u64>(1);
    for _ in 0..1000 {
        let rx = rx.clone();
        R::spawn(async move {
            let _ = rx.recv().await;
        });
    }
    R::sleep(Duration::from_millis(200)).await;
    let cpu = process::cpu();
    let start = Instant::now();
    R::sleep(time).await;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_used = process::cpu().total() - cpu.total();
    std::mem::forget(tx);
    Report::new(R::NAME, args, 1, seconds).with("cpu_ms", cpu_used * 1e3).emit()
}
