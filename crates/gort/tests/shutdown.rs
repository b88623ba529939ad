//! Shutting a runtime down: everything in it ends, and is dropped exactly once.

mod support;

use gort::chan::{Receiver, chan, never};
use gort::sync::WaitGroup;
use gort::{JoinHandle, Runtime, Shutdown};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use support::{
    LIMIT, OnDrop, Tally, Token, assert_success, block_on, child, compute_until, eventually,
    in_child, runtime, within,
};

/// Starts `count` goroutines that hold a token each and do `f`, and waits until they are at it.
fn start(
    runtime: &Runtime,
    tally: &Tally,
    count: usize,
    f: impl Fn(Token) + Clone + Send + 'static,
) -> Vec<JoinHandle<()>> {
    let there = Arc::new(AtomicUsize::new(0));
    let handles = (0..count)
        .map(|_| {
            let (token, f, there) = (tally.token(), f.clone(), there.clone());
            runtime.spawn(move || {
                there.fetch_add(1, SeqCst);
                f(token);
            })
        })
        .collect();
    eventually("all have started", || there.load(SeqCst) == count);
    handles
}

#[track_caller]
fn all_shut_down(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        assert!(handle.join().unwrap_err().is::<Shutdown>());
    }
}

#[test]
fn those_who_wait_are_unwound() {
    within(LIMIT, || {
        for processors in [1, 2] {
            let runtime = runtime(processors);
            let tally = Tally::new();
            let (tx, rx) = chan::<Token>(0);
            let mut handles = start(&runtime, &tally, 20, |_token| {
                never::<()>().recv();
            });
            let sender = tx.clone();
            handles.extend(start(&runtime, &tally, 20, move |token| {
                sender.send(token).unwrap();
            }));
            let receiver = rx.clone();
            handles.extend(start(&runtime, &tally, 20, move |_token| {
                // Nobody sends here.
                let (_tx, other) = chan::<u32>(3);
                gort::select! {
                    recv(other) -> _ => {}
                    after(Duration::MAX) => {}
                }
                receiver.recv();
            }));
            handles.extend(start(&runtime, &tally, 20, |_token| gort::sleep(Duration::MAX)));
            handles.extend(start(&runtime, &tally, 20, |_token| {
                let group = WaitGroup::new();
                group.add(1);
                group.wait();
            }));
            handles.extend(start(&runtime, &tally, 20, |_token| {
                if let Err(payload) = gort::spawn(|| never::<()>().recv()).join() {
                    // It has been ended before this one.
                    std::panic::resume_unwind(payload);
                }
            }));
            handles.extend(start(&runtime, &tally, 20, |token| {
                let borrowed = &token;
                gort::scope(|s| {
                    s.go(move || {
                        gort::sleep(Duration::MAX);
                        unreachable!("{borrowed:?}");
                    });
                });
            }));
            handles.extend(start(&runtime, &tally, 20, |token| {
                gort::run(|| {
                    never::<()>().recv();
                    unreachable!("{token:?}");
                });
            }));
            assert_eq!(tally.alive(), 160);
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
            // The channel has been left in order.
            assert!(tx.try_send(tally.token()).is_err());
            assert!(rx.try_recv().is_err());
        }
    });
}

#[test]
fn those_who_yield_or_use_channels_in_a_loop_are_unwound() {
    within(LIMIT, || {
        let tally = Tally::new();
        let runtime = runtime(2);
        let mut handles = start(&runtime, &tally, 3, |_token| {
            loop {
                gort::yield_now();
            }
        });
        handles.extend(start(&runtime, &tally, 3, |_token| {
            let (tx, rx) = chan(1);
            loop {
                tx.send(1).unwrap();
                rx.recv().unwrap();
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            let (tx, rx) = chan(0);
            gort::go!(move || while tx.send(1).is_ok() {});
            while rx.recv().is_some() {}
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            loop {
                let _ = gort::spawn(|| 1).join();
            }
        }));
        handles.extend(start(&runtime, &tally, 3, |_token| {
            loop {
                gort::sleep(Duration::from_micros(20));
            }
        }));
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
        // Some may have seen the end of their partner first, and ended by themselves.
        handles.into_iter().for_each(|handle| drop(handle.join()));
    });
}

#[test]
fn those_who_compute_end_when_they_are_done() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let handles = start(&runtime, &tally, 2, move |_token| {
            compute_until(LIMIT, || stopped.load(SeqCst));
        });
        let stopper = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            stop.store(true, SeqCst);
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
        for handle in handles {
            handle.join().unwrap();
        }
        stopper.join().unwrap();
    });
}

