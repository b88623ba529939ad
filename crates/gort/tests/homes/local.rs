//! Goroutines that never leave the thread that they were started on.

use super::Traffic;
use super::support::{self, LIMIT, on, within};
use gort::Runtime;
use gort::chan::chan;
use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

#[test]
fn local_goroutines_share_what_is_not_send() {
    on(2, || {
        let traffic = Traffic::start();
        let here = thread::current().id();
        let sum = Rc::new(Cell::new(0));
        let handles: Vec<_> = (0..10)
            .map(|n| {
                let sum = sum.clone();
                gort::spawn_local(move || {
                    for _ in 0..50 {
                        sum.set(sum.get() + n);
                        gort::yield_now();
                        assert_eq!(thread::current().id(), here);
                    }
                    let inner = sum.clone();
                    gort::spawn_local(move || inner.set(inner.get() + 1)).join().unwrap();
                    Rc::new(n)
                })
            })
            .collect();
        let results: usize = handles.into_iter().map(|handle| *handle.join().unwrap()).sum();
        assert_eq!((results, sum.get(), Rc::strong_count(&sum)), (45, 45 * 50 + 10, 1));
        assert_eq!(thread::current().id(), here, "nor has the one who started them moved");
        traffic.end();
    });
}

#[test]
fn local_goroutines_wait_for_others() {
    on(2, || {
        let (tx, rx) = chan::<usize>(0);
        let echo = gort::spawn(move || rx.iter().sum::<usize>());
        let count = Rc::new(Cell::new(0));
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let (tx, count) = (tx.clone(), count.clone());
                gort::spawn_local(move || {
                    for _ in 0..100 {
                        tx.send(1).unwrap();
                        count.set(count.get() + 1);
                        gort::blocking(|| count.set(count.get() + 1));
                    }
                })
            })
            .collect();
        drop(tx);
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        assert_eq!((echo.join().unwrap(), count.get()), (400, 800));
    });
}

#[test]
fn local_goroutines_are_dropped_at_the_end_of_the_runtime() {
    within(LIMIT, || {
        let tally = support::Tally::new();
        let runtime = Runtime::builder().processors(2).build().unwrap();
        let token = tally.token();
        let (tx, rx) = std::sync::mpsc::channel();
        drop(runtime.spawn(move || {
            let shared = Rc::new(token);
            for n in 0..4 {
                let shared = shared.clone();
                drop(gort::spawn_local(move || {
                    if n % 2 == 0 {
                        gort::sleep(Duration::MAX);
                    }
                    drop(shared);
                }));
            }
            tx.send(()).unwrap();
            gort::sleep(Duration::MAX);
        }));
        rx.recv().unwrap();
        runtime.shutdown(LIMIT).unwrap();
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
#[should_panic(expected = "on a plain thread, which runs no goroutines")]
fn local_goroutines_on_a_plain_thread() {
    drop(gort::spawn_local(|| ()));
}
