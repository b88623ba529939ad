//! How many processors there are: so many run at once. The number may change at any time.

use crate::support::{
    LIMIT, assert_success, child, compute_until, eventually, in_child, on, runtime, stderr, within,
    yield_until,
};
use crate::{TOO_LATE, meets, on_without_preemption};
use gort::chan::chan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

#[test]
fn so_many_run_at_once_as_there_are_processors() {
    for processors in [1, 2, 3, 5, 8] {
        on(processors, move || assert!(meets(processors), "{processors}"));
    }
}

#[test]
fn no_more_run_at_once_than_there_are_processors() {
    for processors in [1, 2, 3] {
        on_without_preemption(processors, move || {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            gort::scope(|s| {
                for _ in 0..50 {
                    s.go(|| {
                        for _ in 0..20 {
                            let running = now.fetch_add(1, SeqCst) + 1;
                            most.fetch_max(running, SeqCst);
                            thread::yield_now();
                            now.fetch_sub(1, SeqCst);
                            gort::yield_now();
                        }
                    });
                }
            });
            assert!(most.into_inner() <= processors);
        });
    }
}

#[test]
fn the_number_can_be_set() {
    on(2, || {
        assert_eq!(gort::gomaxprocs(), 2);
        assert_eq!(gort::set_gomaxprocs(5), 2);
        assert_eq!(gort::gomaxprocs(), 5);
        assert!(meets(5));
        assert_eq!(gort::set_gomaxprocs(0), 5);
        assert_eq!(gort::gomaxprocs(), 5, "none is no number, but the question");
        assert_eq!(gort::set_gomaxprocs(1), 5);
        assert_eq!(gort::gomaxprocs(), 1);
        assert_eq!(gort::set_gomaxprocs(usize::MAX), 1);
        assert_eq!(gort::gomaxprocs(), 1024);
        gort::set_gomaxprocs(3);
        assert!(meets(3));
    });
}

