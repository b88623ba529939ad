//! Scopes: goroutines that borrow, and end before what they borrow does.

mod support;

use gort::chan::chan;
use gort::{Runtime, Shutdown};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use std::{hint, thread};
use support::{LIMIT, Tally, on, runtime, within};

/// Runs `f` on a plain thread, and in goroutines with one and two processors.
fn everywhere(f: fn()) {
    within(LIMIT, f);
    on(1, f);
    on(2, f);
}

#[test]
fn goroutines_borrow_and_write() {
    everywhere(|| {
        let words = ["a".to_string(), "bc".to_string()];
        let mut lengths = [0; 2];
        gort::scope(|s| {
            for (word, length) in words.iter().zip(&mut lengths) {
                s.go(move || {
                    gort::yield_now();
                    *length = word.len();
                });
            }
        });
        assert_eq!(lengths, [1, 2]);
    });
}

#[test]
fn it_returns_a_value() {
    everywhere(|| {
        let base = 40;
        assert_eq!(gort::scope(|s| s.go(|| base + 2).join().unwrap()), 42);
        assert_eq!(gort::scope(|_| 7), 7);
    });
}

#[test]
fn it_waits_for_those_that_nobody_joins() {
    everywhere(|| {
        let done = AtomicUsize::new(0);
        gort::scope(|s| {
            for n in 0..100 {
                let done = &done;
                s.go(move || {
                    if n % 3 == 0 {
                        gort::sleep(Duration::from_micros(n * 10));
                    }
                    gort::yield_now();
                    done.fetch_add(1, SeqCst);
                });
            }
        });
        assert_eq!(done.into_inner(), 100);
    });
}

#[test]
fn scopes_nest() {
    fn tree(depth: u32, leaves: &AtomicUsize) {
        if depth == 0 {
            leaves.fetch_add(1, SeqCst);
            return;
        }
        gort::scope(|s| {
            for _ in 0..3 {
                s.go(|| tree(depth - 1, leaves));
            }
        });
    }
    everywhere(|| {
        let leaves = AtomicUsize::new(0);
        tree(6, &leaves);
        assert_eq!(leaves.into_inner(), 729);
    });
}

#[test]
fn goroutines_of_a_scope_start_others_in_it() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        gort::scope(|s| {
            s.go(|| {
                for _ in 0..10 {
                    s.go(|| {
                        s.go(|| {
                            gort::yield_now();
                            count.fetch_add(1, SeqCst)
                        });
                    });
                }
            });
        });
        assert_eq!(count.into_inner(), 10);
    });
}

#[test]
fn a_panic_of_its_function_comes_after_the_goroutines_end() {
    everywhere(|| {
        let done = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            gort::scope(|s| {
                for _ in 0..10 {
                    s.go(|| {
                        gort::sleep(Duration::from_millis(2));
                        done.fetch_add(1, SeqCst);
                    });
                }
                std::panic::resume_unwind(Box::new("outer"));
            });
        }));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"outer"));
        assert_eq!(done.into_inner(), 10);
    });
}

#[test]
fn a_panic_of_a_goroutine_that_nobody_joins_reaches_the_scope() {
    everywhere(|| {
        let done = AtomicUsize::new(0);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            gort::scope(|s| {
                s.go(|| std::panic::resume_unwind(Box::new("inner")));
                s.go(|| {
                    gort::sleep(Duration::from_millis(2));
                    done.fetch_add(1, SeqCst);
                });
            });
        }));
        assert!(caught.is_err());
        assert_eq!(done.into_inner(), 1);
    });
}

#[test]
fn a_panic_that_is_joined_stays_with_the_handle() {
    everywhere(|| {
        gort::scope(|s| {
            let handle = s.go(|| std::panic::resume_unwind(Box::new("inner")));
            let payload = handle.join().unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"inner"));
        });
    });
}

#[test]
fn leaked_handles_hold_nothing_up() {
    everywhere(|| {
        let count = AtomicUsize::new(0);
        let value = 3;
        gort::scope(|s| {
            for _ in 0..10 {
                std::mem::forget(s.go(|| {
                    gort::yield_now();
                    count.fetch_add(1, SeqCst);
                    &value
                }));
            }
        });
        assert_eq!(count.into_inner(), 10);
    });
}

#[test]
fn results_are_dropped_within_the_scope() {
    everywhere(|| {
        struct Borrowing<'a>(&'a Mutex<Vec<u32>>, u32);
        impl Drop for Borrowing<'_> {
            fn drop(&mut self) {
                self.0.lock().unwrap().push(self.1);
            }
        }
        let log = Mutex::new(Vec::new());
        gort::scope(|s| {
            let log = &log;
            drop(s.go(move || Borrowing(log, 1)));
            let _kept = s.go(move || Borrowing(log, 2));
            drop(s.go(move || Borrowing(log, 3)).join());
            s.go(move || {
                gort::yield_now();
                Borrowing(log, 4)
            });
        });
        let mut log = log.into_inner().unwrap();
        log.sort_unstable();
        assert_eq!(log, [1, 2, 3, 4]);
    });
}

