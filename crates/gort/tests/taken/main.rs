//! Goroutines that compute for long or block their threads, and how the others get on.
#![allow(clippy::disallowed_macros, reason = "thread-locals have destructors, too")]
#![allow(
    clippy::missing_const_for_thread_local,
    reason = "clippy does not see it where they are kept by key"
)]

mod blocking;
// Where goroutines have no threads of their own.
#[cfg(all(target_os = "linux", not(feature = "threads")))]
mod retired;
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod threads;

use gort::chan::chan;
use gort::{Preempt, Runtime, RuntimeBuilder};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use std::{net, thread};
use support::{
    LIMIT, assert_success, child, compute_until, eventually, good_once_in_five, hogs, on, within,
};

fn build(set: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Runtime {
    set(Runtime::builder()).build().expect("a runtime")
}

/// As [`hogs`], with a runtime from outside, and how many of them have begun.
fn counted_hogs(
    runtime: &Runtime,
    count: usize,
    stop: &Arc<AtomicBool>,
) -> (Vec<gort::JoinHandle<bool>>, Arc<AtomicUsize>) {
    let begun = Arc::new(AtomicUsize::new(0));
    let hog = |_| {
        let (begun, stop) = (begun.clone(), stop.clone());
        runtime.spawn(move || {
            begun.fetch_add(1, SeqCst);
            compute_until(LIMIT, || stop.load(SeqCst))
        })
    };
    ((0..count).map(hog).collect(), begun)
}

/// `count` goroutines block, in some way that the runtime knows nothing of, until `release` is called;
/// then a goroutine sleeps ten times for a millisecond. It could not if the processors were not taken.
#[track_caller]
fn others_go_on_while(
    count: usize,
    block: impl Fn() + Send + Sync + 'static,
    release: impl FnOnce() + Send + 'static,
) {
    on(2, move || {
        let block = Arc::new(block);
        let begun = Arc::new(AtomicUsize::new(0));
        let blocked: Vec<_> = (0..count)
            .map(|_| {
                let (block, begun) = (block.clone(), begun.clone());
                gort::spawn(move || {
                    begun.fetch_add(1, SeqCst);
                    block();
                })
            })
            .collect();
        for _ in 0..10 {
            gort::sleep(Duration::from_millis(1));
        }
        while begun.load(SeqCst) < count {
            gort::sleep(Duration::from_millis(1));
        }
        assert!(blocked.iter().all(|handle| !handle.is_finished()), "they were to block");
        release();
        blocked.into_iter().for_each(|handle| handle.join().unwrap());
    });
}

#[test]
fn a_sleeper_wakes_beside_busy_goroutines() {
    on(2, || {
        let stop = Arc::new(AtomicBool::new(false));
        let hogs = hogs(4, &stop);
        for _ in 0..20 {
            gort::sleep(Duration::from_millis(1));
        }
        assert!(hogs.iter().all(|hog| !hog.is_finished()));
        stop.store(true, SeqCst);
        assert!(hogs.into_iter().all(|hog| hog.join().unwrap()), "nobody else came to run");
    });
}

/// What the test above would see without its protection.
#[test]
fn with_preemption_off_busy_goroutines_hold_up_the_others() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2).preempt(Preempt::Off));
        let stop = Arc::new(AtomicBool::new(false));
        let has_run = Arc::new(AtomicBool::new(false));
        let (hogs, begun) = counted_hogs(&runtime, 2, &stop);
        eventually("both compute", || begun.load(SeqCst) == 2);
        let waiting = runtime.spawn({
            let has_run = has_run.clone();
            move || has_run.store(true, SeqCst)
        });
        thread::sleep(Duration::from_millis(100));
        assert!(!has_run.load(SeqCst), "there was no processor for it");
        stop.store(true, SeqCst);
        waiting.join().unwrap();
        assert!(hogs.into_iter().all(|hog| hog.join().unwrap()));
    });
}

