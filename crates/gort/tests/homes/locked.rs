//! Goroutines that have locked their thread.

use super::support::on;
use super::{NUMBER, Traffic, wander, wander_off};
use gort::LockedThread;
use gort::chan::chan;
use std::cell::RefCell;
use std::thread;
use std::time::Duration;

#[test]
fn a_locked_goroutine_has_its_thread_for_itself() {
    on(2, || {
        let traffic = Traffic::start();
        let locked = gort::lock_thread();
        let here = thread::current().id();
        NUMBER.set(7);
        let others = gort::spawn(|| {
            for _ in 0..200 {
                assert_ne!(NUMBER.get(), 7, "on the thread of another");
                gort::yield_now();
            }
        });
        let (tx, rx) = chan(0);
        gort::go!(move || (0..100).for_each(|n| tx.send(n).unwrap()));
        for n in 0..100 {
            assert_eq!(rx.recv(), Some(n));
            assert_eq!((thread::current().id(), NUMBER.get()), (here, 7));
        }
        assert!(!wander(50));
        gort::sleep(Duration::from_micros(50));
        gort::blocking(|| thread::sleep(Duration::from_micros(50)));
        assert_eq!((thread::current().id(), NUMBER.get()), (here, 7));
        others.join().unwrap();
        NUMBER.set(0);
        drop(locked);
        traffic.end();
    });
}

#[test]
fn locks_nest() {
    on(2, || {
        let traffic = Traffic::start();
        let outer = gort::lock_thread();
        drop(gort::lock_thread());
        assert!(!wander(50));
        assert_eq!(format!("{outer:?}"), "LockedThread { .. }");
        drop(outer);
        wander_off();
        traffic.end();
    });
    drop(gort::lock_thread());
}

/// A guard that its maker has left behind on the thread unlocks nothing for whoever finds it there.
#[test]
fn a_guard_of_another_unlocks_nothing() {
    thread_local! {
        static LEFT: RefCell<Option<LockedThread>> = const { RefCell::new(None) };
    }
    on(1, || {
        gort::spawn_local(|| LEFT.set(Some(gort::lock_thread()))).join().unwrap();
        let finder = gort::spawn_local(|| {
            let _locked = gort::lock_thread();
            let left = LEFT.take();
            assert!(left.is_some(), "it is on the thread of its maker");
            drop(left);
            let other = gort::spawn(|| thread::current().id());
            assert_ne!(other.join().unwrap(), thread::current().id());
        });
        finder.join().unwrap();
    });
}

/// What it is dropped with may be its maker's result, when its maker has ended.
#[test]
fn a_guard_that_is_a_result() {
    on(1, || {
        for is_joined in [true, false] {
            let handle = gort::spawn_local(gort::lock_thread);
            if is_joined {
                drop(handle.join().unwrap());
            } else {
                drop(handle);
            }
            gort::yield_now();
        }
    });
}

#[test]
fn more_locked_goroutines_than_processors() {
    on(2, || {
        let handles: Vec<_> = (0..10)
            .map(|n| {
                gort::spawn(move || {
                    let _locked = gort::lock_thread();
                    let here = thread::current().id();
                    for _ in 0..20 {
                        gort::sleep(Duration::from_micros(10 * n));
                        gort::yield_now();
                    }
                    assert_eq!(thread::current().id(), here);
                    here
                })
            })
            .collect();
        for handle in handles {
            handle.join().unwrap();
        }
    });
}

#[test]
fn a_locked_goroutine_that_panics() {
    on(1, || {
        let handle = gort::spawn(|| {
            let _locked = gort::lock_thread();
            gort::yield_now();
            std::panic::resume_unwind(Box::new(1));
        });
        assert_eq!(handle.join().unwrap_err().downcast_ref(), Some(&1));
        gort::spawn(gort::yield_now).join().unwrap();
    });
}

// ---- local