#[test]
fn destructors_that_block_are_waited_for() {
    within(LIMIT, || {
        for processors in [1, 2] {
            let runtime = runtime(processors);
            let tally = Tally::new();
            let done = Arc::new(AtomicUsize::new(0));
            let count = done.clone();
            let handles = start(&runtime, &tally, 30, move |_token| {
                let _block = OnDrop(|| {
                    gort::sleep(Duration::from_millis(2));
                    let (tx, rx) = chan::<()>(0);
                    // It is not started any more, and dropped.
                    gort::go!(move || drop(tx));
                    assert!(rx.recv().is_none());
                    gort::yield_now();
                    count.fetch_add(1, SeqCst);
                });
                never::<()>().recv();
            });
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(done.load(SeqCst), 30);
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
        }
    });
}

#[test]
fn one_that_unwinds_from_a_panic_of_its_own_is_not_disturbed() {
    if in_child() {
        // A second panic in a destructor would abort the process.
        gort::set_panic_handler(|_| ());
        within(LIMIT, || {
            for _ in 0..20 {
                let runtime = runtime(2);
                let tally = Tally::new();
                let handles = start(&runtime, &tally, 10, |_token| {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_millis(3));
                        gort::yield_now();
                        gort::sleep(Duration::from_millis(1));
                    });
                    std::panic::resume_unwind(Box::new("its own"));
                });
                runtime.shutdown(LIMIT).unwrap();
                assert_eq!(tally.alive(), 0);
                for handle in handles {
                    let payload = handle.join().unwrap_err();
                    assert!(payload.downcast_ref() == Some(&"its own") || payload.is::<Shutdown>());
                }
            }
        });
        return;
    }
    assert_success(&child("one_that_unwinds_from_a_panic_of_its_own_is_not_disturbed", |_| {}));
}

#[test]
fn destructors_may_start_goroutines_and_wait_for_them() {
    if in_child() {
        gort::set_panic_handler(|_| ());
        within(LIMIT, || {
            for round in 0..20 {
                let runtime = runtime(2);
                let tally = Tally::new();
                let done = Arc::new(AtomicUsize::new(0));
                let count = done.clone();
                let handles = start(&runtime, &tally, 10, move |_token| {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_millis(1));
                        assert_eq!(gort::run(|| 5), 5);
                        let mut borrowed = 0;
                        gort::scope(|s| {
                            s.go(|| {
                                gort::yield_now();
                                borrowed = 1;
                            });
                        });
                        assert_eq!(borrowed, 1);
                        count.fetch_add(1, SeqCst);
                    });
                    if round % 2 == 0 {
                        std::panic::resume_unwind(Box::new("its own"));
                    }
                    never::<()>().recv();
                });
                runtime.shutdown(LIMIT).unwrap();
                assert_eq!(tally.alive(), 0);
                assert_eq!(done.load(SeqCst), 10);
                drop(handles);
            }
        });
        return;
    }
    assert_success(&child("destructors_may_start_goroutines_and_wait_for_them", |_| {}));
}

