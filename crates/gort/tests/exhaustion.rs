//! When there are no stacks, no threads, no address space left.
//!
//! Each test runs in a process of its own, whose limits it lowers.
#![cfg(all(target_os = "linux", not(feature = "threads")))] // where a stack is a thread

mod support;

use gort::chan::chan;
use gort::context::{background, cause};
use gort::sync::{ErrGroup, WaitGroup};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::address_space::{limit_address_space, no_limit};
use support::{LIMIT, Tally, assert_success, eventually, in_child};

/// Runs a test in a process whose memory is what the test makes of it: no arena of 64 MiB for each
/// thread that allocates.
fn child(test: &str, set: impl FnOnce(&mut Command)) -> Output {
    support::child(test, |command| {
        command.env("MALLOC_ARENA_MAX", "1");
        set(command);
    })
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}

#[test]
fn no_stack_of_a_size_of_ones_own() {
    if in_child() {
        gort::run(|| ());
        limit_address_space(64 << 20);
        let tally = Tally::new();
        let token = tally.token();
        let refused = gort::Builder::new().stack_size(1 << 30).spawn(move || drop(token));
        let error = refused.unwrap_err();
        assert_ne!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
        assert_eq!(tally.alive(), 0);
        // Others are not touched by it.
        assert_eq!(gort::run(|| gort::spawn(|| 5).join().unwrap()), 5);
        no_limit();
        let handle = gort::Builder::new().stack_size(1 << 30).spawn(|| 5);
        assert_eq!(handle.unwrap().join().unwrap(), 5);
        return;
    }
    assert_success(&child("no_stack_of_a_size_of_ones_own", |_| {}));
}

/// Goroutines that block on stacks of 1 MiB until there are no more; then the limit is lifted.
#[test]
fn no_more_stacks() {
    if in_child() {
        let builder = gort::Runtime::builder().processors(2).stack_size(1 << 20);
        let runtime = builder.build().unwrap();
        // All machines are there.
        runtime.run(|| {
            gort::scope(|s| {
                (0..100).for_each(|_| drop(s.go(|| gort::sleep(Duration::from_millis(1)))));
            });
        });
        limit_address_space(200 << 20);
        let tally = Tally::new();
        let (release, wait) = chan::<()>(0);
        let started = Arc::new(AtomicUsize::new(0));
        let mut handles = Vec::new();
        let (error, panicked) = runtime.run(|| {
            let refused = loop {
                let (token, wait, started) = (tally.token(), wait.clone(), started.clone());
                let spawned = gort::Builder::new().spawn(move || {
                    let _token = token;
                    started.fetch_add(1, SeqCst);
                    wait.recv();
                });
                match spawned {
                    Ok(handle) => handles.push(handle),
                    Err(error) => break error,
                }
                assert!(handles.len() < 10_000, "the limit has no effect");
                gort::yield_now();
            };
            let wait = wait.clone();
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                loop {
                    let wait = wait.clone();
                    gort::go!(move || wait.recv());
                    gort::yield_now();
                }
            }));
            (refused, panicked)
        });
        let told = message(&*panicked.unwrap_err());
        assert!(told.contains("cannot be started") && told.len() > 40, "{told}");
        assert!(!error.to_string().is_empty());
        assert_eq!(tally.alive(), handles.len() as isize);
        eprintln!("{} goroutines, {} started; {error}", handles.len(), started.load(SeqCst));
        // What was spawned is not lost: some may wait for a stack until others end.
        drop(release);
        for handle in handles {
            handle.join().unwrap();
        }
        assert_eq!(tally.alive(), 0);
        assert_eq!(runtime.run(|| gort::spawn(|| 5).join().unwrap()), 5);
        no_limit();
        let group = WaitGroup::new();
        runtime.run(|| (0..1000).for_each(|_| group.go(gort::yield_now)));
        group.wait();
        runtime.shutdown(LIMIT).unwrap();
        return;
    }
    assert_success(&child("no_more_stacks", |_| {}));
}

/// Starts what `make` makes; anew as long as it is refused for want of a stack.
fn start<F: FnOnce() + Send + 'static>(make: impl Fn() -> F) {
    while gort::Builder::new().spawn(make()).is_err() {
        gort::sleep(Duration::from_millis(1));
    }
}

