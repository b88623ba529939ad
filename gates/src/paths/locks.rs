//! Locks, and what else goroutines wait for each other with.

use super::{Path, path};
use gort::sync::{Condvar, Mutex, RwLock, Semaphore, WaitGroup};
use std::sync::Arc;

pub(super) const PATHS: &[Path] = &[
    path("mutex.lock", "a Mutex that nobody else wants, locked and unlocked", |n| {
        let lock = Mutex::new(0);
        for _ in 0..n {
            *lock.lock().expect("nobody panics") += 1;
        }
    }),
    path("mutex.try_lock", "the same by try_lock", |n| {
        let lock = Mutex::new(0);
        for _ in 0..n {
            *lock.try_lock().expect("it is free") += 1;
        }
    }),
    path(
        "mutex.contended",
        "a Mutex that its owner holds over yield_now, wanted by another",
        |n| {
            both(n, Mutex::new(0), |lock| {
                let mut held = lock.lock().expect("nobody panics");
                gort::yield_now();
                *held += 1;
            });
        },
    ),
    path("rw_lock.read", "a RwLock that nobody else wants, locked to read and unlocked", |n| {
        let lock = RwLock::new(0);
        let mut sum = 0;
        for _ in 0..n {
            sum += *lock.read().expect("nobody panics");
        }
        assert_eq!(sum, 0);
    }),
    path("rw_lock.write", "the same to write", |n| {
        let lock = RwLock::new(0);
        for _ in 0..n {
            *lock.write().expect("nobody panics") += 1;
        }
    }),
    path(
        "rw_lock.contended",
        "one that its owner holds to write over yield_now, wanted by another",
        |n| {
            both(n, RwLock::new(0), |lock| {
                let mut held = lock.write().expect("nobody panics");
                gort::yield_now();
                *held += 1;
            });
        },
    ),
    path("semaphore.acquire", "a permit that is there, acquired and released", |n| {
        let semaphore = Semaphore::new(1);
        for _ in 0..n {
            drop(semaphore.acquire(1));
        }
    }),
    path("condvar.turn", "sets whose turn it is, wakes the other and waits for one's own", |n| {
        let turn = Arc::new((Mutex::new(0), Condvar::new()));
        let other = gort::spawn({
            let turn = turn.clone();
            move || take_turns(n / 2, &turn, 1)
        });
        take_turns(n / 2, &turn, 0);
        other.join().expect("it takes its turns");
    }),
    path("wait_group.add_done", "add and done of a WaitGroup", |n| {
        let group = WaitGroup::new();
        for _ in 0..n {
            group.add(1);
            group.done();
        }
    }),
    path("wait_group.wait", "wait for a WaitGroup that is done", |n| {
        let group = WaitGroup::new();
        for _ in 0..n {
            group.wait();
        }
    }),
    path("wait_group.go", "one goroutine started by a WaitGroup, and waited for", |n| {
        let group = WaitGroup::new();
        for _ in 0..n {
            group.go(|| ());
            group.wait();
        }
    }),
];

/// Two goroutines that do something `n` times in all with what they share.
fn both<T: Send + Sync + 'static>(n: usize, shared: T, act: fn(&T)) {
    let shared = Arc::new(shared);
    let other = gort::spawn({
        let shared = shared.clone();
        move || (0..n / 2).for_each(|_| act(&shared))
    });
    (0..n / 2).for_each(|_| act(&shared));
    other.join().expect("it ends");
}

fn take_turns(n: usize, (turn, changed): &(Mutex<usize>, Condvar), mine: usize) {
    let mut now = turn.lock().expect("nobody panics");
    for _ in 0..n {
        now = changed.wait_while(now, |now| *now != mine).expect("nobody panics");
        *now = 1 - mine;
        changed.notify_one();
    }
}