#[test]
fn destructors_around_a_nested_run_are_not_disturbed() {
    if in_child() {
        within(LIMIT, || {
            for _ in 0..20 {
                let runtime = runtime(2);
                let tally = Tally::new();
                let done = Arc::new(AtomicUsize::new(0));
                let count = done.clone();
                let handles = start(&runtime, &tally, 10, move |_token| {
                    let _block = OnDrop(|| {
                        gort::sleep(Duration::from_millis(2));
                        count.fetch_add(1, SeqCst);
                    });
                    gort::run(|| {
                        let _inner = OnDrop(|| gort::sleep(Duration::from_millis(2)));
                        never::<()>().recv();
                    });
                });
                runtime.shutdown(LIMIT).unwrap();
                assert_eq!(tally.alive(), 0);
                assert_eq!(done.load(SeqCst), 10);
                all_shut_down(handles);
            }
        });
        return;
    }
    assert_success(&child("destructors_around_a_nested_run_are_not_disturbed", |_| {}));
}

#[test]
fn one_that_blocks_in_a_destructor_when_the_end_comes() {
    within(LIMIT, || {
        for _ in 0..10 {
            let runtime = runtime(1);
            let tally = Tally::new();
            let (at, in_it) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let inside = in_it.clone();
            let handles = start(&runtime, &tally, 5, move |_token| {
                let _other = OnDrop(|| {
                    at.fetch_add(1, SeqCst);
                });
                // Not unwinding: the wait in this destructor is ended like any other.
                let block = OnDrop(|| {
                    inside.fetch_add(1, SeqCst);
                    never::<()>().recv();
                });
                drop(block);
            });
            eventually("all are in it", || in_it.load(SeqCst) == 5);
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(tally.alive(), 0);
            all_shut_down(handles);
        }
    });
}

#[test]
fn one_that_catches_the_unwinding_may_go_on_to_its_end() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let handles = start(&runtime, &tally, 10, |_token| {
            assert!(catch_unwind(|| never::<()>().recv()).is_err());
            // It is not disturbed again.
            gort::sleep(Duration::from_millis(1));
            gort::yield_now();
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
        for handle in handles {
            handle.join().unwrap();
        }
    });
}

#[test]
fn those_that_have_not_started_are_dropped() {
    within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(1).preempt(gort::Preempt::Off);
        let runtime = builder.build().unwrap();
        let tally = Tally::new();
        let release = Arc::new(AtomicBool::new(false));
        let released = release.clone();
        let busy = start(&runtime, &tally, 1, move |_token| {
            compute_until(LIMIT, || released.load(SeqCst));
        });
        let ran = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..2000)
            .map(|_| {
                let (token, ran) = (tally.token(), ran.clone());
                runtime.spawn(move || {
                    drop(token);
                    ran.fetch_add(1, SeqCst);
                })
            })
            .collect();
        let shutting = thread::spawn(move || runtime.shutdown(LIMIT));
        thread::sleep(Duration::from_millis(5));
        release.store(true, SeqCst);
        shutting.join().unwrap().unwrap();
        assert_eq!((tally.alive(), ran.load(SeqCst)), (0, 0));
        all_shut_down(handles);
        drop(busy);
    });
}

#[test]
fn what_destructors_spawn_is_run() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let inner = tally.clone();
        let handles = start(&runtime, &tally, 5, move |_token| {
            let _spawn = OnDrop(|| {
                for _ in 0..10 {
                    let token = inner.token();
                    gort::go!(move || drop(token));
                    let token = inner.token();
                    let child = gort::spawn(move || drop(token));
                    child.join().unwrap();
                }
            });
            never::<()>().recv();
        });
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!((tally.made(), tally.alive()), (105, 0));
        all_shut_down(handles);
    });
}

#[test]
fn a_scope_without_its_goroutines_does_not_return() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let tally = Tally::new();
        let returned = Arc::new(AtomicBool::new(false));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopping) = (returned.clone(), stop.clone());
        let handles = start(&runtime, &tally, 1, move |_token| {
            compute_until(LIMIT, || stopping.load(SeqCst));
            let mut value = 0;
            gort::scope(|s| {
                s.go(|| value = 1);
            });
            assert_eq!(value, 1, "the scope has returned, and its goroutine never ran");
            seen.store(true, SeqCst);
        });
        let shutting = thread::spawn(move || runtime.shutdown(LIMIT));
        // Long enough that the shutdown has begun: else the test tests nothing, but does not fail.
        thread::sleep(Duration::from_millis(20));
        stop.store(true, SeqCst);
        shutting.join().unwrap().unwrap();
        assert!(!returned.load(SeqCst));
        all_shut_down(handles);
    });
}

