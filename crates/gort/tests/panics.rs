//! Panics: who is told, and that everybody else goes on.

mod support;

use gort::chan::chan;
use gort::sync::WaitGroup;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use support::{
    LIMIT, OnDrop, Tally, assert_success, child, eventually, in_child, on, runtime, stderr, within,
    yield_until,
};

/// Panics on purpose: with a message that the hook of [`quiet`] does not show.
fn expected() -> ! {
    panic!("expected")
}

/// Keeps the hook from printing what is expected, thousands of times.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"expected") {
                hook(info);
            }
        }));
        gort::set_panic_handler(|_| ());
    });
}

#[test]
fn the_handler_is_told() {
    if in_child() {
        type Seen = (u64, Option<String>, Option<String>, Option<u64>);
        let seen = Arc::new(Mutex::new(Vec::<Seen>::new()));
        let log = seen.clone();
        gort::set_panic_handler(move |info| {
            assert!(gort::try_current().is_some(), "it is called in the goroutine");
            // It may block.
            gort::sleep(Duration::from_millis(1));
            log.lock().unwrap().push((
                info.id(),
                info.name().map(str::to_owned),
                info.message().map(str::to_owned),
                info.payload().downcast_ref().copied(),
            ));
            assert!(format!("{info:?}").contains("id"));
        });
        let count = |n| eventually("it is called", || seen.lock().unwrap().len() == n);
        gort::go!(|| panic!("a literal"));
        count(1);
        gort::go!(|| panic!("a number: {}", 5));
        count(2);
        gort::go!(|| panic_any(17_u64));
        count(3);
        let (dropped, is_dropped) = chan::<()>(0);
        let body = move || -> () {
            is_dropped.recv();
            panic!("late");
        };
        let handle = gort::Builder::new().name("named").spawn(body).unwrap();
        let id = handle.id();
        drop(handle);
        drop(dropped);
        count(4);
        {
            let seen = seen.lock().unwrap();
            assert_eq!(seen[0].2.as_deref(), Some("a literal"));
            assert_eq!(seen[1].2.as_deref(), Some("a number: 5"));
            assert_eq!((seen[2].2.as_deref(), seen[2].3), (None, Some(17)));
            assert_eq!(seen[3].0, id);
            assert_eq!(seen[3].1.as_deref(), Some("named"));
        }
        // One that is joined is not the handler's affair.
        assert!(gort::spawn(|| panic!("joined")).join().is_err());
        assert!(catch_unwind(|| gort::run(|| panic!("run"))).is_err());
        gort::run(|| ());
        assert_eq!(seen.lock().unwrap().len(), 4);
        // A handler may be replaced.
        let other = Arc::new(AtomicUsize::new(0));
        let calls = other.clone();
        gort::set_panic_handler(move |_| {
            calls.fetch_add(1, SeqCst);
        });
        gort::go!(|| panic!("to the other"));
        eventually("the other is called", || other.load(SeqCst) == 1);
        assert_eq!(seen.lock().unwrap().len(), 4);
        return;
    }
    assert_success(&child("the_handler_is_told", |_| {}));
}

#[test]
fn without_a_handler_standard_error_is_told() {
    if in_child() {
        let group = WaitGroup::new();
        group.go(|| panic!("out of cheese"));
        group.wait();
        let (done, ended) = chan::<()>(0);
        let (dropped, is_dropped) = chan::<()>(0);
        let body = move || -> () {
            let _done = done;
            is_dropped.recv();
            panic_any(5);
        };
        drop(gort::Builder::new().name("baker").spawn(body).unwrap());
        drop(dropped);
        ended.recv();
        // The report comes after the destructors.
        thread::sleep(Duration::from_millis(100));
        return;
    }
    let output = child("without_a_handler_standard_error_is_told", |_| {});
    assert_success(&output);
    let told = stderr(&output);
    let mut reports = told.lines().filter(|line| line.starts_with("gort: goroutine"));
    assert!(reports.any(|line| line.ends_with("panicked: out of cheese")), "{told}");
    assert!(told.contains("'baker'"), "{told}");
}

#[test]
fn a_handler_that_panics_is_reported_and_goes_no_further() {
    if in_child() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        gort::set_panic_handler(move |_| {
            counted.fetch_add(1, SeqCst);
            panic!("in the handler");
        });
        for n in 1..=5 {
            gort::go!(|| panic!("out of cheese"));
            eventually("the handler is called", || calls.load(SeqCst) == n);
        }
        assert_eq!(gort::run(|| gort::spawn(|| 3).join().unwrap()), 3);
        return;
    }
    let output = child("a_handler_that_panics_is_reported_and_goes_no_further", |_| {});
    assert_success(&output);
    assert!(stderr(&output).contains("the panic handler panicked"), "{}", stderr(&output));
}