/// Many are spawned before the first needs a stack: spawning cannot tell then. They start as stacks
/// become free, with nobody spawning any more.
#[test]
fn too_few_stacks_for_those_that_wait() {
    if in_child() {
        for processors in [1, 2] {
            let builder = gort::Runtime::builder().processors(processors).stack_size(1 << 20);
            let runtime = builder.build().unwrap();
            runtime.run(|| {
                gort::scope(|s| {
                    (0..20).for_each(|_| drop(s.go(|| gort::sleep(Duration::from_millis(1)))));
                });
            });
            limit_address_space(150 << 20);
            let tally = Tally::new();
            let group = WaitGroup::new();
            let run = Arc::new(AtomicUsize::new(0));
            runtime.run(|| {
                for _ in 0..3000 {
                    group.add(1);
                    // On two processors the first that needs a stack may run before all are started.
                    start(|| {
                        let (token, run, group) = (tally.token(), run.clone(), group.clone());
                        move || {
                            run.fetch_add(1, SeqCst);
                            // It needs its stack for a while.
                            gort::sleep(Duration::from_millis(5));
                            drop(token);
                            group.done();
                        }
                    });
                }
            });
            group.wait();
            assert_eq!((run.load(SeqCst), tally.alive()), (3000, 0));
            no_limit();
        }
        return;
    }
    let output = child("too_few_stacks_for_those_that_wait", |_| {});
    assert_success(&output);
}

/// Stacks that goroutines have left behind lie with the processors. Whichever needs one has it, though nobody ends.
#[test]
fn all_stacks_that_there_are_can_be_used_at_once() {
    if in_child() {
        let builder = gort::Runtime::builder().processors(2).stack_size(1 << 20);
        let runtime = builder.build().unwrap();
        runtime.run(|| ());
        limit_address_space(150 << 20);
        // How many there are: so many run when one cannot be had.
        let stacks = runtime.run(|| {
            let running = Arc::new(AtomicUsize::new(0));
            let (release, wait) = chan::<()>(0);
            let mut handles = Vec::new();
            loop {
                let (running, wait) = (running.clone(), wait.clone());
                let spawned = gort::Builder::new().spawn(move || {
                    running.fetch_add(1, SeqCst);
                    wait.recv();
                });
                let Ok(handle) = spawned else { break };
                handles.push(handle);
                gort::yield_now();
            }
            let stacks = running.load(SeqCst);
            drop(release);
            handles.into_iter().for_each(|handle| assert!(handle.join().is_ok()));
            stacks
        });
        assert!(stacks > 100, "{stacks}");
        for _ in 0..20 {
            let group = WaitGroup::new();
            let all = group.clone();
            runtime.run(|| {
                group.add(stacks as isize);
                for _ in 0..stacks {
                    start(|| {
                        let all = all.clone();
                        move || {
                            all.done();
                            all.wait();
                        }
                    });
                }
                group.wait();
            });
        }
        no_limit();
        return;
    }
    assert_success(&child("all_stacks_that_there_are_can_be_used_at_once", |_| {}));
}

/// A shutdown ends those that wait for a stack, too.
#[test]
fn shut_down_with_goroutines_that_wait_for_a_stack() {
    if in_child() {
        let builder = gort::Runtime::builder().processors(2).stack_size(1 << 20);
        let runtime = builder.build().unwrap();
        runtime.run(|| ());
        limit_address_space(100 << 20);
        let tally = Tally::new();
        let mut handles = Vec::new();
        runtime.run(|| {
            // Until one cannot be had: most wait in the queue by then, and some of them for a stack.
            for _ in 0..1000 {
                let token = tally.token();
                let spawned = gort::Builder::new().spawn(move || {
                    let _token = token;
                    gort::sleep(Duration::MAX);
                });
                let Ok(handle) = spawned else { break };
                handles.push(handle);
            }
        });
        std::thread::sleep(Duration::from_millis(20));
        runtime.shutdown(LIMIT).unwrap();
        no_limit();
        assert_eq!(tally.alive(), 0);
        assert!(handles.into_iter().all(|handle| handle.join().is_err()));
        return;
    }
    assert_success(&child("shut_down_with_goroutines_that_wait_for_a_stack", |_| {}));
}

#[test]
fn the_processs_runtime_cannot_be_started() {
    if in_child() {
        // Not even a thread's stack.
        limit_address_space(300 << 10);
        let spawned = gort::Builder::new().spawn(|| 5);
        let run = catch_unwind(|| gort::run(|| 5));
        let go = catch_unwind(|| gort::go!(|| ()));
        let (group, ctx) = ErrGroup::with_context(&background());
        let in_group = catch_unwind(AssertUnwindSafe(|| group.go(|| Ok::<_, String>(()))));
        let procs = catch_unwind(gort::gomaxprocs);
        let build = gort::Runtime::builder().build();
        no_limit();
        assert!(spawned.is_err(), "an error, and no panic");
        for told in [run.unwrap_err(), go.unwrap_err(), in_group.unwrap_err()] {
            let told = message(&*told);
            assert!(told.contains("cannot be started"), "{told}");
        }
        for told in [cause(&ctx).unwrap(), group.wait().unwrap_err()] {
            assert_eq!(told.to_string(), "a goroutine of the group could not be started");
        }
        assert!(procs.is_err());
        assert!(build.is_err());
        // It may be better later.
        assert_eq!(gort::run(|| gort::spawn(|| 5).join().unwrap()), 5);
        return;
    }
    assert_success(&child("the_processs_runtime_cannot_be_started", |_| {}));
}

