//! Who yields, talks or computes on a processor leaves turns to the others there.

use crate::support::{LIMIT, compute_until, hogs, in_turn, on, runtime, within, yield_until};
use crate::{TOO_LATE, on_without_preemption};
use gort::chan::chan;
use gort::sync::{Condvar, Mutex, Notify, Semaphore};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn yielding_takes_turns() {
    in_turn(|| {
        let log = Arc::new(std::sync::Mutex::new(Vec::new()));
        let handles: Vec<_> = (0..5)
            .map(|n| {
                let log = log.clone();
                gort::spawn(move || {
                    for _ in 0..100 {
                        log.lock().unwrap().push(n);
                        gort::yield_now();
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join().unwrap());
        let log = log.lock().unwrap();
        assert_eq!(log.len(), 500);
        let mut turn: Vec<_> = log[5..10].to_vec();
        assert!(log[5..495].chunks(5).all(|turns| turns == turn), "{log:?}");
        turn.sort_unstable();
        assert_eq!(turn, [0, 1, 2, 3, 4]);
    });
}

#[test]
fn yielding_on_a_plain_thread_does_no_harm() {
    gort::yield_now();
    gort::gosched();
    on(1, || {
        gort::gosched();
        gort::yield_now();
    });
}

/// Runs a goroutine beside `busy` on the only processor, which nobody takes away.
fn gets_a_turn(busy: impl FnOnce(Arc<AtomicBool>) + Send + 'static) {
    on_without_preemption(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        busy(stop.clone());
        let start = Instant::now();
        let mut worst = Duration::ZERO;
        for _ in 0..20 {
            let turn = Instant::now();
            gort::yield_now();
            worst = worst.max(turn.elapsed());
        }
        stop.store(true, SeqCst);
        assert!(worst < TOO_LATE, "{worst:?}");
        assert!(start.elapsed() < TOO_LATE);
    });
}

#[test]
fn two_who_talk_for_ever_starve_nobody() {
    for capacity in [0, 1] {
        gets_a_turn(move |stop| {
            let (ping, pings) = chan(capacity);
            let (pong, pongs) = chan(capacity);
            gort::go!(move || {
                for n in &pings {
                    if pong.send(n).is_err() {
                        return;
                    }
                }
            });
            gort::go!(move || {
                while !stop.load(SeqCst) {
                    ping.send(1).unwrap();
                    pongs.recv().unwrap();
                }
            });
        });
    }
}

/// Two share a slice; but whoever is woken from outside begins another, and so they would never have used up theirs.
#[test]
fn two_who_talk_beside_one_who_is_woken_from_outside_starve_nobody() {
    let (wake, wakes) = chan(0);
    gets_a_turn(move |stop| {
        gort::go!(move || for () in &wakes {});
        let (ping, pings) = chan(0);
        gort::go!(move || for () in &pings {});
        let stopped = stop.clone();
        gort::go!(move || {
            while !stopped.load(SeqCst) {
                ping.send(()).unwrap();
            }
        });
        thread::spawn(move || {
            while !stop.load(SeqCst) {
                let _over = wake.send(());
                thread::sleep(Duration::from_millis(1));
            }
        });
    });
}

/// Those that only this machine can run go first. They must not do so for ever.
#[test]
fn who_starts_local_ones_for_ever_starves_nobody() {
    fn chain(stop: Arc<AtomicBool>) {
        if !stop.load(SeqCst) {
            drop(gort::spawn_local(move || chain(stop)));
        }
    }
    gets_a_turn(|stop| {
        gort::go!(move || {
            while !stop.load(SeqCst) {
                let _ended_by_the_shutdown = gort::spawn_local(|| ()).join();
            }
        });
    });
    // Also who has been made ready and waits for its turn in the `next` slot.
    gets_a_turn(|stop| {
        let (ping, pings) = chan(0);
        let ready = gort::spawn(move || pings.recv());
        gort::yield_now();
        gort::go!(move || {
            chain(stop);
            ping.send(()).unwrap();
        });
        ready.join().unwrap().expect("a message");
    });
}

#[test]
fn loops_of_operations_that_never_block_starve_nobody() {
    gets_a_turn(|stop| {
        let (tx, rx) = chan(4);
        gort::go!(move || {
            while !stop.load(SeqCst) {
                tx.try_send(1).unwrap();
                rx.try_recv().unwrap();
            }
        });
    });
    gets_a_turn(|stop| {
        let (tx, rx) = chan(4);
        gort::go!(move || {
            while !stop.load(SeqCst) {
                tx.send(1).unwrap();
                rx.recv().unwrap();
            }
        });
    });
    gets_a_turn(|stop| {
        let (tx, rx) = chan::<u32>(4);
        gort::go!(move || {
            let _open = tx;
            while !stop.load(SeqCst) {
                gort::select! {
                    recv(rx) -> _ => unreachable!(),
                    default => {}
                }
            }
        });
    });
    gets_a_turn(|stop| {
        let (tx, rx) = chan::<u32>(0);
        tx.close();
        gort::go!(move || {
            while !stop.load(SeqCst) {
                assert!(rx.recv().is_none());
                assert!(tx.send(1).is_err());
            }
        });
    });
    // Many who spawn and join.
    gets_a_turn(|stop| {
        gort::go!(move || {
            while !stop.load(SeqCst) {
                gort::spawn(|| ()).join().unwrap();
            }
        });
    });
}

/// Also operations with a limit, which had been forgotten.
#[test]
fn loops_of_operations_make_room_for_who_can_only_run_there() {
    fn make_room(operation: &str, mut operate: impl FnMut()) {
        let has_run = Rc::new(Cell::new(false));
        let local = gort::spawn_local({
            let has_run = has_run.clone();
            move || has_run.set(true)
        });
        let start = Instant::now();
        while !has_run.get() {
            operate();
            assert!(start.elapsed() < TOO_LATE, "{operation}");
        }
        local.join().unwrap();
    }
    on(2, || {
        let (semaphore, notify, mutex) = (Semaphore::new(1), Notify::new(), Mutex::new(()));
        let (tx, rx) = chan(1);
        make_room("acquire", || drop(semaphore.acquire(1)));
        make_room("acquire_timeout", || drop(semaphore.acquire_timeout(1, LIMIT).unwrap()));
        make_room("wait", || {
            notify.notify_one();
            notify.wait();
        });
        make_room("wait_timeout", || {
            notify.notify_one();
            notify.wait_timeout(LIMIT).unwrap();
        });
        make_room("send_timeout, recv_timeout", || {
            tx.send_timeout((), LIMIT).unwrap();
            rx.recv_timeout(LIMIT).unwrap();
        });
        make_room("block_on", || {
            gort::block_on(tx.send_async(())).unwrap();
            gort::block_on(rx.recv_async()).unwrap();
        });
        let held = mutex.lock().unwrap();
        make_room("lock_timeout", || assert!(mutex.lock_timeout(Duration::ZERO).is_err()));
        drop(held);
    });
}

#[test]
fn a_processor_flooded_from_outside_starves_none_of_its_own() {
    within(LIMIT, || {
        let runtime = Arc::new(runtime(1));
        let stop = Arc::new(AtomicBool::new(false));
        let outside = {
            let (runtime, stop) = (runtime.clone(), stop.clone());
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    while runtime.num_goroutines() < 500 {
                        drop(runtime.spawn(gort::yield_now));
                    }
                    thread::yield_now();
                }
            })
        };
        let start = Instant::now();
        runtime.run(|| (0..20).for_each(|_| gort::yield_now()));
        stop.store(true, SeqCst);
        outside.join().unwrap();
        assert!(start.elapsed() < TOO_LATE, "{:?}", start.elapsed());
    });
}

