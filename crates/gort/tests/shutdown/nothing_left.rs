//! Nothing else is left: no thread, no mapping, no memory.

use crate::support::{
    LIMIT, OnDrop, Tally, assert_success, child, eventually, in_child, runtime, within,
};
use gort::chan::{chan, never};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Runtimes come and go with goroutines in all states; nothing of them is left.
#[test]
fn two_hundred_runtimes() {
    if in_child() {
        gort::set_panic_handler(|_| ());
        within(LIMIT, || {
            let tally = Tally::new();
            let mut sizes = Vec::new();
            for round in 0..200_u64 {
                let runtime = runtime(1 + round as usize % 3);
                let (tx, rx) = chan(round as usize % 3);
                let mut handles = Vec::new();
                for n in 0..60_u64 {
                    let (token, tx, rx) = (tally.token(), tx.clone(), rx.clone());
                    let handle = runtime.spawn(move || {
                        let token = token;
                        match (n + round) % 8 {
                            0 => gort::sleep(Duration::MAX),
                            1 => drop(tx.send(token)),
                            2 => drop(rx.recv()),
                            3 => loop {
                                gort::yield_now();
                            },
                            4 => {
                                let borrowed = &token;
                                gort::scope(|s| {
                                    s.go(|| {
                                        let _borrowed = borrowed;
                                        gort::sleep(Duration::MAX);
                                    });
                                });
                            }
                            5 => gort::sleep(Duration::from_micros(n * 10)),
                            6 => std::panic::resume_unwind(Box::new(token)),
                            _ => {
                                let _block = OnDrop(|| gort::sleep(Duration::from_micros(50)));
                                never::<()>().recv();
                            }
                        }
                    });
                    if n % 2 == 0 {
                        handles.push(handle);
                    }
                }
                drop((tx, rx));
                thread::sleep(Duration::from_micros(round % 10 * 50));
                runtime.shutdown(LIMIT).unwrap();
                for handle in handles {
                    let _ = handle.join();
                }
                assert_eq!(tally.alive(), 0, "round {round}");
                if round % 50 == 49 {
                    sizes.push((threads(), mappings(), resident() >> 10));
                }
            }
            let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
            eventually("the threads have ended", || threads() <= first.0);
            // The C library keeps stacks and heaps of some threads that have ended, and of more where goroutines
            // are threads. A mapping lost by each runtime would be 150.
            let kept = if cfg!(feature = "threads") { 75 } else { 40 };
            assert!(last.1 <= first.1 + kept, "mappings: {sizes:?}");
            assert!(last.2 <= first.2 + 4096, "resident: {sizes:?}");
        });
        return;
    }
    assert_success(&child("nothing_left::two_hundred_runtimes", |_| {}));
}

#[test]
fn an_unused_runtime_leaves_no_thread() {
    if in_child() {
        let before = threads();
        for processors in [1, 2, 100, 1024] {
            drop(runtime(processors));
        }
        eventually("the threads have ended", || threads() <= before);
        return;
    }
    assert_success(&child("nothing_left::an_unused_runtime_leaves_no_thread", |_| {}));
}

#[test]
fn dropped_by_the_last_of_its_own_goroutines() {
    within(LIMIT, || {
        let before = threads();
        for _ in 0..20 {
            let runtime = Arc::new(runtime(2));
            let (started, start) = chan::<()>(0);
            let own = runtime.clone();
            let handle = runtime.spawn(move || {
                start.recv();
                drop(own);
            });
            drop(runtime);
            drop(started);
            handle.join().ok();
        }
        eventually("its threads have ended", || threads() <= before);
    });
}
