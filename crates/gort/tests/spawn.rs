//! Starting goroutines: `spawn`, `go!`, `Builder`; what they hold is dropped exactly once.

mod support;

use gort::chan::chan;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::mem::size_of_val;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use support::{LIMIT, OnDrop, Tally, on, runtime, within, yield_until};

#[test]
fn names_are_kept() {
    let handle = gort::Builder::new().name("worker").spawn(gort::current).unwrap();
    assert_eq!(handle.name(), Some("worker"));
    let id = handle.id();
    let me = handle.join().unwrap();
    assert_eq!((me.id(), me.name()), (id, Some("worker")));
    // The record, used again, has not kept the name.
    on(1, || {
        for _ in 0..10 {
            gort::Builder::new().name("x".repeat(1000)).spawn(|| ()).unwrap().join().unwrap();
            assert_eq!(gort::spawn(gort::current).join().unwrap().name(), None);
        }
    });
    let empty = gort::Builder::new().name("").spawn(gort::current).unwrap();
    assert_eq!(empty.join().unwrap().name(), Some(""));
}

#[test]
fn numbers_are_unique() {
    within(LIMIT, || {
        let runtime = Arc::new(runtime(2));
        let seen = Mutex::new(Vec::new());
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    let mut mine = Vec::new();
                    for _ in 0..100 {
                        let handle = runtime.spawn(|| {
                            let children: Vec<_> =
                                (0..20).map(|_| gort::spawn(|| gort::current().id())).collect();
                            let mut ids = vec![gort::current().id()];
                            for child in children {
                                let id = child.id();
                                assert_eq!(child.join().unwrap(), id);
                                ids.push(id);
                            }
                            ids
                        });
                        let id = handle.id();
                        let ids = handle.join().unwrap();
                        assert_eq!(ids[0], id);
                        mine.extend(ids);
                    }
                    seen.lock().unwrap().extend(mine);
                });
            }
        });
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), 4 * 100 * 21);
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len());
        assert!(!seen.contains(&0), "no goroutine has the number 0");
    });
}

/// Goes `bytes` deep into the stack, and really touches it.
#[inline(never)]
fn use_stack(bytes: usize) {
    fn deeper(from: usize, bytes: usize) {
        let page = std::hint::black_box([1_u8; 128]);
        if from - (&raw const page).addr() < bytes {
            deeper(from, bytes);
        }
        std::hint::black_box(page);
    }
    let here = 0_u8;
    deeper((&raw const here).addr(), bytes);
}

#[test]
fn stacks_are_as_large_as_asked_for() {
    within(LIMIT, || {
        for size in [16 << 10, 20_000, 32 << 10, 100_000, 256 << 10, 1 << 20, 3 << 20, 64 << 20] {
            let handle = gort::Builder::new().stack_size(size).spawn(move || {
                let most = match size {
                    // The scheduler's own frames of unoptimized code take half of it.
                    ..32_768 if cfg!(debug_assertions) => 1 << 10,
                    ..65_536 => size / 4,
                    _ => size / 4 * 3,
                };
                use_stack(most);
                gort::yield_now();
                use_stack(most);
            });
            handle.unwrap().join().unwrap();
        }
        for size in [512 << 20, 1 << 30] {
            let handle = gort::Builder::new().stack_size(size).spawn(|| use_stack(200 << 20));
            handle.unwrap().join().unwrap();
        }
    });
}

#[test]
fn a_runtime_of_small_stacks_does_all_there_is_to_do() {
    within(LIMIT, || {
        // Frames of unoptimized code are several times as large.
        let size = if cfg!(debug_assertions) { 64 << 10 } else { 16 << 10 };
        let runtime = gort::Runtime::builder().processors(2).stack_size(size).build().unwrap();
        runtime.run(|| {
            let (tx, rx) = chan(0);
            let (quit, quits) = chan::<()>(0);
            let handle = gort::Builder::new().name("small").spawn(move || {
                let mut sum = 0;
                loop {
                    gort::select! {
                        recv(rx) -> n => sum += n.unwrap_or(0),
                        recv(quits) -> _ => return sum,
                        after(Duration::from_secs(50)) => unreachable!(),
                    }
                }
            });
            gort::scope(|s| {
                for n in 0..100 {
                    let tx = &tx;
                    s.go(move || tx.send(n).unwrap());
                }
            });
            gort::sleep(Duration::from_millis(1));
            drop(quit);
            assert_eq!(handle.unwrap().join().unwrap(), 4950);
            assert_eq!(gort::run(|| gort::spawn(|| 5).join().unwrap()), 5);
            let caught = catch_unwind(|| std::panic::resume_unwind(Box::new("quietly")));
            assert!(caught.is_err());
            gort::set_gomaxprocs(4);
            assert!(format!("{:?}", gort::current()).contains("Goroutine"));
        });
    });
}