#[test]
fn payloads_of_any_type_arrive() {
    quiet();
    on(1, || {
        let payload = gort::spawn(|| -> () { panic_any(vec![1, 2]) }).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&vec![1, 2]));
        let payload = gort::spawn(|| -> () { panic!("{}", "text") }).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"text".to_string()));
        let payload = gort::spawn(|| -> () { expected() }).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn a_destructor_of_a_capture_that_panics_is_the_goroutines_panic() {
    quiet();
    on(1, || {
        let tally = Tally::new();
        for detached in [true, false] {
            let (captured, token) = (OnDrop(|| expected()), tally.token());
            let body = move || {
                let _both = (&captured, &token);
            };
            if detached {
                gort::go!(body);
                yield_until("it is dropped", || tally.alive() == 0);
            } else {
                assert!(gort::spawn(body).join().is_err());
            }
            assert_eq!(tally.alive(), 0);
        }
    });
}

/// Blocks in every way there is.
fn block_in_all_ways() {
    let (tx, rx) = chan(0);
    let partner = gort::spawn(move || {
        for n in 0..5 {
            gort::yield_now();
            tx.send(n).unwrap();
        }
    });
    assert_eq!(rx.recv(), Some(0));
    assert_eq!(rx.recv_timeout(LIMIT), Ok(1));
    gort::sleep(Duration::from_micros(100));
    let other = gort::chan::never::<u32>();
    gort::select! {
        recv(rx) -> n => assert_eq!(n, Some(2)),
        recv(other) -> _ => unreachable!(),
        after(LIMIT) => unreachable!(),
    }
    assert_eq!((rx.recv(), rx.recv()), (Some(3), Some(4)));
    assert!(rx.recv_timeout(Duration::from_micros(100)).is_err());
    drop(rx);
    partner.join().unwrap();
    let group = WaitGroup::new();
    group.go(gort::yield_now);
    group.wait();
    let mut borrowed = 0;
    gort::scope(|s| {
        s.go(|| {
            gort::yield_now();
            borrowed = 1;
        });
    });
    assert_eq!(borrowed, 1);
    assert_eq!(gort::run(|| 5), 5);
    assert!(gort::spawn(|| resume_unwind(Box::new(()))).join().is_err());
    assert!(catch_unwind(|| resume_unwind(Box::new(()))).is_err());
    gort::yield_now();
}

#[test]
fn a_goroutine_may_block_while_it_unwinds() {
    quiet();
    for processors in [1, 2, 3] {
        on(processors, || {
            let count = AtomicUsize::new(0);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                gort::scope(|s| {
                    for _ in 0..20 {
                        s.go(|| {
                            let _block = OnDrop(|| {
                                assert!(thread::panicking());
                                block_in_all_ways();
                                assert!(thread::panicking());
                                count.fetch_add(1, SeqCst);
                            });
                            gort::yield_now();
                            expected();
                        });
                    }
                });
            }));
            assert!(caught.is_err());
            assert_eq!(count.into_inner(), 20);
            assert!(!thread::panicking());
        });
    }
}

#[test]
fn nobody_else_is_panicking_meanwhile() {
    quiet();
    for processors in [1, 2] {
        on(processors, || {
            let stop = Arc::new(AtomicBool::new(false));
            let watchers: Vec<_> = (0..4)
                .map(|_| {
                    let stop = stop.clone();
                    gort::spawn(move || {
                        let mut turns = 0_u32;
                        while !stop.load(SeqCst) {
                            assert!(!thread::panicking());
                            turns += 1;
                            if turns.is_multiple_of(16) {
                                gort::sleep(Duration::from_micros(10));
                            }
                            gort::yield_now();
                        }
                        turns
                    })
                })
                .collect();
            for _ in 0..20 {
                let (tx, rx) = chan(0);
                let handle = gort::spawn(move || {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_micros(500));
                        assert_eq!(rx.recv(), Some(1));
                    });
                    expected();
                });
                gort::sleep(Duration::from_micros(700));
                tx.send(1).unwrap();
                assert!(handle.join().is_err());
            }
            stop.store(true, SeqCst);
            assert!(watchers.into_iter().all(|watcher| watcher.join().unwrap() > 10));
        });
    }
}

/// Yielding must let others run while unwinding, too: on one processor they cannot otherwise.
#[test]
fn a_destructor_that_yields_until_another_has_done_something() {
    quiet();
    for processors in [1, 2] {
        on(processors, || {
            let flag = Arc::new(AtomicBool::new(false));
            let set = flag.clone();
            let handle = gort::spawn(move || {
                let _block = OnDrop(|| {
                    let set = set.clone();
                    gort::go!(move || set.store(true, SeqCst));
                    yield_until("the other runs", || flag.load(SeqCst));
                });
                expected();
            });
            assert!(handle.join().is_err());
        });
    }
}

