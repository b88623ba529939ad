//! `Mutex`: what std's, parking_lot's and Go's are tested for, and what goroutines add.

use gort::Runtime;
use gort::sync::{MappedMutexGuard, Mutex, MutexGuard, WaitGroup};
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::*};
use std::sync::{Arc, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(60);

/// In a critical section there is nobody else.
fn hammer(mutex: &Mutex<u32>, inside: &AtomicU32, times: u32) {
    for _ in 0..times {
        let mut guard = mutex.lock().unwrap();
        assert_eq!(inside.fetch_add(1, Relaxed), 0);
        *guard += 1;
        inside.fetch_sub(1, Relaxed);
    }
}

#[test]
fn goroutines_and_threads_hammer_a_mutex() {
    let mutex = Mutex::new(0);
    let inside = AtomicU32::new(0);
    let times = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| hammer(&mutex, &inside, times));
        }
        gort::scope(|s| {
            for _ in 0..14 {
                s.go(|| hammer(&mutex, &inside, times));
            }
        });
    });
    assert_eq!(mutex.into_inner().unwrap(), 16 * times);
}

/// The holder waits in its critical section, so that all the others end up in the queue.
#[test]
fn a_mutex_is_held_over_waits() {
    let mutex = Mutex::new(0);
    let inside = AtomicU32::new(0);
    gort::scope(|s| {
        for _ in 0..100 {
            s.go(|| {
                for _ in 0..20 {
                    let mut guard = mutex.lock().unwrap();
                    assert_eq!(inside.fetch_add(1, Relaxed), 0);
                    gort::yield_now();
                    *guard += 1;
                    inside.fetch_sub(1, Relaxed);
                }
            });
        }
    });
    assert_eq!(*mutex.lock().unwrap(), 2_000);
}

/// Whoever gives up takes nothing along: those behind it get the mutex.
#[test]
fn time_outs_at_all_moments_lose_nothing() {
    let mutex = Mutex::new(0);
    let (had, missed) = (AtomicU32::new(0), AtomicU32::new(0));
    gort::scope(|s| {
        for number in 0..16 {
            let (mutex, had, missed) = (&mutex, &had, &missed);
            s.go(move || {
                for turn in 0..200 {
                    let patience = Duration::from_micros((number * 31 + turn * 17) % 150);
                    match mutex.lock_timeout(patience) {
                        Ok(mut guard) => {
                            *guard += 1;
                            had.fetch_add(1, Relaxed);
                            if turn % 8 == 0 {
                                gort::sleep(Duration::from_micros(50));
                            }
                        }
                        Err(TryLockError::WouldBlock) => drop(missed.fetch_add(1, Relaxed)),
                        Err(TryLockError::Poisoned(_)) => unreachable!(),
                    }
                }
            });
        }
    });
    assert_eq!(mutex.into_inner().unwrap(), had.load(Relaxed));
    assert_eq!(had.load(Relaxed) + missed.load(Relaxed), 16 * 200);
    assert!(missed.load(Relaxed) > 0, "some have to wait for longer than they want");
}

#[test]
fn a_time_out_is_not_early() {
    gort::run(|| {
        let mutex = Mutex::new(());
        let held = mutex.lock().unwrap();
        let start = Instant::now();
        assert!(matches!(mutex.lock_timeout(SOON), Err(TryLockError::WouldBlock)));
        assert!(start.elapsed() >= SOON);
        assert!(mutex.lock_deadline(start).is_err(), "a time that has passed");
        assert!(mutex.lock_timeout(Duration::ZERO).is_err());
        drop(held);
        assert!(mutex.lock_deadline(start).is_ok(), "it is free, whatever the time");
        assert!(mutex.lock_timeout(Duration::MAX).is_ok());
    });
}

/// One that takes the mutex again as soon as it has given it back cannot keep it for itself.
#[test]
fn a_hog_does_not_starve_the_others() {
    let mutex = Arc::new(Mutex::new(()));
    let stop = Arc::new(AtomicBool::new(false));
    let hogs = WaitGroup::new();
    for _ in 0..2 {
        let (mutex, stop) = (mutex.clone(), stop.clone());
        hogs.go(move || {
            while !stop.load(Relaxed) {
                let _guard = mutex.lock().unwrap();
                let until = Instant::now() + Duration::from_micros(100);
                while Instant::now() < until {}
            }
        });
    }
    let start = Instant::now();
    gort::run(|| {
        for _ in 0..20 {
            gort::sleep(Duration::from_micros(100));
            drop(mutex.lock().unwrap());
        }
    });
    let took = start.elapsed();
    stop.store(true, Relaxed);
    hogs.wait();
    // Each of the twenty waits for a millisecond before it is handed the mutex, and for the CPU.
    assert!(took < Duration::from_secs(5), "twenty turns took {took:?}");
}

