//! Starting goroutines: `spawn`, `go!`, `Builder`.

#[path = "../support/mod.rs"]
mod support;

mod dropped;
#[cfg(all(target_os = "linux", not(feature = "threads")))] // where a stack is a thread's
mod given_back;
mod sizes;
mod stacks;

use gort::chan::chan;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use support::{LIMIT, on, runtime, within, yield_until};

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
