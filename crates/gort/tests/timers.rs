//! Sleeping: never too short, in order, and whoever is busy.

mod support;

use gort::chan::chan;
use gort::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::{LIMIT, compute_until, good_once_in_five, in_turn, on, runtime, within};

const MS: Duration = Duration::from_millis(1);
/// So late is too late, also on a machine that is busy with other things.
const TOO_LATE: Duration = Duration::from_secs(5);

#[test]
fn it_is_never_too_short() {
    let sleeps = || {
        for micros in [1, 10, 50, 100, 333, 1000, 2500] {
            let duration = Duration::from_micros(micros);
            for _ in 0..5 {
                let start = Instant::now();
                gort::sleep(duration);
                assert!(start.elapsed() >= duration);
                let until = Instant::now() + duration;
                gort::sleep_until(until);
                assert!(Instant::now() >= until);
            }
        }
    };
    sleeps();
    on(1, sleeps);
    on(2, sleeps);
}

#[test]
fn no_time_and_times_that_have_passed() {
    let nothing = || {
        let start = Instant::now();
        for _ in 0..1000 {
            gort::sleep(Duration::ZERO);
            gort::sleep_until(start);
            gort::sleep_until(start - Duration::from_secs(1).min(Duration::from_millis(1)));
        }
        assert!(start.elapsed() < TOO_LATE);
    };
    nothing();
    on(1, nothing);
}

#[test]
fn a_sleep_of_no_time_lets_others_run() {
    in_turn(|| {
        let turn = Arc::new(AtomicUsize::new(0));
        let other = turn.clone();
        let handle = gort::spawn(move || {
            for n in 0..100 {
                assert_eq!(other.load(SeqCst), 2 * n);
                other.fetch_add(1, SeqCst);
                gort::sleep(Duration::ZERO);
            }
        });
        gort::sleep(Duration::ZERO);
        for n in 0..100 {
            assert_eq!(turn.load(SeqCst), 2 * n + 1);
            turn.fetch_add(1, SeqCst);
            gort::sleep_until(Instant::now());
        }
        handle.join().unwrap();
    });
}

#[test]
fn sleeps_without_end_are_ended_by_a_shutdown() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let (started, start) = chan(0);
        let longest = [
            Duration::MAX,
            Duration::from_secs(u64::MAX),
            Duration::from_nanos(u64::MAX),
            Duration::from_nanos(u64::MAX - 1),
            Duration::from_secs(1 << 33),
            Duration::from_secs(3600),
        ];
        let handles: Vec<_> = longest
            .into_iter()
            .map(|duration| {
                let started = started.clone();
                runtime.spawn(move || {
                    started.send(()).unwrap();
                    gort::sleep(duration);
                    unreachable!("{duration:?}");
                })
            })
            .collect();
        start.iter().take(longest.len()).for_each(drop);
        // Those that are next to them sleep as they should.
        runtime.run(|| gort::sleep(3 * MS));
        assert!(handles.iter().all(|handle| !handle.is_finished()));
        runtime.shutdown(LIMIT).unwrap();
        for handle in handles {
            assert!(handle.join().unwrap_err().is::<gort::Shutdown>());
        }
    });
}

#[test]
fn sleepers_wake_in_order() {
    for processors in [1, 2] {
        on(processors, || {
            let order = Mutex::new(Vec::new());
            let start = Instant::now() + 10 * MS;
            let numbers: Vec<u32> = (0..60).map(|n| n * 37 % 60).collect();
            gort::scope(|s| {
                for &number in &numbers {
                    let order = &order;
                    s.go(move || {
                        gort::sleep_until(start + number * 3 * MS);
                        let mut order = order.lock().unwrap();
                        let late = (start + number * 3 * MS).elapsed();
                        order.push((number, late));
                    });
                }
            });
            let order = order.into_inner().unwrap();
            // Those who wake in time wake in order; who is late may come after the next.
            let mut last = 0;
            for &(number, late) in &order {
                assert!(late < TOO_LATE);
                if late < 2 * MS {
                    assert!(number >= last, "{number} after {last}: {order:?}");
                    last = number;
                }
            }
            assert_eq!(order.len(), 60);
        });
    }
}

