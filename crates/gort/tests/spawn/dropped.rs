//! What goroutines hold is dropped exactly once, however they go.

use crate::support::{LIMIT, OnDrop, Tally, eventually, on, within, yield_until};
use gort::chan::chan;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

#[test]
fn a_spawn_that_fails_drops_its_closure() {
    let tally = Tally::new();
    let token = tally.token();
    let result = gort::Builder::new().name("never").stack_size(1).spawn(move || drop(token));
    assert!(result.is_err());
    assert_eq!(tally.alive(), 0);
}

/// How a goroutine goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Returns,
    Parks,
    Panics,
    PanicsLater,
}

/// What becomes of its handle.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Join,
    DropAtOnce,
    DropAfterTheEnd,
    JoinAfterTheEnd,
    None,
}

fn live(way: Way, fate: Fate, padding: bool) {
    let (closure, result, payload) = (Tally::new(), Tally::new(), Tally::new());
    let (release, wait) = chan::<()>(0);
    let (finished, ended) = chan::<()>(0);
    let body = {
        let (token, result, payload) = (closure.token(), result.clone(), payload.clone());
        let large = [0_u64; 32];
        move || {
            let _token = token;
            if padding {
                std::hint::black_box(large);
            }
            // Dropped before the captures, yet after all else the body does.
            let _finished = finished;
            if matches!(way, Way::Parks | Way::PanicsLater) {
                wait.recv();
            }
            if matches!(way, Way::Panics | Way::PanicsLater) {
                std::panic::resume_unwind(Box::new(payload.token()));
            }
            (result.token(), if padding { Some([0_u8; 100]) } else { None })
        }
    };
    match fate {
        Fate::None => {
            gort::go!(body);
            drop(release);
            ended.recv();
        }
        fate => {
            let handle = gort::spawn(body);
            match fate {
                Fate::DropAtOnce => {
                    drop(handle);
                    drop(release);
                    ended.recv();
                }
                Fate::DropAfterTheEnd | Fate::JoinAfterTheEnd => {
                    drop(release);
                    yield_until("the end", || handle.is_finished());
                    if matches!(fate, Fate::JoinAfterTheEnd) {
                        let joined = handle.join();
                        assert_eq!(joined.is_err(), matches!(way, Way::Panics | Way::PanicsLater));
                        assert_eq!(result.alive() + payload.alive(), 1);
                    }
                }
                _ => {
                    drop(release);
                    let joined = handle.join();
                    assert_eq!(joined.is_err(), matches!(way, Way::Panics | Way::PanicsLater));
                    assert_eq!(result.alive() + payload.alive(), 1);
                }
            }
        }
    }
    let all = [&closure, &result, &payload];
    yield_until("all dropped", || all.iter().all(|tally| tally.alive() <= 0));
    for tally in all {
        assert_eq!(tally.alive(), 0, "{way:?} {fate:?}");
    }
    assert_eq!(closure.made(), 1);
    assert_eq!(result.made() + payload.made(), 1);
}

#[test]
fn all_is_dropped_exactly_once() {
    gort::set_panic_handler(|_| ());
    for processors in [1, 2] {
        on(processors, || {
            for way in [Way::Returns, Way::Parks, Way::Panics, Way::PanicsLater] {
                for fate in [
                    Fate::Join,
                    Fate::DropAtOnce,
                    Fate::DropAfterTheEnd,
                    Fate::JoinAfterTheEnd,
                    Fate::None,
                ] {
                    for padding in [false, true] {
                        for _ in 0..20 {
                            live(way, fate, padding);
                        }
                    }
                }
            }
        });
    }
}