/// Nobody has it, so nobody else can tell of it.
#[test]
fn a_result_that_panics_when_it_is_dropped_reaches_the_scope() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    everywhere(|| {
        let result = catch_unwind(|| {
            gort::scope(|s| {
                drop(s.go(|| {
                    gort::yield_now();
                    Panics
                }));
            });
        });
        let message = *result.unwrap_err().downcast::<&str>().unwrap();
        assert!(message == "a goroutine of a scope panicked" || message == "dropped", "{message}");
    });
}

/// The end of another runtime is not the caller's: it is told of it, and is one who can be shut down as before.
#[test]
fn goroutines_that_another_runtime_has_ended() {
    fn end_another(scope: impl FnOnce(Runtime)) {
        let result = catch_unwind(AssertUnwindSafe(|| scope(runtime(1))));
        let message = *result.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(message, "a goroutine of a scope was ended by the shutdown of a runtime");
    }
    /// Its goroutine passes on what the other's has ended with.
    fn passed_on() {
        end_another(|other| {
            let ended = other.spawn(|| gort::sleep(Duration::MAX));
            other.shutdown(LIMIT).unwrap();
            let payload = ended.join().unwrap_err();
            gort::scope(|s| drop(s.go(|| resume_unwind(payload))));
        });
    }
    /// Its goroutine is the other's.
    fn started_there() {
        end_another(|other| {
            gort::scope(|s| {
                other.run(|| drop(s.go(|| gort::sleep(Duration::MAX))));
                other.shutdown(LIMIT).unwrap();
            });
        });
    }
    within(LIMIT, || {
        passed_on();
        started_there();
        let own = runtime(1);
        let (told, is_told) = chan(2);
        let waiting = [passed_on, started_there].map(|end| {
            let told = told.clone();
            own.spawn(move || {
                end();
                told.send(()).unwrap();
                gort::sleep(Duration::MAX);
            })
        });
        drop(told);
        assert_eq!(is_told.iter().take(2).count(), 2);
        own.shutdown(LIMIT).unwrap();
        for handle in waiting {
            assert!(handle.join().unwrap_err().is::<Shutdown>());
        }
    });
}

#[test]
fn names_and_stack_sizes() {
    on(1, || {
        let text = String::from("text");
        gort::scope(|s| {
            let handle = s.go_with(gort::Builder::new().name("scoped"), || {
                (gort::current().name().map(str::to_owned), text.len())
            });
            let handle = handle.unwrap();
            assert_eq!(handle.name(), Some("scoped"));
            assert!(handle.id() > 0);
            assert_eq!(handle.join().unwrap(), (Some("scoped".into()), 4));
            let tally = Tally::new();
            let token = tally.token();
            let refused = s.go_with(gort::Builder::new().stack_size(1), move || drop(token));
            assert!(refused.is_err());
            assert_eq!(tally.alive(), 0);
        });
    });
}

/// The count of those that run goes to zero and up again, while the owner of the scope is about to
/// wait: it must not be woken by the first zero while the second goroutine runs.
#[test]
fn a_count_that_goes_through_zero_wakes_nobody_too_early() {
    within(LIMIT, || {
        for _ in 0..30_000_u32 {
            let ended = AtomicBool::new(false);
            let sent = AtomicUsize::new(0);
            gort::scope(|s| {
                // The first is at its end just when the second is started.
                s.go(|| sent.fetch_add(1, SeqCst));
                // Where a machine waits for this CPU, it has it after a while.
                for spins in 1_u64.. {
                    if sent.load(SeqCst) > 0 {
                        break;
                    }
                    if spins % 4096 == 0 { thread::yield_now() } else { hint::spin_loop() }
                }
                s.go(|| {
                    for _ in 0..3 {
                        gort::yield_now();
                    }
                    ended.store(true, SeqCst);
                });
            });
            assert!(ended.into_inner(), "the scope has returned before its goroutine");
        }
    });
}

#[test]
fn the_owner_of_a_scope_is_shut_down_after_its_goroutines() {
    within(LIMIT, || {
        for round in 0..50 {
            let tally = Tally::new();
            let runtime = runtime(2);
            let (started, start) = chan(0);
            let result = {
                let tally = tally.clone();
                runtime.spawn(move || {
                    let outer = tally.token();
                    gort::scope(|s| {
                        let (outer, tally) = (&outer, &tally);
                        for n in 0..8 {
                            let started = started.clone();
                            s.go(move || {
                                let _inner = tally.token();
                                started.send(()).unwrap();
                                if n % 2 == 0 {
                                    gort::chan::never::<()>().recv();
                                } else {
                                    gort::sleep(Duration::MAX);
                                }
                                unreachable!("{outer:?}");
                            });
                        }
                    });
                })
            };
            for _ in 0..round % 9 {
                start.recv().unwrap();
            }
            drop(start);
            runtime.shutdown(LIMIT).unwrap();
            assert!(result.join().is_err());
            assert_eq!(tally.alive(), 0);
        }
    });
}
