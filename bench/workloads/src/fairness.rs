//! Does anybody else get to run while some tasks only compute?

use crate::{Args, Receiver, Report, Runtime, Sender, WaitGroup, numbers, process};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// What there is between two ticks.
pub const TICK: Duration = Duration::from_millis(5);

/// A flag that a thread of its own raises after `time`: no runtime's timer is relied on.
pub fn raised_after(time: Duration, flag: &Arc<AtomicBool>) {
    let flag = flag.clone();
    thread::spawn(move || {
        thread::sleep(time);
        flag.store(true, Relaxed);
    });
}

/// How late the ticks were, with as many of them as there were, and how much the others did in all.
pub fn report(peer: &str, args: &Args, seconds: f64, mut late_us: Vec<f64>, rounds: f64) -> ! {
    late_us.sort_by(f64::total_cmp);
    Report::new(peer, args, late_us.len() as u64, seconds)
        .with_late(&late_us)
        .with("ticks", late_us.len() as f64)
        .with("hogs_rounds_per_us", rounds / seconds / 1e6)
        .emit()
}

/// One task sleeps for 5 ms at a time, while `hogs` tasks compute for `ms` milliseconds without ever
/// calling the runtime. Measures how late it wakes.
pub fn starve<R: Runtime>(args: &Args) -> ! {
    let stop = Arc::new(AtomicBool::new(false));
    let (result, results) = R::spsc::<Vec<f64>>(0, false);
    let stopped = stop.clone();
    R::go(move || {
        let mut late_us = Vec::with_capacity(4096);
        while !stopped.load(Relaxed) {
            let start = Instant::now();
            R::sleep(TICK);
            late_us.push((start.elapsed().as_secs_f64() - TICK.as_secs_f64()) * 1e6);
        }
        result.send(late_us);
    });
    under_hogs::<R>(args, &stop, &results)
}

/// The same, but the sleeper hands each tick to a second task over a channel that is not buffered. What
/// is late is that task: this shows runtimes that wake sleepers by a way of their own.
pub fn starve_chan<R: Runtime>(args: &Args) -> ! {
    let stop = Arc::new(AtomicBool::new(false));
    let (result, results) = R::spsc::<Vec<f64>>(0, false);
    let (tick, ticks) = R::spsc::<Option<Instant>>(0, false);
    let stopped = stop.clone();
    R::go(move || {
        while !stopped.load(Relaxed) {
            let due = Instant::now() + TICK;
            R::sleep(TICK);
            tick.send(Some(due));
        }
        tick.send(None);
    });
    R::go(move || {
        let mut late_us = Vec::with_capacity(4096);
        while let Some(due) = ticks.expect() {
            late_us.push((Instant::now() - due).as_secs_f64() * 1e6);
        }
        result.send(late_us);
    });
    under_hogs::<R>(args, &stop, &results)
}

fn under_hogs<R: Runtime>(
    args: &Args,
    stop: &Arc<AtomicBool>,
    results: &R::SpscReceiver<Vec<f64>>,
) -> ! {
    // Let the ticks begin.
    R::sleep(Duration::from_millis(20));
    raised_after(Duration::from_millis(args.get("ms", 3000)), stop);
    let start = Instant::now();
    let rounds = Arc::new(AtomicU64::new(0));
    let hogs = R::WaitGroup::new();
    for _ in 0..args.get("hogs", 4) {
        hogs.add(1);
        let (stop, rounds, hogs) = (stop.clone(), rounds.clone(), hogs.clone());
        R::go(move || {
            rounds.fetch_add(numbers::hog(|| stop.load(Relaxed)), Relaxed);
            hogs.done();
        });
    }
    let late_us = results.expect();
    let seconds = start.elapsed().as_secs_f64();
    hogs.wait();
    let rounds = rounds.load(Relaxed) as f64;
    report(R::NAME, args, seconds, late_us, rounds)
}

/// `hogs` tasks compute for `ms` milliseconds without ever calling the runtime; meanwhile a task is
/// started every 20 ms. Measures how long each of these waits for its first turn, and how many of the busy ones
/// got anywhere.
pub fn crowd<R: Runtime>(args: &Args) -> ! {
    let count = args.get("hogs", 1000) as usize;
    let stop = Arc::new(AtomicBool::new(false));
    let hogs = R::WaitGroup::new();
    let rounds: Arc<[AtomicU64]> = (0..count).map(|_| AtomicU64::new(0)).collect();
    // A turn is 10 ms: two workers need five seconds for one of each.
    raised_after(Duration::from_millis(args.get("ms", 10_000)), &stop);
    for hog in 0..count {
        hogs.add(1);
        let (stop, rounds, hogs) = (stop.clone(), rounds.clone(), hogs.clone());
        R::go(move || {
            rounds[hog].store(numbers::hog(|| stop.load(Relaxed)), Relaxed);
            hogs.done();
        });
    }
    let late: Arc<[AtomicU64]> = (0..4096).map(|_| AtomicU64::new(0)).collect();
    let newcomers = R::WaitGroup::new();
    let start = Instant::now();
    let mut started = 0;
    while !stop.load(Relaxed) && started < late.len() {
        newcomers.add(1);
        let (late, newcomers) = (late.clone(), newcomers.clone());
        let asked = Instant::now();
        R::go(move || {
            late[started].store(asked.elapsed().as_nanos() as u64, Relaxed);
            newcomers.done();
        });
        started += 1;
        R::sleep(Duration::from_millis(20));
    }
    let seconds = start.elapsed().as_secs_f64();
    let threads = process::threads() as f64;
    newcomers.wait();
    hogs.wait();
    let had_turn = rounds.iter().filter(|rounds| rounds.load(Relaxed) > 0).count();
    let mut late_us: Vec<f64> =
        late[..started].iter().map(|nanos| nanos.load(Relaxed) as f64 / 1e3).collect();
    late_us.sort_by(f64::total_cmp);
    Report::new(R::NAME, args, started as u64, seconds)
        .with_late(&late_us)
        .with("threads", threads)
        .with("had_turn", had_turn as f64)
        .emit()
}