#[test]
fn stack_sizes_out_of_bounds_are_invalid_input() {
    for size in [0, 1, (16 << 10) - 1, (1 << 30) + 1, 1 << 40, usize::MAX] {
        let error = gort::Builder::new().stack_size(size).spawn(|| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{size}: {error}");
        let build = gort::Runtime::builder().stack_size(size).build();
        assert_eq!(build.unwrap_err().kind(), ErrorKind::InvalidInput, "{size}");
    }
}

#[test]
fn a_spawn_that_fails_drops_its_closure() {
    let tally = Tally::new();
    let token = tally.token();
    let result = gort::Builder::new().name("never").stack_size(1).spawn(move || drop(token));
    assert!(result.is_err());
    assert_eq!(tally.alive(), 0);
}

fn spawn_sized<const N: usize>() {
    let data = std::array::from_fn::<u8, N, _>(|i| i as u8);
    let closure = move || data;
    assert_eq!(size_of_val(&closure), N);
    assert_eq!(gort::spawn(closure).join().unwrap(), data);
    let seen = Arc::new(AtomicUsize::new(0));
    let (done, wait) = chan::<()>(0);
    let sum: usize = data.iter().map(|&b| usize::from(b)).sum();
    let counter = seen.clone();
    gort::go!(move || {
        let _done = done;
        counter.fetch_add(data.iter().map(|&b| usize::from(b)).sum(), SeqCst);
    });
    assert_eq!(wait.recv(), None);
    assert_eq!(seen.load(SeqCst), sum);
}

#[test]
fn closures_and_results_have_any_size() {
    within(LIMIT, || {
        spawn_sized::<0>();
        spawn_sized::<1>();
        spawn_sized::<31>();
        spawn_sized::<39>();
        spawn_sized::<40>();
        spawn_sized::<41>();
        spawn_sized::<47>();
        spawn_sized::<48>();
        spawn_sized::<49>();
        spawn_sized::<56>();
        spawn_sized::<1000>();
        spawn_sized::<8000>();
    });
}

macro_rules! aligned {
    ($($align:literal)*) => {$({
        #[derive(Clone, Copy, PartialEq, Debug)]
        #[repr(align($align))]
        struct Aligned(u32);
        let value = Aligned($align);
        let back = gort::spawn(move || {
            assert_eq!((&raw const value).addr() % $align, 0);
            gort::yield_now();
            assert_eq!((&raw const value).addr() % $align, 0);
            value
        });
        assert_eq!(back.join().unwrap(), value);
        #[repr(align($align))]
        struct Nothing;
        let nothing = Nothing;
        let back = gort::spawn(move || nothing).join().unwrap();
        assert_eq!((&raw const back).addr() % $align, 0);
    })*};
}

#[test]
fn closures_and_results_have_any_alignment() {
    within(LIMIT, || {
        aligned!(2 8 16 32 64 128 256 4096);
    });
}

#[test]
fn functions_and_values_of_no_size() {
    fn function() {}
    static CALLS: AtomicU32 = AtomicU32::new(0);
    gort::spawn(function).join().unwrap();
    gort::spawn(|| CALLS.fetch_add(1, SeqCst)).join().unwrap();
    gort::spawn(|| CALLS.fetch_add(1, SeqCst)).join().unwrap();
    assert_eq!(CALLS.load(SeqCst), 2);
    enum Never {}
    let handle = gort::spawn(|| -> Never { std::panic::resume_unwind(Box::new(())) });
    assert!(handle.join().is_err());
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
        let (started, start) = chan(0);
        let (release, wait) = chan::<()>(0);
        let mut handles = Vec::new();
        // The only processor is busy with a thread that waits; nobody else starts.
        let busy = runtime.spawn(move || {
            started.send(()).unwrap();
            thread::park_timeout(Duration::from_secs(1));
            let _ = wait.try_recv();
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
        drop(release);
        runtime.shutdown(LIMIT).unwrap();
        for handle in handles {
            assert!(handle.join().unwrap_err().is::<gort::Shutdown>());
        }
        assert!(busy.join().is_ok());
        assert_eq!(tally.made(), 500);
        assert_eq!(tally.alive(), 0);
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

#[test]
fn a_hundred_thousand_goroutines() {
    on(2, || {
        let count = Arc::new(AtomicUsize::new(0));
        let group = gort::sync::WaitGroup::new();
        for _ in 0..100_000 {
            let count = count.clone();
            group.go(move || count.fetch_add(1, SeqCst));
        }
        group.wait();
        assert_eq!(count.load(SeqCst), 100_000);
    });
}

#[test]
fn goroutines_are_counted() {
    on(2, || {
        assert_eq!(gort::num_goroutines(), 1);
        let (release, wait) = chan::<()>(0);
        let handles: Vec<_> = (0..100)
            .map(|_| {
                let wait = wait.clone();
                gort::spawn(move || wait.recv())
            })
            .collect();
        assert_eq!(gort::num_goroutines(), 101);
        drop(release);
        handles.into_iter().for_each(|handle| assert!(handle.join().unwrap().is_none()));
        yield_until("all are gone", || gort::num_goroutines() == 1);
    });
}
