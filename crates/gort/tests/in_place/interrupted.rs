//! Who is interrupted, and yields where it is; and who is not.

use crate::support::{self, LIMIT, Tally, child, compute, eventually, in_child, within};
use gort::Runtime;
use gort::sync::Semaphore;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// One processor, and a time slice of a millisecond.
fn runtime() -> Runtime {
    let builder = Runtime::builder().processors(1).time_slice(Duration::from_millis(1));
    // SAFETY: what is interrupted here computes, and holds nothing of its thread's.
    unsafe { builder.preempt_in_place() }.build().unwrap()
}

/// In a goroutine: has so many others compute until the runtime has preempted `times`, in all, and each of them has run.
///
/// Whose thread the system keeps from the CPU for longer than the monitor has patience loses the processor, computes on without
/// one, and is not interrupted any more. When all have, nobody is: so when one has they begin anew.
fn preempt(times: u64, goroutines: usize) {
    let mut is_done = false;
    while !is_done {
        let before = gort::stats().processors_taken;
        let (stop, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
        gort::scope(|scope| {
            for _ in 0..goroutines {
                scope.go(|| {
                    begun.fetch_add(1, Relaxed);
                    compute(&stop);
                });
            }
            while !is_done && gort::stats().processors_taken == before {
                gort::sleep(Duration::from_millis(2));
                is_done = gort::stats().preempted >= times && begun.load(Relaxed) == goroutines;
            }
            stop.store(true, Relaxed);
        });
    }
}

/// The signal reaches threads that have inherited that it is blocked.
#[cfg(unix)]
#[test]
fn a_busy_goroutine_is_interrupted_where_signals_were_blocked() {
    if !in_child() {
        let test = "interrupted::a_busy_goroutine_is_interrupted_where_signals_were_blocked";
        return support::assert_success(&child(test, support::block_signals));
    }
    within(LIMIT, || {
        runtime().run(|| preempt(1, 1));
    });
}

#[test]
fn busy_goroutines_share_one_thread() {
    within(LIMIT, || {
        let runtime = runtime();
        let stats = runtime.run(|| {
            preempt(20, 4);
            gort::stats()
        });
        assert!(stats.preempted + stats.preemptions_refused <= stats.signals_sent, "{stats:?}");
    });
}

/// Whoever waits in the global queue gets the next turn or so, not one in 61.
#[test]
fn who_comes_from_outside_does_not_wait_for_many_turns() {
    within(LIMIT, || {
        let runtime = runtime();
        let stop = Arc::new(AtomicBool::new(false));
        let start_one = |_| {
            let stop = stop.clone();
            runtime.spawn(move || compute(&stop))
        };
        let computing: Vec<_> = (0..3).map(start_one).collect();
        let turns = || runtime.stats().preempted + runtime.stats().processors_taken;
        eventually("they take turns", || turns() >= 3);
        // Seen from inside: the thread that asks may be woken late, and is no business of the runtime's.
        let wait = |_| {
            let before = turns();
            runtime.run(turns) - before
        };
        let mut waited: Vec<_> = (0..10).map(wait).collect();
        stop.store(true, Relaxed);
        computing.into_iter().for_each(|handle| assert!(handle.join().unwrap() > 0));
        waited.sort_unstable();
        assert!(waited[4] < 10, "{waited:?}");
    });
}

#[cfg(windows)]
unsafe extern "system" {
    fn lstrlenA(text: *const u8) -> i32;
}

/// A function of the C library, or of Windows, that takes a while.
fn in_a_library(text: &[u8]) -> usize {
    #[cfg(unix)]
    // SAFETY: the text ends with a zero.
    return unsafe { libc::strlen(black_box(text.as_ptr()).cast()) };
    #[cfg(windows)]
    // SAFETY: as above.
    return unsafe { lstrlenA(black_box(text.as_ptr())) as usize };
}

/// Code of the C library is not interrupted: whoever is there for long loses the processor as with
/// `Handoff`.
#[test]
fn who_cannot_be_interrupted_loses_the_processor() {
    within(LIMIT, || {
        // Not made by the goroutine that sleeps: the C library's allocator leaves the pointer to the thread's storage on its stack (AArch64),
        // and it would wait to go on on the thread that never comes back.
        let mut text = vec![b'a'; 8 << 20];
        text.push(0);
        let runtime = runtime();
        runtime.run(|| {
            // One whose thread happens to sleep loses the processor at once, and there is nobody to be interrupted any more.
            while gort::stats().signals_sent == 0 {
                let stop = AtomicBool::new(false);
                gort::scope(|scope| {
                    scope.go(|| {
                        while !stop.load(Relaxed) {
                            assert_eq!(in_a_library(&text), 8 << 20);
                        }
                    });
                    for _ in 0..20 {
                        gort::sleep(Duration::from_millis(2));
                    }
                    stop.store(true, Relaxed);
                });
            }
        });
    });
}

/// While a goroutine unwinds its thread cannot be another's: it loses the processor as with `Handoff`.
#[test]
fn who_unwinds_is_not_put_aside() {
    static HAS_RUN: AtomicBool = AtomicBool::new(false);
    struct Slow(mpsc::Sender<[gort::Stats; 2]>);
    impl Drop for Slow {
        fn drop(&mut self) {
            let before = gort::stats();
            gort::go!(move || HAS_RUN.store(true, SeqCst));
            while !HAS_RUN.load(SeqCst) {
                black_box(());
            }
            self.0.send([before, gort::stats()]).unwrap();
        }
    }
    within(LIMIT, || {
        let runtime = runtime();
        let (tx, rx) = mpsc::channel();
        let ended = runtime.run(|| {
            let unwinds = gort::spawn(move || {
                let _slow = Slow(tx);
                std::panic::resume_unwind(Box::new("on purpose"));
            });
            unwinds.join()
        });
        assert!(ended.is_err());
        let [before, after] = rx.recv().unwrap();
        assert_eq!(after.preempted, before.preempted);
        assert!(after.preemptions_refused > before.preemptions_refused, "{after:?}");
        assert!(after.processors_taken > before.processors_taken, "{after:?}");
    });
}

/// Nobody is put aside with a lock of the runtime's, for which machines would then wait for ever.
#[test]
fn who_has_a_lock_of_the_runtime_is_not_put_aside() {
    within(LIMIT, || {
        let runtime = runtime();
        runtime.run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let changing = [0, 1].map(|_| {
                let stop = stop.clone();
                gort::spawn(move || {
                    while !stop.load(Relaxed) {
                        gort::set_gomaxprocs(1);
                    }
                })
            });
            while gort::stats().signals_sent < 10 {
                gort::sleep(Duration::from_millis(1));
            }
            stop.store(true, Relaxed);
            changing.into_iter().for_each(|handle| handle.join().unwrap());
        });
    });
}