#[test]
fn ten_thousand_sleepers() {
    for processors in [1, 2] {
        on(processors, || {
            let woken = AtomicUsize::new(0);
            gort::scope(|s| {
                for n in 0..10_000_u64 {
                    let woken = &woken;
                    s.go(move || {
                        let duration = Duration::from_micros(n * 7919 % 50_000);
                        let start = Instant::now();
                        gort::sleep(duration);
                        let slept = start.elapsed();
                        assert!(slept >= duration && slept < duration + TOO_LATE, "{slept:?}");
                        woken.fetch_add(1, SeqCst);
                    });
                }
            });
            assert_eq!(woken.into_inner(), 10_000);
        });
    }
}

/// Runs `busy` again and again in goroutines on the only processor, while another sleeps; returns
/// the worst lateness.
fn latest_beside(goroutines: usize, busy: impl Fn() + Clone + Send + 'static) -> Duration {
    on(1, move || {
        let stop = Arc::new(AtomicBool::new(false));
        let handles: Vec<_> = (0..goroutines)
            .map(|_| {
                let (stop, busy) = (stop.clone(), busy.clone());
                gort::spawn(move || {
                    while !stop.load(SeqCst) {
                        busy();
                    }
                })
            })
            .collect();
        let mut worst = Duration::ZERO;
        for _ in 0..10 {
            let until = Instant::now() + 3 * MS;
            gort::sleep_until(until);
            worst = worst.max(until.elapsed());
        }
        stop.store(true, SeqCst);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        worst
    })
}

/// A slice of 10 ms, and some for the machine's other tenants. Who wants the CPUs as well may make it later; not each time.
#[track_caller]
fn is_on_time(latest: impl Fn() -> Duration) {
    good_once_in_five(latest, |late| *late <= Duration::from_millis(150));
}

#[test]
fn sleepers_wake_beside_a_loop_of_operations_that_never_block() {
    let (tx, rx) = chan(1);
    let at_once = move || {
        tx.try_send(1).unwrap();
        rx.try_recv().unwrap();
    };
    is_on_time(|| latest_beside(1, at_once.clone()));
    let (tx, rx) = chan(10);
    let in_vain = move || {
        tx.send(1).unwrap();
        assert_eq!(rx.recv(), Some(1));
    };
    is_on_time(|| latest_beside(1, in_vain.clone()));
    is_on_time(|| latest_beside(3, gort::yield_now));
}

/// A stretch of quick switches lets the runtime look at its timers less often; a loop of operations
/// that follows must not be the one to wait for that.
#[test]
fn sleepers_wake_when_quick_switches_turn_into_a_loop() {
    let round = || {
        let sleeper = gort::spawn(|| {
            let until = Instant::now() + 30 * MS;
            gort::sleep_until(until);
            until.elapsed()
        });
        let other = gort::spawn(|| (0..20_000).for_each(|_| gort::yield_now()));
        for _ in 0..20_000 {
            gort::yield_now();
        }
        other.join().unwrap();
        let (tx, rx) = chan(1);
        while !sleeper.is_finished() {
            tx.try_send(1).unwrap();
            rx.try_recv().unwrap();
        }
        sleeper.join().unwrap()
    };
    is_on_time(|| on(1, move || (0..3).map(|_| round()).max().unwrap_or_default()));
}

