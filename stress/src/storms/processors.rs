//! The number of processors goes up and down under a load of every kind: nothing is lost, nobody is
//! forgotten, and afterwards so many run at once as there are.

use super::Storm;
use crate::random::Random;
use crate::watchdog;
use crate::world::{OnPurpose, Round, dawdle, panic_on_purpose, shut_down};
use gort::Runtime;
use gort::chan::chan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

pub(super) const STORM: Storm =
    Storm { name: "processors", about: "set_gomaxprocs up and down under load", run };

fn load(kind: usize, mut random: Random, stop: &AtomicBool) {
    let (tx, rx) = chan(kind % 3);
    let echo = gort::spawn(move || rx.iter().sum::<usize>());
    let mut sum = 0;
    while !stop.load(SeqCst) {
        match kind % 6 {
            0 => gort::yield_now(),
            1 => gort::sleep(random.micros(300)),
            2 => dawdle(&mut random),
            3 => assert_eq!(gort::spawn(|| 5).join().expect("no panic"), 5),
            4 => {
                let handle = gort::spawn(|| {
                    struct Late;
                    impl Drop for Late {
                        fn drop(&mut self) {
                            gort::sleep(Duration::from_micros(30));
                        }
                    }
                    let _late = Late;
                    panic_on_purpose();
                });
                let payload = handle.join().expect_err("it panics");
                assert!(payload.is::<OnPurpose>());
            }
            _ => (0..random.below(500)).for_each(|_| std::hint::spin_loop()),
        }
        tx.send(1).expect("it receives to the end");
        sum += 1;
    }
    drop(tx);
    assert_eq!(echo.join().expect("no panic"), sum);
}

/// Do so many run at once?
fn meet(runtime: &Runtime, processors: usize) {
    let here = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..processors)
        .map(|_| {
            let here = here.clone();
            runtime.spawn(move || {
                here.fetch_add(1, SeqCst);
                let start = Instant::now();
                while here.load(SeqCst) < processors {
                    assert!(start.elapsed() < Duration::from_secs(10), "a processor is lost");
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
}

fn run(round: &mut Round<'_>) {
    let runtime = round.runtime();
    let random = &mut round.random;
    let stop = Arc::new(AtomicBool::new(false));
    let count = 1 + random.below(12);
    watchdog::note(&format!("a load of {count}"));
    let handles: Vec<_> = (0..count)
        .map(|_| {
            let (kind, seed, stop) = (random.below(6), random.fork(), stop.clone());
            runtime.spawn(move || load(kind, seed, &stop))
        })
        .collect();
    for _ in 0..random.below(60) {
        runtime.set_processors(1 + random.below(6));
        match random.below(3) {
            0 => {}
            1 => thread::yield_now(),
            _ => thread::sleep(random.micros(500)),
        }
    }
    stop.store(true, SeqCst);
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    let last = 1 + random.below(4);
    runtime.set_processors(last);
    meet(&runtime, last);
    shut_down(runtime);
}