#[test]
fn those_of_the_global_queue_get_turns_beside_those_of_the_ring() {
    on(1, || {
        let stop = Arc::new(AtomicBool::new(false));
        // A ring that is never empty.
        for _ in 0..10 {
            let stop = stop.clone();
            gort::go!(move || {
                while !stop.load(SeqCst) {
                    gort::yield_now();
                }
            });
        }
        for _ in 0..20 {
            let (tx, rx) = chan(0);
            // A plain thread wakes this goroutine: by way of the global queue.
            let waker = thread::spawn(move || tx.send(Instant::now()).unwrap());
            let sent = rx.recv().unwrap();
            assert!(sent.elapsed() < TOO_LATE);
            waker.join().unwrap();
        }
        stop.store(true, SeqCst);
    });
}

/// 512 that compute, on 64 processors each of which needs a thread first. With fewer CPUs than processors that takes long.
struct Computing {
    stop: Arc<AtomicBool>,
    handles: Vec<gort::JoinHandle<bool>>,
}

impl Computing {
    fn start() -> Computing {
        let stop = Arc::new(AtomicBool::new(false));
        Computing { handles: hogs(512, &stop), stop }
    }

    fn end(self) {
        self.stop.store(true, SeqCst);
        self.handles.into_iter().for_each(|handle| assert!(handle.join().unwrap()));
    }
}

