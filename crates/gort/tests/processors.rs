//! Processors: fairness on them, their number, and that no goroutine waits while one is idle.

mod support;

use gort::chan::chan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};
use support::{
    LIMIT, assert_success, child, compute_until, eventually, in_child, in_turn, on, runtime,
    stderr, within, yield_until,
};

/// Where a goroutine whose thread the kernel puts aside for long keeps its processor even so.
#[track_caller]
fn on_without_preemption<R: Send + 'static>(
    processors: usize,
    f: impl FnOnce() -> R + Send + 'static,
) -> R {
    let builder = gort::Runtime::builder().processors(processors).preempt(gort::Preempt::Off);
    within(LIMIT, move || builder.build().unwrap().run(f))
}

const TOO_LATE: Duration = Duration::from_secs(5);

#[test]
fn yielding_takes_turns() {
    in_turn(|| {
        let log = Arc::new(std::sync::Mutex::new(Vec::new()));
        let handles: Vec<_> = (0..5)
            .map(|n| {
                let log = log.clone();
                gort::spawn(move || {
                    for _ in 0..100 {
                        log.lock().unwrap().push(n);
                        gort::yield_now();
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 500);
        let mut turn: Vec<_> = log[5..10].to_vec();
        assert!(log[5..495].chunks(5).all(|turns| turns == turn), "{log:?}");
        turn.sort_unstable();
        assert_eq!(turn, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn yielding_on_a_plain_thread_does_no_harm() {
    gort::yield_now();
    gort::gosched();
    on(1, || {
        gort::gosched();
        gort::yield_now();
    });
}

/// Runs a goroutine beside `busy` on the only processor.
fn gets_a_turn(busy: impl FnOnce(Arc<AtomicBool>) + Send + 'static) {
    on(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        busy(stop.clone());
        let start = Instant::now();
        let mut worst = Duration::ZERO;
        for _ in 0..20 {
            let turn = Instant::now();
            gort::yield_now();
            worst = worst.max(turn.elapsed());
        }
        stop.store(true, SeqCst);
        assert!(worst < TOO_LATE, "{worst:?}");
        assert!(start.elapsed() < TOO_LATE);
    });
}

#[test]
fn two_who_talk_for_ever_starve_nobody() {
    for capacity in [0, 1] {
        gets_a_turn(move |stop| {
            let (ping, pings) = chan(capacity);
            let (pong, pongs) = chan(capacity);
            gort::go!(move || {
                for n in &pings {
                    if pong.send(n).is_err() {
                        return;
                    }
                }
            });
            gort::go!(move || {
                while !stop.load(SeqCst) {
                    ping.send(1).unwrap();
                    pongs.recv().unwrap();
                }
            });
        });
    }
}

#[test]
fn loops_of_operations_that_never_block_starve_nobody() {
    gets_a_turn(|stop| {
        let (tx, rx) = chan(4);
        gort::go!(move || {
            while !stop.load(SeqCst) {
                tx.try_send(1).unwrap();
                rx.try_recv().unwrap();
            }
        });
    });
    gets_a_turn(|stop| {
        let (tx, rx) = chan(4);
        gort::go!(move || {
            while !stop.load(SeqCst) {
                tx.send(1).unwrap();
                rx.recv().unwrap();
            }
        });
    });
    gets_a_turn(|stop| {
        let (_tx, rx) = chan::<u32>(4);
        gort::go!(move || {
            while !stop.load(SeqCst) {
                gort::select! {
                    recv(rx) -> _ => unreachable!(),
                    default => {}
                }
            }
        });
    });
    gets_a_turn(|stop| {
        let (tx, rx) = chan::<u32>(0);
        tx.close();
        gort::go!(move || {
            while !stop.load(SeqCst) {
                assert!(rx.recv().is_none());
                assert!(tx.send(1).is_err());
            }
        });
    });
    // Many who spawn and join.
    gets_a_turn(|stop| {
        gort::go!(move || {
            while !stop.load(SeqCst) {
                gort::spawn(|| ()).join().unwrap();
            }
        });
    });
}

#[test]
fn a_processor_flooded_from_outside_starves_none_of_its_own() {
    within(LIMIT, || {
        let runtime = Arc::new(runtime(1));
        let stop = Arc::new(AtomicBool::new(false));
        let outside = {
            let (runtime, stop) = (runtime.clone(), stop.clone());
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    while runtime.num_goroutines() < 500 {
                        drop(runtime.spawn(gort::yield_now));
                    }
                    thread::yield_now();
                }
            })
        };
        let start = Instant::now();
        runtime.run(|| (0..20).for_each(|_| gort::yield_now()));
        stop.store(true, SeqCst);
        outside.join().unwrap();
        assert!(start.elapsed() < TOO_LATE, "{:?}", start.elapsed());
    });
}

#[test]
fn those_of_the_global_queue_get_turns_beside_those_of_the_ring() {
    on(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        // A ring that is never empty.
        for _ in 0..10 {
            let stop = stop.clone();
            gort::go!(move || {
                while !stop.load(SeqCst) {
                    gort::yield_now();
                }
            });
        }
        for _ in 0..20 {
            let (tx, rx) = chan(0);
            // A plain thread wakes this goroutine: by way of the global queue.
            let waker = thread::spawn(move || tx.send(Instant::now()).unwrap());
            let sent = rx.recv().unwrap();
            assert!(sent.elapsed() < TOO_LATE);
            waker.join().unwrap();
        }
        stop.store(true, SeqCst);
    });
}

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

/// As many goroutines run at once as there are processors: each computes until all do.
fn meets(processors: usize) -> bool {
    let here = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..processors)
        .map(|_| {
            let here = here.clone();
            gort::spawn(move || {
                here.fetch_add(1, SeqCst);
                compute_until(TOO_LATE, || here.load(SeqCst) == processors)
            })
        })
        .collect();
    handles.into_iter().all(|handle| handle.join().unwrap())
}

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
        assert_eq!(gort::set_gomaxprocs(1), 5);
        assert_eq!(gort::gomaxprocs(), 1);
        assert_eq!(gort::set_gomaxprocs(0), 1);
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
        child("gomaxprocs_comes_from_the_environment", |command| {
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

#[cfg(target_os = "linux")]
#[test]
fn an_idle_runtime_uses_no_cpu() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let (release, wait) = chan::<()>(0);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let wait = wait.clone();
                runtime.spawn(move || wait.recv())
            })
            .collect();
        runtime.run(|| meets(2));
        let wakes = || {
            let threads = std::fs::read_dir("/proc/self/task").unwrap();
            let of_gort = threads.filter_map(|thread| {
                let status = std::fs::read_to_string(thread.unwrap().path().join("status")).ok()?;
                if !status.lines().next()?.contains("gort") {
                    return None;
                }
                let line = status.lines().find(|line| line.starts_with("voluntary"))?;
                line.split_whitespace().last()?.parse::<u64>().ok()
            });
            of_gort.sum::<u64>()
        };
        // Other tests of this process may run; some time without a wake-up will come if there is one.
        eventually("nobody wakes up for 50 ms", || {
            let before = wakes();
            thread::sleep(Duration::from_millis(50));
            wakes() == before
        });
        drop(release);
        waiting.into_iter().for_each(|handle| assert!(handle.join().unwrap().is_none()));
    });
}

#[test]
fn goroutines_are_spread_by_stealing() {
    on(2, || {
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
        // There may be others that have run a few while the kernel had put one of the two aside.
        assert!(threads.values().filter(|&&n| n >= 100).count() >= 2, "{threads:?}");
    });
}
