//! `RwLock`: what std's and Go's are tested for, and what goroutines add.

use gort::chan::chan;
use gort::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, WaitGroup};
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering::*};
use std::sync::{Arc, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(60);
const WRITER: i32 = 10_000;

fn reads(lock: &RwLock<u32>, inside: &AtomicI32, times: u32) {
    for turn in 0..times {
        let guard = lock.read().unwrap();
        let others = inside.fetch_add(1, Relaxed);
        assert!((0..WRITER).contains(&others), "a reader beside a writer: {others}");
        if turn % 16 == 0 {
            gort::yield_now();
        }
        inside.fetch_sub(1, Relaxed);
        drop(guard);
    }
}

fn writes(lock: &RwLock<u32>, inside: &AtomicI32, times: u32) {
    for turn in 0..times {
        let mut guard = lock.write().unwrap();
        assert_eq!(inside.fetch_add(WRITER, Relaxed), 0, "a writer beside others");
        *guard += 1;
        if turn % 16 == 0 {
            gort::yield_now();
        }
        inside.fetch_sub(WRITER, Relaxed);
    }
}

/// Go's test, with so many processors, readers and turns.
fn hammer(processors: usize, readers: usize, times: u32) {
    let lock = RwLock::new(0);
    let inside = AtomicI32::new(0);
    let runtime = gort::Runtime::builder().processors(processors).build().unwrap();
    runtime.run(|| {
        gort::scope(|s| {
            s.go(|| writes(&lock, &inside, times));
            for number in 0..readers {
                s.go(|| reads(&lock, &inside, times));
                if number == readers / 2 {
                    s.go(|| writes(&lock, &inside, times));
                }
            }
        });
    });
    assert_eq!(lock.into_inner().unwrap(), 2 * times);
}

#[test]
fn readers_and_writers_hammer_a_lock() {
    let times = if cfg!(debug_assertions) { 300 } else { 5_000 };
    for processors in [1, 2, 4, 10] {
        for readers in [1, 3, 10] {
            hammer(processors, readers, times);
        }
    }
}

#[test]
fn goroutines_and_threads_hammer_a_lock() {
    let lock = RwLock::new(0);
    let inside = AtomicI32::new(0);
    let times = if cfg!(debug_assertions) { 500 } else { 20_000 };
    thread::scope(|threads| {
        threads.spawn(|| reads(&lock, &inside, times));
        threads.spawn(|| writes(&lock, &inside, times));
        gort::scope(|s| {
            for _ in 0..4 {
                s.go(|| reads(&lock, &inside, times));
                s.go(|| writes(&lock, &inside, times));
            }
        });
    });
    assert_eq!(lock.into_inner().unwrap(), 5 * times);
}

/// Each reader waits, with the lock, until all of them have it.
#[test]
fn readers_have_it_at_the_same_time() {
    let lock = RwLock::new(());
    let (arrived, all) = (AtomicU32::new(0), 50);
    gort::scope(|s| {
        for _ in 0..all {
            s.go(|| {
                let _guard = lock.read().unwrap();
                arrived.fetch_add(1, Relaxed);
                while arrived.load(Relaxed) < all {
                    gort::yield_now();
                }
            });
        }
    });
}

/// There is always a reader: the one before goes when the next one has come, or does not come for long.
#[test]
fn readers_that_overlap_do_not_starve_a_writer() {
    // Guards are sent to another goroutine.
    let lock: &'static RwLock<u32> = Box::leak(Box::new(RwLock::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let (guards, received) = chan::<RwLockReadGuard<'static, u32>>(1);
    let readers = WaitGroup::new();
    let stopped = stop.clone();
    readers.go(move || {
        while !stopped.load(Relaxed) {
            guards.send(lock.read().unwrap()).unwrap();
        }
    });
    readers.go(move || {
        let mut last = received.recv();
        while last.is_some() || !received.is_closed() {
            last = received.recv_timeout(Duration::from_millis(20)).ok();
        }
    });
    let start = Instant::now();
    gort::run(|| (0..5).for_each(|_| *lock.write().unwrap() += 1));
    let took = start.elapsed();
    stop.store(true, Relaxed);
    readers.wait();
    assert_eq!(*lock.read().unwrap(), 5);
    assert!(took < Duration::from_secs(10), "five writes took {took:?}");
}

#[test]
fn writers_that_hog_it_do_not_starve_a_reader() {
    let lock = Arc::new(RwLock::new(0u64));
    let stop = Arc::new(AtomicBool::new(false));
    let hogs = WaitGroup::new();
    for _ in 0..2 {
        let (lock, stop) = (lock.clone(), stop.clone());
        hogs.go(move || {
            while !stop.load(Relaxed) {
                *lock.write().unwrap() += 1;
            }
        });
    }
    let start = Instant::now();
    gort::run(|| {
        for _ in 0..20 {
            gort::yield_now();
            drop(lock.read().unwrap());
        }
    });
    let took = start.elapsed();
    stop.store(true, Relaxed);
    hogs.wait();
    assert!(took < Duration::from_secs(10), "twenty reads took {took:?}");
}

#[test]
fn time_outs_at_all_moments_lose_nothing() {
    let lock = RwLock::new(0);
    let written = AtomicU32::new(0);
    gort::scope(|s| {
        for number in 0..16 {
            let (lock, written) = (&lock, &written);
            s.go(move || {
                for turn in 0..200 {
                    let patience = Duration::from_micros((number * 31 + turn * 17) % 150);
                    if (number + turn) % 3 == 0 {
                        if let Ok(mut guard) = lock.write_timeout(patience) {
                            *guard += 1;
                            written.fetch_add(1, Relaxed);
                            gort::sleep(Duration::from_micros(30));
                        }
                    } else if let Ok(guard) = lock.read_timeout(patience) {
                        assert!(*guard <= written.load(Relaxed) + 1);
                        gort::sleep(Duration::from_micros(30));
                    }
                }
            });
        }
    });
    assert_eq!(*lock.try_write().unwrap(), written.load(Relaxed));
}

#[test]
fn limits_and_tries() {
    gort::run(|| {
        let lock = RwLock::new(0);
        let reading = lock.read().unwrap();
        assert!(lock.try_read().is_ok());
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        let start = Instant::now();
        assert!(lock.write_timeout(SOON).is_err());
        assert!(start.elapsed() >= SOON);
        assert!(lock.write_deadline(start).is_err());
        assert!(lock.read_deadline(start).is_ok(), "it can be had, whatever the time");
        drop(reading);
        let writing = lock.write().unwrap();
        assert!(lock.try_read().is_err() && lock.try_write().is_err());
        assert!(lock.read_timeout(SOON).is_err());
        drop(writing);
        assert!(lock.read_timeout(Duration::ZERO).is_ok());
    });
}

#[test]
fn a_writer_becomes_a_reader() {
    let lock = Arc::new(RwLock::new(0));
    let mut writing = lock.write().unwrap();
    *writing = 1;
    // Those that have come to read, and to write, meanwhile.
    let read = {
        let lock = lock.clone();
        gort::spawn(move || *lock.read().unwrap())
    };
    let reading = RwLockWriteGuard::downgrade(writing);
    assert_eq!(read.join().unwrap(), 1, "while this one reads");
    let write = {
        let lock = lock.clone();
        gort::spawn(move || *lock.write().unwrap() = 2)
    };
    assert_eq!(*reading, 1);
    assert!(!write.is_finished());
    drop(reading);
    write.join().unwrap();
    assert_eq!(*lock.read().unwrap(), 2);
}

#[test]
fn only_writers_poison() {
    let lock = Arc::new(RwLock::new(0));
    let shared = lock.clone();
    let reader = gort::spawn(move || {
        let _guard = shared.read().unwrap();
        panic!("on purpose");
    });
    assert!(reader.join().is_err());
    assert!(!lock.is_poisoned());
    let shared = lock.clone();
    let writer = gort::spawn(move || {
        let _part = RwLockWriteGuard::map(shared.write().unwrap(), |number| number);
        panic!("on purpose");
    });
    assert!(writer.join().is_err());
    assert!(lock.read().is_err() && lock.write().is_err());
    assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
    lock.clear_poison();
    assert!(lock.read().is_ok());
}

#[test]
fn parts_of_a_value_are_guarded() {
    let lock = RwLock::new((1, Some(2)));
    let part = RwLockReadGuard::filter_map(lock.read().unwrap(), |pair| pair.1.as_ref()).unwrap();
    let same = RwLockReadGuard::map(part, |number| number);
    assert_eq!(format!("{same} {same:?}"), "2 2");
    assert!(lock.try_write().is_err());
    drop(same);
    let part = RwLockWriteGuard::filter_map(lock.write().unwrap(), |pair| pair.1.as_mut());
    *part.unwrap() = 3;
    assert_eq!(*lock.read().unwrap(), (1, Some(3)));
    let none = RwLockWriteGuard::filter_map(lock.write().unwrap(), |_| None::<&mut u8>);
    assert_eq!(none.unwrap_err().0, 1);
}

#[test]
fn a_shutdown_takes_waiters_out_of_the_queue() {
    let lock = Arc::new(RwLock::new(0));
    let begun = Arc::new(AtomicU32::new(0));
    let runtime = gort::Runtime::new().unwrap();
    let held = lock.write().unwrap();
    for number in 0..10 {
        let (lock, begun) = (lock.clone(), begun.clone());
        runtime.spawn(move || {
            begun.fetch_add(1, Relaxed);
            if number % 2 == 0 {
                *lock.write().unwrap() += 1;
            } else {
                drop(lock.read());
            }
        });
    }
    while begun.load(Relaxed) < 10 {
        thread::yield_now();
    }
    runtime.shutdown(LONG).unwrap();
    drop(held);
    assert_eq!(*lock.try_write().unwrap(), 0);
    assert_eq!(Arc::strong_count(&lock), 1);
}

#[test]
fn what_a_lock_shows() {
    static LOCK: RwLock<u8> = RwLock::new(5);
    assert_eq!(format!("{LOCK:?}"), "RwLock { data: 5, poisoned: false, .. }");
    let guard = LOCK.write().unwrap();
    assert_eq!(format!("{LOCK:?}"), "RwLock { data: <locked>, poisoned: false, .. }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
    drop(guard);
    assert_eq!(*RwLock::from('a').read().unwrap(), 'a');
    assert_eq!(*RwLock::<u8>::default().write().unwrap(), 0);
}

/// As std's: that something is half done is told by the poison.
#[test]
fn a_guard_may_go_into_what_panics() {
    let lock = RwLock::new(Cell::new(0));
    let guard = lock.write().unwrap();
    let spoiled = catch_unwind(move || {
        guard.set(1);
        let _guard = guard;
        panic!("on purpose");
    });
    assert!(spoiled.is_err());
    assert_eq!(lock.write().unwrap_err().into_inner().get(), 1);
}