/// Where there are sockets. Fails if machines that have work themselves do not relieve others.
#[test]
fn who_waits_behind_a_busy_goroutine_is_taken_over_by_a_machine_that_has_work_itself() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2).preempt(Preempt::Off));
        let computed = runtime.run(|| {
            let socket = gort::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            socket.recv(&mut [0]).expect_err("nobody sends anything");
            let turns = Arc::new(AtomicUsize::new(0));
            let stop = Arc::new(AtomicBool::new(false));
            let lively = gort::spawn({
                let (turns, stop) = (turns.clone(), stop.clone());
                move || {
                    while !stop.load(SeqCst) {
                        turns.fetch_add(1, SeqCst);
                        gort::yield_now();
                    }
                }
            });
            gort::yield_now();
            let before = turns.load(SeqCst);
            // From here on without a call of the runtime that would let others run here.
            assert!(compute_until(LIMIT, || turns.load(SeqCst) > before + 1), "it runs elsewhere");
            let ran = Arc::new(AtomicUsize::new(0));
            let behind = [(); 3].map(|()| {
                let ran = ran.clone();
                gort::spawn(move || ran.fetch_add(1, SeqCst))
            });
            // The last one is this processor's next.
            let computed = compute_until(LIMIT, || ran.load(SeqCst) >= 2);
            stop.store(true, SeqCst);
            for handle in behind {
                handle.join().unwrap();
            }
            lively.join().unwrap();
            computed
        });
        assert!(computed, "those that waited here have run");
    });
}

#[test]
fn many_busy_goroutines_all_get_a_turn() {
    const COUNT: usize = 40;
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2).time_slice(Duration::from_millis(1)));
        runtime.run(|| {
            let begun = Arc::new(AtomicUsize::new(0));
            let hogs: Vec<_> = (0..COUNT)
                .map(|_| {
                    let begun = begun.clone();
                    gort::spawn(move || {
                        begun.fetch_add(1, SeqCst);
                        compute_until(LIMIT, || begun.load(SeqCst) > COUNT)
                    })
                })
                .collect();
            while begun.load(SeqCst) < COUNT {
                gort::sleep(Duration::from_millis(1));
            }
            // They all compute; and yet one more begins.
            gort::spawn(move || begun.fetch_add(1, SeqCst)).join().unwrap();
            assert!(hogs.into_iter().all(|hog| hog.join().unwrap()));
        });
    });
}

/// A processor comes to its next machine with a goroutine in its `next` slot and a timer that is due. If the timer was
/// first, whom it makes ready would take the slot, and the one in it be the last of all.
#[test]
fn who_was_next_when_the_processor_was_taken_goes_first() {
    /// Who ran first and second.
    fn first_two() -> (&'static str, &'static str) {
        let order = Arc::new(Mutex::new(Vec::new()));
        let begun = Arc::new(AtomicUsize::new(0));
        let put_down = |what: &'static str| {
            let (order, begun) = (order.clone(), begun.clone());
            move || {
                order.lock().unwrap().push(what);
                begun.fetch_add(1, SeqCst);
            }
        };
        let woken = put_down("woken");
        let sleeper = gort::spawn(move || {
            gort::sleep(Duration::from_millis(1));
            woken();
        });
        gort::yield_now();
        let queued: Vec<_> = (0..20).map(|_| gort::spawn(put_down("queued"))).collect();
        let next = gort::spawn(put_down("next"));
        assert!(compute_until(LIMIT, || begun.load(SeqCst) > 0), "the processor was not taken");
        sleeper.join().unwrap();
        queued.into_iter().for_each(|handle| handle.join().unwrap());
        next.join().unwrap();
        let order = order.lock().unwrap();
        (order[0], order[1])
    }
    on(1, || {
        // The processor may be taken earlier: whenever who starts them has lost its CPU for as long.
        good_once_in_five(first_two, |&two| two == ("next", "woken"));
    });
}