#[test]
fn a_panic_within_a_destructor_that_catches_it() {
    quiet();
    on(1, || {
        let handle = gort::spawn(|| {
            let _outer = OnDrop(|| {
                let caught = catch_unwind(|| {
                    let _inner = OnDrop(|| gort::sleep(Duration::from_micros(100)));
                    gort::yield_now();
                    expected();
                });
                assert!(caught.is_err());
                gort::sleep(Duration::from_micros(100));
            });
            expected();
        });
        assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn ten_thousand_panics() {
    quiet();
    for processors in [1, 2] {
        on(processors, || {
            let tally = Tally::new();
            let (tx, rx) = chan(1);
            let echo = gort::spawn(move || rx.iter().sum::<u64>());
            let mut expect = 0;
            for batch in 0..100_u64 {
                let group = WaitGroup::new();
                for n in 0..100 {
                    let (token, tx) = (tally.token(), tx.clone());
                    expect += n;
                    group.go(move || {
                        let _token = token;
                        let _block = OnDrop(|| {
                            if (batch + n) % 4 == 0 {
                                gort::sleep(Duration::from_micros(20));
                            }
                            tx.send(n).unwrap();
                        });
                        if n % 2 == 0 {
                            gort::yield_now();
                        }
                        expected();
                    });
                }
                group.wait();
            }
            drop(tx);
            assert_eq!(echo.join().unwrap(), expect);
            assert_eq!(tally.alive(), 0);
        });
    }
}

/// Each keeps its thread: so many threads are needed at once.
#[test]
fn five_hundred_block_at_once_while_they_unwind() {
    quiet();
    within(LIMIT, || {
        let runtime = runtime(2);
        let (release, wait) = chan::<()>(0);
        let there = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..500)
            .map(|_| {
                let (wait, there) = (wait.clone(), there.clone());
                runtime.spawn(move || {
                    let _block = OnDrop(|| {
                        there.fetch_add(1, SeqCst);
                        assert!(wait.recv().is_none());
                    });
                    expected();
                })
            })
            .collect();
        eventually("all block", || there.load(SeqCst) == 500);
        assert_eq!(runtime.run(|| 5), 5);
        drop(release);
        for handle in handles {
            assert!(handle.join().is_err());
        }
    });
}

#[test]
fn a_goroutine_pinned_by_a_panic_goes_on_where_the_processors_are_fewer() {
    quiet();
    within(LIMIT, || {
        let runtime = runtime(4);
        let (release, wait) = chan::<()>(0);
        let there = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..8)
            .map(|_| {
                let (wait, there) = (wait.clone(), there.clone());
                runtime.spawn(move || {
                    let _block = OnDrop(|| {
                        there.fetch_add(1, SeqCst);
                        wait.recv();
                        gort::sleep(Duration::from_millis(2));
                    });
                    expected();
                })
            })
            .collect();
        eventually("all block", || there.load(SeqCst) == 8);
        runtime.set_processors(1);
        drop(release);
        for handle in handles {
            assert!(handle.join().is_err());
        }
        assert_eq!(runtime.run(|| 5), 5);
    });
}

#[test]
fn hooks_may_block_too() {
    if in_child() {
        let (tx, rx) = chan(0);
        std::panic::set_hook(Box::new(move |_| {
            gort::sleep(Duration::from_micros(100));
            tx.send(gort::current().id()).unwrap();
        }));
        gort::set_panic_handler(|_| ());
        gort::run(|| {
            for _ in 0..20 {
                let handle = gort::spawn(|| panic!("to the hook"));
                assert_eq!(rx.recv(), Some(handle.id()));
                assert!(handle.join().is_err());
            }
        });
        return;
    }
    assert_success(&child("hooks_may_block_too", |_| {}));
}

#[test]
fn abort_as_the_policy() {
    if support::in_child() {
        let builder = gort::Runtime::builder().on_panic(gort::OnPanic::Abort);
        let runtime = builder.processors(1).build().unwrap();
        // A shutdown is no panic.
        let other = gort::Runtime::builder().on_panic(gort::OnPanic::Abort).build().unwrap();
        drop(other.spawn(|| gort::sleep(Duration::MAX)));
        other.shutdown(LIMIT).unwrap();
        let handle = runtime.run(|| gort::Builder::new().name("fuse").spawn(|| panic!("blown")));
        let _ = handle.unwrap().join();
        println!("still here");
        return;
    }
    let output = support::child("abort_as_the_policy", |_| {});
    let told = support::stderr(&output);
    assert!(told.contains("'fuse' panicked: blown: aborting"), "{told}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("still here"));
    assert!(support::programs::aborted(&output));
}