#[test]
fn captures_of_goroutines_that_never_start_are_dropped() {
    within(LIMIT, || {
        let tally = Tally::new();
        let builder = gort::Runtime::builder().processors(1).preempt(gort::Preempt::Off);
        let runtime = builder.build().unwrap();
        let (started, start) = mpsc::channel();
        let (give, take) = mpsc::channel::<gort::Runtime>();
        let mut handles = Vec::new();
        // The only processor is busy with a thread that waits, until the shutdown has begun; nobody else starts.
        let busy = runtime.spawn(move || {
            started.send(()).unwrap();
            take.recv().unwrap().shutdown(LIMIT).unwrap();
        });
        start.recv().unwrap();
        for n in 0..500 {
            let (token, result) = (tally.token(), tally.clone());
            let handle = runtime.spawn(move || {
                let _token = token;
                (result.token(), [n; 20])
            });
            match n % 3 {
                0 => handles.push(handle),
                1 => drop(handle),
                _ => std::mem::forget(handle),
            }
        }
        give.send(runtime).unwrap();
        assert!(busy.join().is_ok());
        for handle in handles {
            assert!(handle.join().unwrap_err().is::<gort::Shutdown>());
        }
        // Those whose handles have gone may end later.
        eventually("all are dropped", || tally.alive() <= 0);
        assert_eq!((tally.made(), tally.alive()), (500, 0));
    });
}

#[test]
fn destructors_of_results_and_captures_may_block() {
    for processors in [1, 2] {
        on(processors, || {
            let (tx, rx) = chan(0);
            for joined in [true, false] {
                for large in [true, false] {
                    let (in_closure, in_result) = (tx.clone(), tx.clone());
                    let captured = OnDrop(move || {
                        gort::yield_now();
                        in_closure.send("captured").unwrap();
                    });
                    let padding = [0_u8; 200];
                    let handle = gort::spawn(move || {
                        let _captured = captured;
                        let padding = large.then_some(padding);
                        OnDrop(move || {
                            std::hint::black_box(&padding);
                            in_result.send("result").unwrap();
                        })
                    });
                    if joined {
                        assert_eq!(rx.recv(), Some("captured"));
                        let result = handle.join().unwrap();
                        gort::go!(move || drop(result));
                    } else {
                        drop(handle);
                        assert_eq!(rx.recv(), Some("captured"));
                    }
                    assert_eq!(rx.recv(), Some("result"));
                }
            }
        });
    }
}

#[test]
fn destructors_that_panic_end_nobody_else() {
    gort::set_panic_handler(|_| ());
    on(1, || {
        for _ in 0..50 {
            // In the result of a goroutine that nobody joins.
            drop(gort::spawn(|| OnDrop(|| std::panic::resume_unwind(Box::new("result")))));
            // In a capture, at the end.
            let captured = OnDrop(|| std::panic::resume_unwind(Box::new("capture")));
            let handle = gort::spawn(move || {
                let _captured = &captured;
            });
            let payload = handle.join().unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"capture"));
            // In the payload of a panic.
            gort::go!(|| {
                let payload = OnDrop(|| std::panic::resume_unwind(Box::new("payload")));
                std::panic::resume_unwind(Box::new(payload));
            });
            gort::yield_now();
        }
        assert_eq!(gort::spawn(|| 1).join().unwrap(), 1);
    });
}

#[test]
fn a_panic_drops_what_the_frames_hold() {
    on(2, || {
        let tally = Tally::new();
        let handles: Vec<_> = (0..200_usize)
            .map(|n| {
                let tally = tally.clone();
                gort::spawn(move || {
                    let _a = tally.token();
                    let _b = Box::new(tally.token());
                    if n % 2 == 0 {
                        gort::yield_now();
                    }
                    let caught = catch_unwind(AssertUnwindSafe(|| {
                        let _c = tally.token();
                        std::panic::resume_unwind(Box::new(1));
                    }));
                    assert!(caught.is_err());
                    std::panic::resume_unwind(Box::new(n));
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            let payload = handle.join().unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&n));
        }
        assert_eq!((tally.made(), tally.alive()), (600, 0));
    });
}