#[test]
fn who_has_lost_a_processor_uses_the_runtime_as_before() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(1).time_slice(Duration::from_micros(200)));
        runtime.run(|| {
            let turns = Arc::new(AtomicUsize::new(0));
            let other = gort::spawn({
                let turns = turns.clone();
                move || {
                    while turns.fetch_add(1, SeqCst) < 50 {
                        gort::sleep(Duration::from_micros(100));
                    }
                }
            });
            let (tx, rx) = chan(1);
            let mut started = 0_u64;
            while !other.is_finished() {
                // The other one can only have run on this one's processor.
                let before = turns.load(SeqCst);
                compute_until(Duration::from_millis(20), || turns.load(SeqCst) > before);
                let tx = tx.clone();
                gort::go!(move || tx.send(1).unwrap());
                started += 1;
            }
            drop(tx);
            assert_eq!(rx.iter().sum::<u64>(), started);
            other.join().unwrap();
        });
    });
}

/// A processor that is not to run any more says nothing about who had it last.
#[test]
fn nothing_is_taken_from_who_had_a_processor_that_is_gone() {
    const TIME: Duration = Duration::from_millis(20);
    let is_taken = || {
        let runtime = build(|builder| builder.processors(2));
        let begun = Arc::new(AtomicUsize::new(0));
        let at_once = |_| {
            let begun = begun.clone();
            runtime.spawn(move || {
                begun.fetch_add(1, SeqCst);
                compute_until(LIMIT, || begun.load(SeqCst) == 2)
            })
        };
        let both = [0, 1].map(at_once);
        assert!(both.into_iter().all(|handle| handle.join().unwrap()));
        runtime.set_processors(1);
        let before = runtime.stats().processors_taken;
        // Each machine computes with the processor that is left, while the other blocks without one.
        let ((first_done, first_is), (second_done, second_is)) = (mpsc::channel(), mpsc::channel());
        let second = runtime.spawn(move || {
            gort::blocking(|| first_is.recv().unwrap());
            compute_until(TIME, || false);
            second_done.send(()).unwrap();
        });
        let first = runtime.spawn(move || {
            compute_until(TIME, || false);
            gort::blocking(|| {
                first_done.send(()).unwrap();
                second_is.recv().unwrap();
            });
        });
        first.join().unwrap();
        second.join().unwrap();
        runtime.stats().processors_taken > before
    };
    // Where other tests want the CPUs, too, one may wait for longer than a slice; not each time.
    within(LIMIT, move || assert!((0..10).any(|_| !is_taken()), "something is taken each time"));
}

#[test]
fn with_fences_for_barriers() {
    for test in ["a_sleeper_wakes_beside_busy_goroutines", "many_busy_goroutines_all_get_a_turn"] {
        assert_success(&child(test, |command| {
            command.env("GORT_BARRIER", "fence");
        }));
    }
}

#[test]
fn a_nonsense_barrier_is_reported_and_ignored() {
    let output = child("a_sleeper_wakes_beside_busy_goroutines", |command| {
        command.env("GORT_BARRIER", "perhaps");
    });
    assert_success(&output);
    assert!(support::stderr(&output).contains(r#"GORT_BARRIER="perhaps""#));
}

/// Floating-point numbers in as many registers as the compiler likes.
#[test]
fn registers_are_the_goroutines_own() {
    within(LIMIT, || {
        let slice = Duration::from_micros(100);
        let runtime = build(|builder| builder.processors(2).time_slice(slice));
        runtime.run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let rounds: Arc<[_]> = (0..6).map(|_| AtomicUsize::new(0)).collect();
            let compute = |index: usize| {
                let (stop, rounds) = (stop.clone(), rounds.clone());
                gort::spawn(move || support::compute_and_count(&stop, &rounds[index]))
            };
            let handles: Vec<_> = (0..6).map(compute).collect();
            while rounds.iter().any(|rounds| rounds.load(SeqCst) < 10) {
                gort::sleep(Duration::from_millis(1));
            }
            stop.store(true, SeqCst);
            handles.into_iter().for_each(|handle| handle.join().unwrap());
        });
        assert!(runtime.stats().processors_taken > 0, "{:?}", runtime.stats());
    });
}

