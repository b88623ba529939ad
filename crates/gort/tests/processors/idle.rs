//! No goroutine waits while a processor is idle.

use crate::TOO_LATE;
use crate::support::{LIMIT, compute_until, good_once_in_five, on, runtime, within};
use gort::chan::chan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// A goroutine is made ready by one that goes on computing, and must be run by another processor. How
/// the first came to run differs: each leaves the idle machines in a different state.
fn made_ready_by_one_who_computes(processors: usize, rest: bool, way: &'static str) {
    within(LIMIT, move || {
        let runtime = runtime(processors);
        if rest {
            // As many machines as can be, which then all sleep.
            runtime.run(move || {
                let here = &AtomicUsize::new(0);
                gort::scope(|s| {
                    for _ in 0..processors {
                        s.go(move || {
                            here.fetch_add(1, SeqCst);
                            compute_until(TOO_LATE, || here.load(SeqCst) == processors)
                        });
                    }
                });
            });
            thread::sleep(Duration::from_millis(5));
        }
        let (wake, woken) = chan(0);
        let seen = Arc::new(AtomicBool::new(false));
        let (go, going) = chan(0);
        let receiver = {
            let seen = seen.clone();
            runtime.spawn(move || {
                woken.recv().unwrap();
                seen.store(true, SeqCst);
            })
        };
        let computing = runtime.spawn(move || {
            match way {
                "sleep" => gort::sleep(Duration::from_millis(5)),
                "receive" => going.recv().unwrap(),
                "spawn" => gort::spawn(gort::yield_now).join().unwrap(),
                _ => {}
            }
            wake.send(()).unwrap();
            compute_until(TOO_LATE, || seen.load(SeqCst))
        });
        if way == "receive" {
            thread::sleep(Duration::from_millis(3));
            go.send(()).unwrap();
        }
        let ran = computing.join().unwrap();
        assert!(ran, "{processors} processors, rest {rest}, {way}: it waits beside an idle one");
        receiver.join().unwrap();
    });
}

#[test]
fn who_waits_in_next_of_a_busy_processor_is_run_by_another() {
    for processors in [2, 3, 4] {
        for rest in [false, true] {
            for way in ["", "sleep", "receive", "spawn"] {
                for _ in 0..4 {
                    made_ready_by_one_who_computes(processors, rest, way);
                }
            }
        }
    }
}

#[test]
fn who_waits_in_the_ring_of_a_busy_processor_is_run_by_another() {
    for processors in [2, 4] {
        on(processors, || {
            for count in [1, 2, 10, 300, 1000] {
                let ran = Arc::new(AtomicUsize::new(0));
                for _ in 0..count {
                    let ran = ran.clone();
                    gort::go!(move || ran.fetch_add(1, SeqCst));
                }
                assert!(
                    compute_until(TOO_LATE, || ran.load(SeqCst) == count),
                    "{} of {count} ran",
                    ran.load(SeqCst)
                );
            }
        });
    }
}

#[test]
fn goroutines_are_spread_by_stealing() {
    /// How many ran elsewhere than where most did.
    fn elsewhere() -> usize {
        let mut threads = std::collections::HashMap::new();
        gort::scope(|s| {
            let spin = || {
                let until = Instant::now() + Duration::from_micros(50);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                thread::current().id()
            };
            let handles: Vec<_> = (0..2000).map(|_| s.go(spin)).collect();
            for handle in handles {
                *threads.entry(handle.join().unwrap()).or_insert(0) += 1;
            }
        });
        2000 - threads.values().max().unwrap()
    }
    on(2, || {
        // A machine may have no CPU while the other runs them all.
        good_once_in_five(elsewhere, |&n| n >= 100);
    });
}