/// The runtime has a machine, and no thread more is to be had: all goes on with what there is.
#[test]
fn no_more_threads() {
    if in_child() {
        let runtime = gort::Runtime::builder().processors(4).build().unwrap();
        runtime.run(|| ());
        // There is room for stacks of goroutines, which are there already, but not for a thread's.
        runtime.run(|| {
            gort::scope(|s| (0..8).for_each(|_| drop(s.go(gort::yield_now))));
        });
        limit_address_space(200 << 10);
        let sum: usize = runtime.run(|| {
            let (tx, rx) = chan(0);
            let handles: Vec<_> = (0..4)
                .map(|n| {
                    let tx = tx.clone();
                    gort::spawn(move || {
                        for k in 0..10 {
                            gort::yield_now();
                            tx.send(n * k).unwrap();
                        }
                    })
                })
                .collect();
            drop(tx);
            let sum = rx.iter().sum();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            gort::sleep(Duration::from_millis(3));
            sum
        });
        no_limit();
        assert_eq!(sum, 270);
        runtime.shutdown(LIMIT).unwrap();
        return;
    }
    assert_success(&child("no_more_threads", |_| {}));
}

/// One blocks its thread until `other` has run, for which there is no thread just now. When there is one again nobody asks
/// for it any more.
fn a_thread_is_asked_for_again(test: &str, other: fn()) {
    if in_child() {
        // A slice so long that nobody who is kept from the CPU for a while loses the processor, for which there would be a
        // second thread before there is to be none. Who sleeps loses it at once.
        let builder = gort::Runtime::builder().processors(1).time_slice(LIMIT);
        let runtime = builder.build().unwrap();
        // Two stacks are there.
        runtime.run(|| gort::scope(|s| drop(s.go(gort::yield_now))));
        limit_address_space(200 << 10);
        let waits = runtime.spawn(move || {
            let (tx, rx) = std::sync::mpsc::channel();
            gort::go!(move || {
                other();
                tx.send(()).unwrap();
            });
            // The other begins, and this one goes on when that waits, or has made room.
            gort::yield_now();
            gort::blocking(|| rx.recv().unwrap());
        });
        // For as long as the monitor takes to go to rest, and more.
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waits.is_finished(), "there is a thread");
        no_limit();
        eventually("it ends", || waits.is_finished());
        return;
    }
    let output = child(test, |_| {});
    assert_success(&output);
    assert!(support::stderr(&output).contains("cannot be had"));
}

#[test]
fn a_thread_for_one_that_is_ready_is_asked_for_again() {
    a_thread_is_asked_for_again(
        "a_thread_for_one_that_is_ready_is_asked_for_again",
        gort::yield_now,
    );
}

#[test]
fn a_thread_for_one_whose_time_has_come_is_asked_for_again() {
    a_thread_is_asked_for_again("a_thread_for_one_whose_time_has_come_is_asked_for_again", || {
        gort::sleep(Duration::from_millis(3));
    });
}

/// Goroutines that block while they unwind each need a thread, and there are none.
#[test]
fn no_more_threads_for_those_that_block_while_they_unwind() {
    if in_child() {
        gort::set_panic_handler(|_| ());
        let runtime = gort::Runtime::builder().processors(2).build().unwrap();
        runtime.run(|| {
            gort::scope(|s| {
                (0..40).for_each(|_| drop(s.go(|| gort::sleep(Duration::from_millis(1)))));
            });
        });
        limit_address_space(200 << 10);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let done = done.clone();
            drop(runtime.spawn(move || {
                let _block = support::OnDrop(|| {
                    gort::sleep(Duration::from_millis(2));
                    done.fetch_add(1, SeqCst);
                });
                std::panic::resume_unwind(Box::new(()));
            }));
        }
        eventually("all have slept", || done.load(SeqCst) == 10);
        assert_eq!(runtime.run(|| 5), 5);
        no_limit();
        runtime.shutdown(LIMIT).unwrap();
        return;
    }
    let output = child("no_more_threads_for_those_that_block_while_they_unwind", |_| {});
    assert_success(&output);
}