#[test]
fn who_is_left_at_the_deadline_is_counted() {
    if in_child() {
        let runtime = runtime(2);
        let tally = Tally::new();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let computing = start(&runtime, &tally, 2, move |_token| {
            compute_until(LIMIT, || stopped.load(SeqCst));
        });
        drop(runtime.spawn(|| ()));
        let start = Instant::now();
        let error = runtime.shutdown(Duration::from_millis(30)).unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert!((2..=3).contains(&error.goroutines()), "{error}");
        assert!(error.to_string().contains(&error.goroutines().to_string()));
        // They are left to themselves, and may end later.
        stop.store(true, SeqCst);
        for handle in computing {
            handle.join().unwrap();
        }
        assert_eq!(tally.alive(), 0);
        return;
    }
    assert_success(&child("who_is_left_at_the_deadline_is_counted", |_| {}));
}

#[test]
fn dropping_is_shutting_down() {
    within(LIMIT, || {
        let tally = Tally::new();
        let handles = {
            let runtime = runtime(2);
            let handles = start(&runtime, &tally, 50, |_token| {
                never::<()>().recv();
            });
            drop(runtime);
            handles
        };
        assert_eq!(tally.alive(), 0);
        all_shut_down(handles);
        let builder = Runtime::builder().shutdown_timeout(Duration::from_secs(5));
        drop(builder.build().unwrap());
    });
}

#[test]
fn from_within() {
    within(LIMIT, || {
        // By one of its own goroutines: it only begins.
        let tally = Tally::new();
        let (give, given) = chan::<Runtime>(1);
        let runtime = runtime(2);
        let handles = start(&runtime, &tally, 20, |_token| gort::sleep(Duration::MAX));
        let result = runtime.spawn(move || {
            let runtime = given.recv().unwrap();
            let result = runtime.shutdown(LIMIT);
            gort::sleep(Duration::MAX);
            result
        });
        give.send(runtime).unwrap();
        assert!(result.join().map(drop).unwrap_err().is::<Shutdown>());
        all_shut_down(handles);
        eventually("all are dropped", || tally.alive() == 0);
    });
}

#[cfg(target_os = "linux")]
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

#[test]
fn from_a_goroutine_of_another_runtime() {
    within(LIMIT, || {
        let outer = runtime(1);
        let tally = Tally::new();
        let inner = tally.clone();
        outer.run(move || {
            let runtime = runtime(2);
            let handles = start(&runtime, &inner, 20, |_token| gort::sleep(Duration::MAX));
            runtime.shutdown(LIMIT).unwrap();
            all_shut_down(handles);
        });
        assert_eq!(tally.alive(), 0);
    });
}

/// Handles to results of a runtime that is gone.
#[test]
fn handles_outlive_their_runtime() {
    within(LIMIT, || {
        for round in 0..30 {
            let tally = Tally::new();
            let runtime = runtime(2);
            let inner = tally.clone();
            let mut handles: Vec<_> = (0..300)
                .map(|n| {
                    let token = inner.token();
                    runtime.spawn(move || {
                        match n % 3 {
                            0 => {}
                            1 => gort::sleep(Duration::MAX),
                            _ => gort::sleep(Duration::from_micros(n)),
                        }
                        (token, [n; 8])
                    })
                })
                .collect();
            let mut polled = handles.split_off(200);
            for handle in &mut polled {
                // Some are ready, some wait as futures.
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(result) = Future::poll(std::pin::Pin::new(handle), &mut cx) {
                    drop(result);
                    std::mem::forget(std::mem::replace(handle, {
                        let token = tally.token();
                        runtime.spawn(move || (token, [0; 8]))
                    }));
                }
            }
            if round % 2 == 0 {
                drop(runtime);
            } else {
                runtime.shutdown(LIMIT).unwrap();
            }
            let rest = handles.split_off(100);
            let here = thread::spawn(move || {
                for handle in rest {
                    assert!(handle.is_finished());
                    drop(handle);
                }
            });
            for (n, handle) in handles.into_iter().enumerate() {
                match handle.join() {
                    Ok((_token, numbers)) => assert_eq!(numbers, [n as u64; 8]),
                    Err(payload) => assert!(payload.is::<Shutdown>()),
                }
            }
            for handle in polled {
                drop(block_on(handle));
            }
            here.join().unwrap();
            assert_eq!(tally.alive(), 0);
        }
    });
}