#[test]
fn sleepers_wake_beside_two_who_talk_to_each_other() {
    let worst = || {
        let (ping, pings) = chan(0);
        let (pong, pongs) = chan(0);
        let one = gort::spawn(move || {
            for n in &pings {
                if pong.send(n).is_err() {
                    break;
                }
            }
        });
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let two = gort::spawn(move || {
            while !stopped.load(SeqCst) {
                ping.send(1).unwrap();
                pongs.recv().unwrap();
            }
        });
        let mut worst = Duration::ZERO;
        for _ in 0..10 {
            let until = Instant::now() + 3 * MS;
            gort::sleep_until(until);
            worst = worst.max(until.elapsed());
        }
        stop.store(true, SeqCst);
        one.join().unwrap();
        two.join().unwrap();
        worst
    };
    is_on_time(|| on(1, worst));
}

/// A goroutine starts a sleeper and computes until that has slept, without a word to the runtime:
/// somebody else has to see to the timer. In as many variants as there are ways to become busy.
#[test]
fn timers_of_a_processor_that_computes_fire_on_another() {
    for processors in [2, 3] {
        within(LIMIT, move || {
            let runtime = runtime(processors);
            for round in 0..20 {
                let slept = runtime.run(move || {
                    if round % 2 == 0 {
                        // All machines are at rest before.
                        gort::sleep(2 * MS);
                    }
                    let woken = Arc::new(AtomicBool::new(false));
                    let wake = woken.clone();
                    let (ready, is_ready) = chan(0);
                    gort::go!(move || {
                        ready.send(()).unwrap();
                        gort::sleep(2 * MS);
                        wake.store(true, SeqCst);
                    });
                    is_ready.recv().unwrap();
                    // It goes to sleep, here, and this goroutine goes on.
                    gort::yield_now();
                    compute_until(TOO_LATE, || woken.load(SeqCst))
                });
                assert!(slept, "{processors} processors, round {round}: the sleeper never woke");
            }
        });
    }
}

/// As above, but one after the other every processor but one gets busy computing.
#[test]
fn timers_fire_as_long_as_one_processor_is_idle() {
    on(4, || {
        for _ in 0..10 {
            let woken = Arc::new(AtomicUsize::new(0));
            let computing: Vec<_> = (0..3)
                .map(|n| {
                    let woken = woken.clone();
                    gort::spawn(move || {
                        gort::sleep(MS * n);
                        let wake = woken.clone();
                        gort::go!(move || {
                            gort::sleep(5 * MS);
                            wake.fetch_add(1, SeqCst);
                        });
                        gort::sleep(MS);
                        compute_until(TOO_LATE, || woken.load(SeqCst) == 3)
                    })
                })
                .collect();
            for handle in computing {
                assert!(handle.join().unwrap(), "a sleeper never woke");
            }
        }
    });
}

#[test]
fn an_earlier_timer_is_seen_by_who_sleeps_for_a_later_one() {
    for processors in [1, 2, 3] {
        on(processors, || {
            // Idle machines sleep up to this one. The shutdown ends it.
            gort::spawn(|| gort::sleep(Duration::from_secs(3600)));
            gort::sleep(2 * MS);
            for _ in 0..50 {
                let until = Instant::now() + MS;
                gort::sleep_until(until);
                assert!(until.elapsed() < TOO_LATE);
                // From another machine, if there is one.
                gort::spawn(|| {
                    let until = Instant::now() + MS;
                    gort::sleep_until(until);
                    assert!(until.elapsed() < TOO_LATE);
                })
                .join()
                .unwrap();
            }
        });
    }
}

#[test]
fn timeouts_leave_nothing_behind() {
    on(2, || {
        // A quarter of a million timers of an hour, each given up at once.
        let (tx, rx) = chan(0);
        gort::scope(|s| {
            s.go(move || {
                for n in 0..100_000 {
                    tx.send_timeout(n, Duration::from_secs(3600)).unwrap();
                }
            });
            let mut sum = 0;
            while let Ok(n) = rx.recv_timeout(Duration::from_secs(3600)) {
                sum += n;
            }
            assert_eq!(sum, 4_999_950_000_u64);
        });
        // Timers still work.
        let start = Instant::now();
        gort::sleep(2 * MS);
        assert!(start.elapsed() < TOO_LATE);
    });
}
