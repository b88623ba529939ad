//! `WaitGroup`.

mod support;

use gort::chan::chan;
use gort::sync::WaitGroup;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{LIMIT, Tally, on, runtime, within};

#[test]
fn a_count_of_zero_is_not_waited_for() {
    WaitGroup::new().wait();
    on(1, || WaitGroup::default().wait());
    let group = WaitGroup::new();
    group.add(3);
    group.add(-2);
    group.done();
    group.add(0);
    group.wait();
}

#[test]
fn a_count_out_of_bounds_panics_and_says_so() {
    let group = WaitGroup::new();
    for misuse in [|group: &WaitGroup| group.done(), |group: &WaitGroup| group.add(-5)] {
        let payload = catch_unwind(AssertUnwindSafe(|| misuse(&group))).unwrap_err();
        let message = payload.downcast_ref::<&str>().copied().unwrap_or_default();
        assert!(message.contains("negative WaitGroup count"), "{message}");
    }
    let most = WaitGroup::new();
    most.add(isize::MAX);
    let payload = catch_unwind(AssertUnwindSafe(|| most.add(1))).unwrap_err();
    let message = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.contains("more was added"), "{message}");
    most.add(-isize::MAX);
    most.wait();
    // It is as it was.
    group.add(1);
    group.done();
    group.wait();
}

#[test]
fn many_wait_on_threads_and_in_goroutines() {
    within(LIMIT, || {
        let group = WaitGroup::new();
        group.add(2);
        let woken = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (group, woken) = (group.clone(), woken.clone());
                thread::spawn(move || {
                    group.wait();
                    woken.fetch_add(1, SeqCst);
                })
            })
            .collect();
        let goroutines: Vec<_> = (0..100)
            .map(|_| {
                let (group, woken) = (group.clone(), woken.clone());
                gort::spawn(move || {
                    group.wait();
                    woken.fetch_add(1, SeqCst);
                })
            })
            .collect();
        group.done();
        thread::yield_now();
        assert_eq!(woken.load(SeqCst), 0);
        group.done();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        goroutines.into_iter().for_each(|goroutine| goroutine.join().unwrap());
        assert_eq!(woken.load(SeqCst), 104);
    });
}

#[test]
fn it_may_be_used_again() {
    for processors in [1, 2] {
        on(processors, || {
            let group = WaitGroup::new();
            let count = Arc::new(AtomicUsize::new(0));
            for round in 1..=2000 {
                for _ in 0..3 {
                    let count = count.clone();
                    group.go(move || count.fetch_add(1, SeqCst));
                }
                group.wait();
                assert_eq!(count.load(SeqCst), round * 3);
            }
        });
    }
}

/// The thread that brought the count to zero is late to wake; a new round has begun.
#[test]
fn a_late_wake_up_does_not_end_the_next_round() {
    within(LIMIT, || {
        let group = WaitGroup::new();
        for _ in 0..30_000 {
            let (done, late) = (group.clone(), group.clone());
            group.add(1);
            gort::go!(move || done.done());
            group.wait();
            let ended = Arc::new(AtomicUsize::new(0));
            let end = ended.clone();
            group.add(1);
            gort::go!(move || {
                gort::yield_now();
                gort::yield_now();
                end.fetch_add(1, SeqCst);
                late.done();
            });
            group.wait();
            assert_eq!(ended.load(SeqCst), 1, "`wait` has returned while the count was 1");
        }
    });
}

#[test]
fn go_counts_one_that_panics() {
    gort::set_panic_handler(|_| ());
    on(2, || {
        let group = WaitGroup::new();
        let tally = Tally::new();
        for n in 0..100 {
            let token = tally.token();
            group.go(move || {
                let _token = token;
                gort::yield_now();
                if n % 2 == 0 {
                    std::panic::resume_unwind(Box::new(()));
                }
            });
        }
        group.wait();
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn those_who_wait_are_shut_down() {
    within(LIMIT, || {
        let runtime = runtime(2);
        let group = WaitGroup::new();
        group.add(1);
        let (started, start) = chan(0);
        let handles: Vec<_> = (0..10)
            .map(|_| {
                let (group, started) = (group.clone(), started.clone());
                runtime.spawn(move || {
                    started.send(()).unwrap();
                    group.wait();
                })
            })
            .collect();
        start.iter().take(10).for_each(drop);
        runtime.shutdown(LIMIT).unwrap();
        for handle in handles {
            assert!(handle.join().unwrap_err().is::<gort::Shutdown>());
        }
        // Nobody is left in the list of those who wait.
        group.done();
        group.wait();
        gort::sleep(Duration::ZERO);
    });
}