#[test]
fn a_thread_waits_in_join_while_the_runtime_goes() {
    within(LIMIT, || {
        for _ in 0..50 {
            let runtime = runtime(2);
            let (there, wait) = chan(0);
            let joining: Vec<_> = (0..4)
                .map(|_| {
                    let there = there.clone();
                    let handle = runtime.spawn(move || {
                        there.send(()).unwrap();
                        never::<()>().recv();
                    });
                    thread::spawn(move || handle.join())
                })
                .collect();
            wait.iter().take(4).for_each(drop);
            runtime.shutdown(LIMIT).unwrap();
            for thread in joining {
                assert!(thread.join().unwrap().unwrap_err().is::<Shutdown>());
            }
        }
    });
}

#[test]
fn waiters_of_other_runtimes_and_threads_are_left_alone() {
    within(LIMIT, || {
        let (one, two) = (runtime(1), runtime(1));
        let (tx, rx): (_, Receiver<u32>) = chan(0);
        let tally = Tally::new();
        let in_one = rx.clone();
        let shut = start(&one, &tally, 10, move |_token| {
            in_one.recv();
        });
        let in_two = two.spawn({
            let rx = rx.clone();
            move || rx.recv()
        });
        let in_thread = thread::spawn(move || rx.recv());
        one.shutdown(LIMIT).unwrap();
        all_shut_down(shut);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        let (a, b) = (in_two.join().unwrap(), in_thread.join().unwrap());
        assert_eq!(a.unwrap() + b.unwrap(), 3);
    });
}

#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[cfg(target_os = "linux")]
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

/// Runtimes come and go with goroutines in all states; nothing of them is left.
#[cfg(target_os = "linux")]
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
    assert_success(&child("two_hundred_runtimes", |_| {}));
}

#[cfg(target_os = "linux")]
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
    assert_success(&child("an_unused_runtime_leaves_no_thread", |_| {}));
}

/// Goroutines that borrow through `run` and `scope` are interrupted as they come and go.
#[test]
fn borrows_end_before_what_is_borrowed() {
    within(LIMIT, || {
        for _ in 0..100 {
            let runtime = runtime(2);
            let tally = Tally::new();
            let handles = start(&runtime, &tally, 8, |_token| {
                loop {
                    let mut numbers = [0_u64; 16];
                    gort::run(|| {
                        for number in &mut numbers {
                            *number += 1;
                            gort::yield_now();
                        }
                    });
                    gort::scope(|s| {
                        for number in &mut numbers {
                            s.go(|| {
                                let _touch = OnDrop(|| ());
                                gort::yield_now();
                                *number += 1;
                            });
                        }
                    });
                    assert_eq!(numbers, [2; 16]);
                }
            });
            runtime.shutdown(LIMIT).unwrap();
            all_shut_down(handles);
            assert_eq!(tally.alive(), 0);
        }
    });
}

#[test]
fn a_result_that_panics_when_dropped_does_not_stop_the_end() {
    within(LIMIT, || {
        gort::set_panic_handler(|_| ());
        let runtime = runtime(2);
        for n in 0..20 {
            let bomb = OnDrop(|| {
                if !thread::panicking() {
                    std::panic::resume_unwind(Box::new("dropped"));
                }
            });
            let handle = runtime.spawn(move || {
                if n % 2 == 0 {
                    gort::sleep(Duration::MAX);
                }
                bomb
            });
            // If it has ended already, this is where its result is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
        }
        runtime.shutdown(LIMIT).unwrap();
    });
}
