//! By whom it is begun, and for how long it waits.

use crate::support::{
    LIMIT, Tally, assert_success, child, compute_until, eventually, in_child, runtime, within,
};
use crate::{all_shut_down, start};
use gort::chan::{chan, never};
use gort::time::AfterFunc;
use gort::{Runtime, Shutdown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

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
    assert_success(&child("begun::who_is_left_at_the_deadline_is_counted", |_| {}));
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

/// Who has begun it has gone on long before.
#[test]
fn who_is_left_at_the_deadline_from_within_is_told_of() {
    if in_child() {
        within(LIMIT, || {
            let builder = Runtime::builder().processors(2).shutdown_timeout(Duration::ZERO);
            let runtime = builder.build().unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let stopped = stop.clone();
            let computing = start(&runtime, &Tally::new(), 1, move |_token| {
                compute_until(LIMIT, || stopped.load(SeqCst));
            });
            let (give, given) = chan::<Runtime>(0);
            runtime.spawn(move || drop(given.recv()));
            give.send(runtime).unwrap();
            let mut lines = std::io::stdin().lines().map(Result::unwrap);
            assert!(lines.any(|line| line.starts_with("gort: ") && line.contains("time limit")));
            stop.store(true, SeqCst);
            computing.into_iter().for_each(|handle| handle.join().unwrap());
        });
        return;
    }
    // It reads what it writes to its standard error.
    let (reads, writes) = std::io::pipe().unwrap();
    let test = "begun::who_is_left_at_the_deadline_from_within_is_told_of";
    assert_success(&child(test, |command| {
        command.stdin(reads).stderr(writes);
    }));
}

/// Who stops it is a goroutine of another runtime, and tells the first of an end: not inside its own, it met an assertion.
#[test]
fn a_call_is_stopped_by_a_goroutine_of_another_runtime() {
    struct Tells(SyncSender<()>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    within(LIMIT, || {
        let (shut_down, other) = (runtime(2), runtime(1));
        let (tells, has_begun) = sync_channel(1);
        let (waits, is_there) = sync_channel(0);
        let (hands_over, calls) = sync_channel(0);
        let (ends, has_ended) = sync_channel::<usize>(0);
        let maker_waits = waits.clone();
        let unwound = shut_down.spawn(move || {
            let _tells = Tells(tells);
            waits.send(()).unwrap();
            gort::sleep(Duration::MAX);
        });
        let maker = shut_down.spawn(move || {
            maker_waits.send(()).unwrap();
            has_begun.recv().unwrap();
            for _ in 0..100 {
                hands_over.send(gort::time::after_func(LIMIT, || ())).unwrap();
            }
            drop(hands_over);
            has_ended.recv().unwrap()
        });
        let stopper = other.spawn(move || {
            ends.send(calls.into_iter().filter(AfterFunc::stop).count()).unwrap();
        });
        is_there.iter().take(2).for_each(drop);
        shut_down.shutdown(LIMIT).unwrap();
        assert!(unwound.join().is_err());
        stopper.join().unwrap();
        assert!(maker.join().unwrap() > 0, "some were stopped before the shutdown took them");
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