/// It was woken to try again, at home where the hog computed, and nobody else was woken meanwhile.
#[test]
fn a_hog_makes_room_for_who_can_only_run_on_its_thread() {
    let mutex = Arc::new(Mutex::new(()));
    let (waits, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let runtime = Runtime::builder().processors(2).build().unwrap();
    let both = runtime.spawn({
        let (mutex, waits, stop) = (mutex.clone(), waits.clone(), stop.clone());
        move || {
            let (for_hog, is_queued) = (mutex.clone(), waits.clone());
            let hog = gort::spawn_local(move || {
                let guard = for_hog.lock().unwrap();
                while !is_queued.load(Relaxed) {
                    gort::yield_now();
                }
                drop(guard);
                while !stop.load(Relaxed) {
                    drop(for_hog.lock().unwrap());
                }
            });
            let local = gort::spawn_local(move || {
                // The hog sees this when this goroutine has left their thread to it.
                waits.store(true, Relaxed);
                drop(mutex.lock().unwrap());
            });
            hog.join().unwrap();
            local.join().unwrap();
        }
    });
    let others_turn = runtime.run(|| {
        while !waits.load(Relaxed) {
            gort::sleep(SOON);
        }
        mutex.lock_timeout(Duration::from_secs(10)).map(drop).is_ok()
    });
    stop.store(true, Relaxed);
    both.join().unwrap();
    assert!(others_turn, "ten seconds in vain");
}

#[test]
fn a_guard_goes_to_another_goroutine() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    let guard = MUTEX.lock().unwrap();
    gort::spawn(move || {
        let mut guard = guard;
        *guard += 1;
    })
    .join()
    .unwrap();
    assert_eq!(*MUTEX.try_lock().unwrap(), 1);
}

#[test]
fn a_panic_poisons_and_can_be_cleared() {
    let mutex = Arc::new(Mutex::new(1));
    let shared = mutex.clone();
    let spoiler = gort::spawn(move || {
        let mut guard = shared.lock().unwrap();
        *guard = 2;
        panic!("on purpose");
    });
    assert!(spoiler.join().is_err());
    assert!(mutex.is_poisoned());
    assert_eq!(**mutex.lock().unwrap_err().get_ref(), 2);
    assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(_))));
    assert!(matches!(mutex.lock_timeout(LONG), Err(TryLockError::Poisoned(_))));
    assert!(format!("{mutex:?}").contains("poisoned: true"));
    mutex.clear_poison();
    assert_eq!(*mutex.lock().unwrap(), 2);
    let mut mutex = Arc::into_inner(mutex).unwrap();
    *mutex.get_mut().unwrap() = 3;
    assert_eq!(mutex.into_inner().unwrap(), 3);
}

/// A panic that was on before the lock was taken does not poison it.
#[test]
fn a_lock_in_a_destructor_is_not_poisoned() {
    struct Locks(Arc<Mutex<u32>>);
    impl Drop for Locks {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let mutex = Arc::new(Mutex::new(0));
    let locks = Locks(mutex.clone());
    let unwound = gort::spawn(move || {
        let _locks = locks;
        panic!("on purpose");
    });
    assert!(unwound.join().is_err());
    assert_eq!(*mutex.lock().unwrap(), 1);
}

#[test]
fn parts_of_a_value_are_guarded() {
    let mutex = Mutex::new((1, Some(String::from("one"))));
    let guard = MutexGuard::filter_map(mutex.lock().unwrap(), |pair| pair.1.as_mut()).unwrap();
    let mut first = MappedMutexGuard::map(guard, |name| name.as_mut_str());
    assert!(mutex.try_lock().is_err());
    first.make_ascii_uppercase();
    assert_eq!(format!("{first} {first:?}"), "ONE \"ONE\"");
    drop(first);
    mutex.lock().unwrap().1 = None;
    let refused = MutexGuard::filter_map(mutex.lock().unwrap(), |pair| pair.1.as_mut());
    let whole = refused.unwrap_err();
    assert_eq!(whole.0, 1);
    drop(whole);
    let mutex = Arc::new(mutex);
    let shared = mutex.clone();
    let spoiler = gort::spawn(move || {
        let _part = MutexGuard::map(shared.lock().unwrap(), |pair| &mut pair.0);
        panic!("on purpose");
    });
    assert!(spoiler.join().is_err());
    assert!(mutex.is_poisoned(), "also by who has a part of it");
}

/// Those who wait for a mutex when their runtime goes are unwound, and it is as good as before.
#[test]
fn a_shutdown_takes_waiters_out_of_the_queue() {
    struct Count(Arc<AtomicU32>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let mutex = Arc::new(Mutex::new(0));
    let (begun, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let runtime = gort::Runtime::new().unwrap();
    let held = mutex.lock().unwrap();
    for _ in 0..10 {
        let (mutex, begun, count) = (mutex.clone(), begun.clone(), Count(ended.clone()));
        runtime.spawn(move || {
            let _count = count;
            begun.fetch_add(1, Relaxed);
            *mutex.lock().unwrap() += 1;
        });
    }
    while begun.load(Relaxed) < 10 {
        thread::yield_now();
    }
    runtime.shutdown(LONG).unwrap();
    assert_eq!(ended.load(Relaxed), 10);
    drop(held);
    assert_eq!(*mutex.try_lock().unwrap(), 0);
}

#[test]
fn what_a_mutex_shows() {
    let mutex = Mutex::new(5);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 5, poisoned: false, .. }");
    let guard = mutex.lock().unwrap();
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked>, poisoned: false, .. }");
    assert_eq!(format!("{guard:?} {guard}"), "5 5");
    drop(guard);
    assert_eq!(*Mutex::from('a').lock().unwrap(), 'a');
    assert_eq!(*Mutex::<u8>::default().lock().unwrap(), 0);
    let unsized_value: &Mutex<[u8]> = &Mutex::new([1, 2, 3]);
    assert_eq!(unsized_value.lock().unwrap().len(), 3);
}

/// As std's: that something is half done is told by the poison.
#[test]
fn a_guard_may_go_into_what_panics() {
    let mutex = Mutex::new(Cell::new(0));
    let guard = mutex.lock().unwrap();
    let spoiled = catch_unwind(move || {
        guard.set(1);
        let _guard = guard;
        panic!("on purpose");
    });
    assert!(spoiled.is_err());
    assert_eq!(mutex.lock().unwrap_err().into_inner().get(), 1);
}