#[test]
fn busy_allocations_while_processors_are_taken() {
    support::allocations::busy_allocations();
}

// ---- blocking the thread without a word to the runtime

#[test]
fn beside_sleeping_threads() {
    let released = Arc::new(AtomicBool::new(false));
    let release = released.clone();
    others_go_on_while(
        8,
        move || {
            while !released.load(SeqCst) {
                thread::sleep(Duration::from_millis(2));
            }
        },
        move || release.store(true, SeqCst),
    );
}

#[test]
fn beside_a_contended_mutex_of_std() {
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.clone();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let holder = thread::spawn({
        let mutex = mutex.clone();
        move || {
            let _guard = mutex.lock().unwrap();
            released.recv().unwrap();
        }
    });
    eventually("it is locked", || mutex.try_lock().is_err());
    others_go_on_while(8, move || drop(held.lock().unwrap()), move || release.send(()).unwrap());
    holder.join().unwrap();
}

#[test]
fn beside_reads_of_sockets_of_std() {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = thread::spawn(move || {
        let accept = |_| listener.accept().unwrap().0;
        (0..4).map(accept).collect::<Vec<_>>()
    });
    let connect = |_| net::TcpStream::connect(address).unwrap();
    let streams = Mutex::new((0..4).map(connect).collect::<Vec<_>>());
    let mut accepted = accepted.join().unwrap();
    others_go_on_while(
        4,
        move || {
            let mut stream = streams.lock().unwrap().pop().unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            assert_eq!(text, "at last");
        },
        move || accepted.iter_mut().for_each(|stream| stream.write_all(b"at last").unwrap()),
    );
}

#[cfg(unix)]
#[test]
fn beside_reads_of_a_fifo() {
    let path = std::env::temp_dir().join(format!("gort-fifo-{}", std::process::id()));
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the name is a C string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let (read, written) = (path.clone(), path.clone());
    others_go_on_while(
        1,
        move || assert_eq!(std::fs::read(&read).unwrap(), b"water"),
        move || std::fs::write(&written, "water").unwrap(),
    );
    std::fs::remove_file(path).unwrap();
}

/// Where a runtime preempts in place, a goroutine is put aside that holds the lock, and every thread
/// waits for it. Here the holder keeps its thread.
#[test]
fn a_mutex_of_std_hammered_while_processors_are_taken() {
    // A million each where it does not take minutes.
    const EACH: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2).time_slice(Duration::from_micros(100)));
        let count = runtime.run(|| {
            let count = Arc::new(Mutex::new(0_usize));
            let handles: Vec<_> = (0..16)
                .map(|_| {
                    let count = count.clone();
                    gort::spawn(move || (0..EACH).for_each(|_| *count.lock().unwrap() += 1))
                })
                .collect();
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            *count.lock().unwrap()
        });
        assert_eq!(count, 16 * EACH);
    });
}

#[test]
fn settings_that_make_no_sense() {
    let zero = Runtime::builder().time_slice(Duration::ZERO).build().unwrap_err();
    assert_eq!(zero.to_string(), "a time slice of zero");
    let few = Runtime::builder().processors(4).max_threads(4).build().unwrap_err();
    assert_eq!(few.to_string(), "4 processors need more than 4 threads, not at most 4");
}

#[test]
fn shut_down_among_the_busy_and_the_blocked() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(2));
        let stop = Arc::new(AtomicBool::new(false));
        runtime.run(|| {
            for n in 0..6 {
                let stop = stop.clone();
                gort::go!(move || match n % 3 {
                    0 => drop(compute_until(LIMIT, || stop.load(SeqCst))),
                    1 => gort::blocking(|| while !stop.load(SeqCst) {
                        thread::sleep(Duration::from_millis(1));
                    }),
                    _ => gort::sleep(Duration::MAX),
                });
            }
            gort::sleep(Duration::from_millis(5));
        });
        stop.store(true, SeqCst);
        runtime.shutdown(LIMIT).unwrap();
    });
}