#[test]
fn set_to_one_only_one_runs() {
    on_without_preemption(4, || {
        assert!(meets(4));
        gort::set_gomaxprocs(1);
        // Those who run go on to the end of their turn; then there is one.
        (0..200).for_each(|_| gort::yield_now());
        gort::sleep(Duration::from_millis(5));
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        gort::scope(|s| {
            for _ in 0..20 {
                s.go(|| {
                    for _ in 0..20 {
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::yield_now();
                        now.fetch_sub(1, SeqCst);
                        gort::yield_now();
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    });
}

/// Goroutines of all kinds go on while the number goes up and down, and it is as good as new
/// afterwards.
#[test]
fn nothing_is_lost_while_the_number_changes() {
    within(LIMIT, || {
        let runtime = Arc::new(runtime(2));
        let stop = Arc::new(AtomicBool::new(false));
        let rounds = Arc::new(AtomicUsize::new(0));
        let load: Vec<_> = (0..12_u64)
            .map(|n| {
                let (stop, rounds) = (stop.clone(), rounds.clone());
                runtime.spawn(move || {
                    let (tx, rx) = chan(n as usize % 3);
                    let echo = gort::spawn(move || rx.iter().count());
                    let mut sent = 0;
                    while !stop.load(SeqCst) {
                        match n % 4 {
                            0 => gort::yield_now(),
                            1 => gort::sleep(Duration::from_micros(50 * n)),
                            2 => gort::spawn(gort::yield_now).join().unwrap(),
                            _ => (0..100).for_each(|_| gort::yield_now()),
                        }
                        tx.send(sent).unwrap();
                        sent += 1;
                        rounds.fetch_add(1, SeqCst);
                    }
                    drop(tx);
                    assert_eq!(echo.join().unwrap(), sent);
                })
            })
            .collect();
        let mut before = 0;
        for n in 0..600_usize {
            runtime.set_processors([1, 4, 2, 8, 1, 3][n % 6]);
            if n % 10 == 0 {
                // All goes on.
                eventually("somebody goes on", || rounds.load(SeqCst) > before);
                before = rounds.load(SeqCst);
            } else if n % 3 == 0 {
                thread::sleep(Duration::from_micros(300));
            }
        }
        stop.store(true, SeqCst);
        load.into_iter().for_each(|handle| handle.join().unwrap());
        runtime.set_processors(4);
        assert!(runtime.run(|| meets(4)), "a processor has been lost");
    });
}

#[test]
fn sleepers_wake_after_the_number_went_down() {
    within(LIMIT, || {
        for round in 0..40_u32 {
            let runtime = runtime(4);
            let sleepers: Vec<_> = (0..16_u32)
                .map(|n| {
                    runtime.spawn(move || {
                        for k in 0..4 {
                            gort::sleep(Duration::from_micros(u64::from(100 * n + 700 * k)));
                        }
                    })
                })
                .collect();
            thread::sleep(Duration::from_micros(u64::from(round * 100)));
            runtime.set_processors(1);
            for sleeper in sleepers {
                eventually("the sleeper wakes", || sleeper.is_finished());
                sleeper.join().unwrap();
            }
        }
    });
}

/// As above, with a processor that is never idle: it must look after the timers it was left.
#[test]
fn sleepers_of_processors_that_are_gone_wake_beside_a_busy_one() {
    within(LIMIT, || {
        for _ in 0..10 {
            let runtime = runtime(3);
            let stop = Arc::new(AtomicBool::new(false));
            let sleepers: Vec<_> =
                (0..9).map(|_| runtime.spawn(|| gort::sleep(Duration::from_millis(10)))).collect();
            for _ in 0..2 {
                let stop = stop.clone();
                drop(runtime.spawn(move || {
                    while !stop.load(SeqCst) {
                        gort::yield_now();
                    }
                }));
            }
            runtime.set_processors(1);
            for sleeper in sleepers {
                eventually("the sleeper wakes", || sleeper.is_finished());
            }
            stop.store(true, SeqCst);
        }
    });
}

#[test]
fn gomaxprocs_comes_from_the_environment() {
    if in_child() {
        let expected = std::env::var("EXPECTED").unwrap().parse().unwrap();
        assert_eq!(gort::gomaxprocs(), expected);
        assert!(gort::run(move || meets(expected)));
        // A runtime of one's own takes the same default, and what it is told before that.
        assert_eq!(gort::Runtime::new().unwrap().processors(), expected);
        assert_eq!(runtime(2).processors(), 2);
        return;
    }
    let available = thread::available_parallelism().unwrap().get();
    let run = |value: Option<&str>, expected: usize| {
        child("number::gomaxprocs_comes_from_the_environment", |command| {
            command.env("EXPECTED", expected.to_string());
            if let Some(value) = value {
                command.env("GOMAXPROCS", value);
            }
        })
    };
    for (value, expected) in [(None, available), (Some("3"), 3), (Some("1"), 1)] {
        let output = run(value, expected);
        assert_success(&output);
        assert!(!stderr(&output).contains("GOMAXPROCS"), "{}", stderr(&output));
    }
    for value in ["many", "0", "-1", "1025", "2.5", "99999999999999999999999", "3 4"] {
        let output = run(Some(value), available);
        assert_success(&output);
        let told = stderr(&output);
        assert!(told.contains("GOMAXPROCS") && told.contains(value), "{value}: {told}");
    }
    // Empty is as good as not set; whether it is reported is not fixed.
    assert_success(&run(Some(""), available));
}

/// Two compute when there come to be fewer processors, and then one of them blocks. Whom the other wakes runs even so: the
/// monitor does not rest, whichever of the processors is the one too many.
#[test]
fn one_that_computes_is_looked_after_where_there_are_fewer_now() {
    on(2, || {
        let flag = || Arc::new(AtomicBool::new(false));
        let (begun, goes_on, woken) = (flag(), flag(), flag());
        let (wake, wakes) = chan(0);
        let waiter = gort::spawn({
            let woken = woken.clone();
            move || {
                wakes.recv();
                woken.store(true, SeqCst);
            }
        });
        // It waits by then; else this shows nothing.
        gort::sleep(Duration::from_millis(5));
        let busy = gort::spawn({
            let (begun, goes_on, woken) = (begun.clone(), goes_on.clone(), woken.clone());
            move || {
                begun.store(true, SeqCst);
                assert!(compute_until(LIMIT, || goes_on.load(SeqCst)));
                wake.send(()).unwrap();
                compute_until(TOO_LATE, || woken.load(SeqCst))
            }
        });
        yield_until("it computes", || begun.load(SeqCst));
        gort::set_gomaxprocs(1);
        gort::blocking(|| {
            // For as long as the monitor takes to go to rest, and more.
            thread::sleep(Duration::from_millis(50));
            goes_on.store(true, SeqCst);
            // Who comes back would take the others along.
            compute_until(2 * TOO_LATE, || woken.load(SeqCst));
        });
        assert!(busy.join().unwrap());
        waiter.join().unwrap();
    });
}