#[test]
fn who_has_slept_is_not_put_behind_those_that_no_machine_runs_yet() {
    on(64, || {
        let computing = Computing::start();
        let start = Instant::now();
        (0..3).for_each(|_| gort::sleep(Duration::from_millis(1)));
        let slept = start.elapsed();
        computing.end();
        assert!(slept < TOO_LATE, "{slept:?}");
    });
}

/// Somebody waits; many begin to compute; `wakes` is given what wakes the one that waits, and computes itself after that.
fn is_woken_beside_many_that_compute(wakes: impl FnOnce(&dyn Fn()) + Send + 'static) {
    on(64, || {
        let pair = Arc::new((Mutex::new(None), Condvar::new()));
        let woken = Arc::new(AtomicBool::new(false));
        let waiting = gort::spawn({
            let (pair, woken) = (pair.clone(), woken.clone());
            move || {
                let (sent, changed) = &*pair;
                let mut sent = sent.lock().unwrap();
                *sent = Some(Instant::now());
                sent = changed.wait(sent).unwrap();
                woken.store(true, SeqCst);
                sent.unwrap().elapsed()
            }
        });
        let (sent, changed) = &*pair;
        yield_until("it waits", || sent.lock().unwrap().is_some());
        let computing = Computing::start();
        wakes(&|| {
            *sent.lock().unwrap() = Some(Instant::now());
            changed.notify_one();
            assert!(compute_until(LIMIT, || woken.load(SeqCst)));
        });
        computing.end();
        let late = waiting.join().unwrap();
        assert!(late < TOO_LATE, "{late:?}");
    });
}

#[test]
fn whom_one_that_computes_has_woken_is_not_put_behind_those_that_no_machine_runs_yet() {
    is_woken_beside_many_that_compute(|wake| wake());
}

#[test]
fn whom_one_without_a_processor_has_woken_is_not_put_behind_those_that_no_machine_runs_yet() {
    is_woken_beside_many_that_compute(|wake| gort::blocking(wake));
}

#[test]
fn whom_one_without_a_processor_has_started_is_not_put_behind_those_that_no_machine_runs_yet() {
    is_woken_beside_many_that_compute(|wake| {
        wake();
        gort::blocking(|| {
            let start = Instant::now();
            let begun = Arc::new(AtomicBool::new(false));
            let begins = begun.clone();
            gort::go!(move || begins.store(true, SeqCst));
            assert!(compute_until(LIMIT, || begun.load(SeqCst)));
            let late = start.elapsed();
            assert!(late < TOO_LATE, "{late:?}");
        });
    });
}