/// On Windows whoever suspends a thread must not be ended before it resumes it, by that thread least of all.
#[test]
fn who_is_interrupted_ends_the_process() {
    if in_child() {
        let pause: u32 = std::env::var("PAUSE").unwrap().parse().unwrap();
        runtime().run(|| {
            // The first signal may come at once, and there need not be another.
            let before = gort::stats().signals_sent;
            gort::go!(|| compute(&AtomicBool::new(false)));
            while gort::stats().signals_sent == before {
                black_box(());
            }
            // Right now.
            (0..pause).for_each(|n| _ = black_box(n));
            std::process::exit(7);
        });
    }
    within(LIMIT, || {
        for n in 0..20 {
            let output = child("interrupted::who_is_interrupted_ends_the_process", |command| {
                command.env("PAUSE", (n * 50).to_string());
            });
            assert_eq!(output.status.code(), Some(7), "{output:?}");
        }
    });
}

#[test]
fn allocations_and_panics_among_signals() {
    within(LIMIT, || {
        let runtime = runtime();
        let tally = Tally::new();
        runtime.run(|| {
            let handles: Vec<_> = (0..8_u64)
                .map(|n| {
                    let tally = tally.clone();
                    gort::spawn(move || {
                        for round in 0..200 {
                            let tokens: Vec<_> = (0..50).map(|_| Box::new(tally.token())).collect();
                            let text: String = (0..200).map(|n| format!("{n} ")).collect();
                            assert_eq!(black_box(&text).len(), 690);
                            drop(tokens);
                            if round % 50 == n {
                                let caught = std::panic::catch_unwind(|| {
                                    std::panic::resume_unwind(Box::new(round));
                                });
                                assert_eq!(caught.unwrap_err().downcast_ref(), Some(&round));
                            }
                        }
                    })
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
        assert_eq!(tally.alive(), 0);
    });
}

/// Who gives up takes itself out of a queue, for which it needs a lock. Somebody may have been put aside with that; waiting for it
/// with the only processor, it would wait for ever.
#[test]
fn who_gives_up_waits_for_who_was_put_aside_in_the_queue() {
    const ROUNDS: usize = 3_000;
    within(LIMIT, || {
        let builder = Runtime::builder().processors(1).time_slice(Duration::from_micros(50));
        // SAFETY: what is interrupted here is this crate's, and holds nothing of its thread's.
        let runtime = unsafe { builder.preempt_in_place() }.build().unwrap();
        let semaphore = Semaphore::new(1);
        let taken = runtime.run(|| {
            gort::scope(|scope| {
                let takers: Vec<_> = (0..8)
                    .map(|_| {
                        scope.go(|| {
                            let take = |n| {
                                let taken = semaphore
                                    .acquire_timeout(1, Duration::from_micros(n as u64 % 64));
                                gort::yield_now();
                                taken.is_ok()
                            };
                            (0..ROUNDS).filter(|&n| take(n)).count()
                        })
                    })
                    .collect();
                takers.into_iter().map(|taker| taker.join().unwrap()).sum::<usize>()
            })
        });
        assert!((1..=8 * ROUNDS).contains(&taken));
        assert_eq!(semaphore.available(), 1);
    });
}

/// What there is to be said of the signal.
#[cfg(unix)]
mod signals {
    use super::preempt;
    use crate::support::{assert_success, child, in_child};
    use gort::Runtime;
    use std::sync::atomic::{AtomicUsize, Ordering::*};
    use std::time::Duration;

    static SEEN: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn other_handlers_of_the_signal_go_on() {
        extern "C" fn count(_: libc::c_int) {
            SEEN.fetch_add(1, SeqCst);
        }
        if in_child() {
            // SAFETY: the handler counts, and that is all.
            unsafe { libc::signal(libc::SIGUSR1, count as *const () as usize) };
            let builder = Runtime::builder().processors(1).time_slice(Duration::from_millis(1));
            // SAFETY: what is interrupted here computes.
            let builder = unsafe { builder.preempt_in_place() }.preempt_signal(libc::SIGUSR1);
            let runtime = builder.build().unwrap();
            runtime.run(|| preempt(1, 1));
            assert_eq!(SEEN.load(SeqCst), 0, "these were the runtime's own");
            // SAFETY: the signal has a handler.
            unsafe { libc::raise(libc::SIGUSR1) };
            assert_eq!(SEEN.load(SeqCst), 1);
            // SAFETY: as above.
            let other = unsafe { Runtime::builder().preempt_in_place() };
            let error = other.build().unwrap_err().to_string();
            assert!(error.contains("another runtime of this process uses signal 10"), "{error}");
            return;
        }
        assert_success(&child("interrupted::signals::other_handlers_of_the_signal_go_on", |_| {}));
    }
}
