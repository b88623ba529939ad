//! Several runtimes in one process, and what the builder accepts.

mod support;

use gort::chan::chan;
use gort::time::{AfterFunc, after_func};
use gort::{JoinHandle, Runtime};
use std::collections::HashSet;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use support::{LIMIT, Tally, assert_success, child, eventually, in_child, runtime, within};

#[test]
fn the_builder_refuses_nonsense() {
    for processors in [0, 1025, usize::MAX] {
        let error = Runtime::builder().processors(processors).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&processors.to_string()), "{error}");
    }
    let error = Runtime::builder().name("a\0b").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = Runtime::builder().stack_size(1).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
#[cfg_attr(feature = "threads", ignore = "goroutines run on threads of their own")]
fn threads_are_named_after_the_runtime() {
    let runtime = Runtime::builder().processors(1).name("crawler").build().unwrap();
    let name = runtime.run(|| thread::current().name().map(str::to_owned));
    assert!(name.as_ref().is_some_and(|name| name.starts_with("crawler")), "{name:?}");
    let unnamed = Runtime::builder().processors(1).name("").build().unwrap();
    assert_eq!(unnamed.run(|| 5), 5);
    let long = Runtime::builder().processors(1).name("x".repeat(10_000)).build().unwrap();
    assert_eq!(long.run(|| 5), 5);
}

#[test]
fn the_stack_size_is_the_runtimes() {
    let small = Runtime::builder().processors(1).stack_size(64 << 10).build().unwrap();
    let large = Runtime::builder().processors(1).stack_size(64 << 20).build().unwrap();
    let span = |runtime: &Runtime| {
        runtime.run(|| {
            // How far apart the stacks of two goroutines are at least, which are on at once.
            let (tx, rx) = chan(0);
            let (release, wait) = chan::<()>(0);
            let handles: Vec<_> = (0..8)
                .map(|_| {
                    let (tx, wait) = (tx.clone(), wait.clone());
                    gort::spawn(move || {
                        let here = 0_u8;
                        tx.send((&raw const here).addr()).unwrap();
                        wait.recv();
                    })
                })
                .collect();
            let mut places: Vec<_> = (0..8).map(|_| rx.recv().unwrap()).collect();
            drop(release);
            handles.into_iter().for_each(|handle| handle.join().unwrap());
            places.sort_unstable();
            places.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap()
        })
    };
    assert!(span(&small) >= 60 << 10);
    assert!(span(&large) >= 63 << 20);
}

#[test]
fn goroutines_belong_to_the_runtime_of_their_parent() {
    within(LIMIT, || {
        let runtimes: Vec<_> = (1..=4).map(runtime).collect();
        for (runtime, processors) in runtimes.iter().zip(1..) {
            let (a, b, c) = runtime.run(|| {
                let by_spawn = gort::spawn(gort::gomaxprocs).join().unwrap();
                let (tx, rx) = chan(0);
                gort::go!(move || tx.send(gort::gomaxprocs()).unwrap());
                let by_scope = gort::scope(|s| s.go(gort::gomaxprocs).join().unwrap());
                (by_spawn, rx.recv().unwrap(), by_scope)
            });
            assert_eq!((a, b, c), (processors, processors, processors));
            assert_eq!(runtime.processors(), processors);
        }
        assert_eq!(runtimes[1].set_processors(7), 2);
        assert_eq!(runtimes[1].processors(), 7);
        assert_eq!(runtimes[2].processors(), 3);
    });
}

/// Numbers are given out by each runtime; also one that has taken the place of another is not that.
#[test]
fn goroutines_of_two_runtimes_are_not_the_same() {
    let one = runtime(1);
    let (first, same) = one.run(|| (gort::current(), gort::current()));
    let other = runtime(1).run(gort::current);
    drop(one);
    let third = runtime(1).run(gort::current);
    assert_eq!([other.id(), third.id()], [first.id(); 2]);
    assert_eq!(first, same);
    assert!(first != other && first != third && other != third);
    assert_eq!(HashSet::from([first, same, other, third]).len(), 3);
}

#[test]
fn channels_join_runtimes_and_threads() {
    within(LIMIT, || {
        for capacity in [0, 1, 16] {
            let runtimes: Vec<_> = (1..=3).map(runtime).collect();
            let (tx, rx) = chan(capacity);
            let (out, sums) = chan::<u64>(capacity);
            let mut ends: Vec<JoinHandle<()>> = Vec::new();
            for runtime in &runtimes {
                for _ in 0..4 {
                    let (tx, rx, out) = (tx.clone(), rx.clone(), out.clone());
                    ends.push(
                        runtime.spawn(move || (0..500_u64).for_each(|n| tx.send(n).unwrap())),
                    );
                    ends.push(runtime.spawn(move || out.send(rx.iter().sum()).unwrap()));
                }
            }
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (tx, rx, out) = (tx.clone(), rx.clone(), out.clone());
                    let receiver = thread::spawn(move || out.send(rx.iter().sum()).unwrap());
                    thread::spawn(move || {
                        (0..500_u64).for_each(|n| tx.send(n).unwrap());
                        drop(tx);
                        receiver.join().unwrap();
                    })
                })
                .collect();
            drop((tx, rx, out));
            assert_eq!(sums.iter().sum::<u64>(), 16 * 499 * 250);
            ends.into_iter().for_each(|handle| handle.join().unwrap());
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn a_ring_through_many_runtimes() {
    within(LIMIT, || {
        let runtimes: Vec<_> = (0..8).map(|_| runtime(1)).collect();
        let (first, mut last) = chan(0);
        for runtime in &runtimes {
            let (tx, rx) = chan(0);
            drop(runtime.spawn(move || {
                for n in &last {
                    tx.send(n + 1).unwrap();
                }
            }));
            last = rx;
        }
        for n in 0..1000 {
            first.send(n).unwrap();
            assert_eq!(last.recv(), Some(n + 8));
        }
    });
}

#[test]
fn sleeps_and_selects_across_runtimes() {
    within(LIMIT, || {
        let (one, two) = (runtime(1), runtime(1));
        let (tx, rx) = chan(0);
        let sender = one.spawn(move || {
            for n in 0..50 {
                gort::sleep(Duration::from_micros(100));
                tx.send(n).unwrap();
            }
        });
        let received = two.run(|| {
            let mut received = 0;
            loop {
                gort::select! {
                    recv(rx) -> n => match n {
                        Some(_) => received += 1,
                        None => return received,
                    },
                    after(Duration::from_micros(50)) => {}
                }
            }
        });
        assert_eq!(received, 50);
        sender.join().unwrap();
    });
}

#[test]
fn a_runtime_is_used_from_many_threads() {
    within(LIMIT, || {
        let runtime = Arc::new(runtime(2));
        let count = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (runtime, count) = (runtime.clone(), count.clone());
                thread::spawn(move || {
                    for n in 0..200 {
                        let inner = count.clone();
                        match n % 3 {
                            0 => drop(runtime.spawn(move || inner.fetch_add(1, SeqCst))),
                            1 => {
                                runtime.spawn(move || inner.fetch_add(1, SeqCst)).join().unwrap();
                            }
                            _ => {
                                runtime.run(|| inner.fetch_add(1, SeqCst));
                            }
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        eventually("all have run", || count.load(SeqCst) == 1600);
        eventually("all have ended", || runtime.num_goroutines() == 0);
        assert!(format!("{runtime:?}").contains("goroutines: 0"));
    });
}

#[test]
#[cfg_attr(feature = "threads", ignore = "goroutines run on threads of their own")]
fn installing_twice_is_refused() {
    if in_child() {
        let install = || Runtime::builder().processors(3).name("mine").install();
        install().unwrap();
        assert_eq!(install().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(gort::gomaxprocs(), 3);
        let name = gort::run(|| thread::current().name().map(str::to_owned));
        assert!(name.unwrap().starts_with("mine"));
        return;
    }
    assert_success(&child("installing_twice_is_refused", |_| {}));
}

#[test]
fn installing_is_refused_once_the_process_has_its_runtime() {
    if in_child() {
        assert_eq!(gort::run(|| 5), 5);
        let error = Runtime::builder().processors(3).install().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let invalid = Runtime::builder().processors(0).install();
        assert!(invalid.is_err());
        return;
    }
    assert_success(&child("installing_is_refused_once_the_process_has_its_runtime", |_| {}));
}

#[test]
fn the_processs_runtime_starts_once_for_many_threads() {
    if in_child() {
        let threads: Vec<_> =
            (0..16).map(|n| thread::spawn(move || gort::run(move || n))).collect();
        for (n, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), n);
        }
        #[cfg(target_os = "linux")]
        {
            let is_first = |thread: std::io::Result<std::fs::DirEntry>| {
                let path = thread.unwrap().path().join("comm");
                std::fs::read_to_string(path).is_ok_and(|name| name.trim() == "gort-0")
            };
            let firsts = || {
                let threads = std::fs::read_dir("/proc/self/task").unwrap();
                threads.map(is_first).filter(|&is_first| is_first).count()
            };
            // A thread gives itself its name.
            eventually("the first machine runs", || firsts() > 0);
            assert_eq!(firsts(), 1);
        }
        return;
    }
    assert_success(&child("the_processs_runtime_starts_once_for_many_threads", |_| {}));
}

#[test]
fn shutting_one_down_leaves_the_others() {
    within(LIMIT, || {
        let tally = Tally::new();
        let (tx, rx) = chan(0);
        let keep = runtime(2);
        let echo = keep.spawn(move || rx.iter().map(|n: u32| n + 1).sum::<u32>());
        for n in 0..20 {
            let other = runtime(2);
            let (token, tx) = (tally.token(), tx.clone());
            drop(other.spawn(move || {
                let _token = token;
                tx.send(n).unwrap();
                gort::chan::never::<()>().recv();
            }));
            eventually("it has sent", || other.num_goroutines() == 1);
            other.shutdown(LIMIT).unwrap();
        }
        drop(tx);
        assert!(echo.join().unwrap() <= 210);
        assert_eq!(tally.alive(), 0);
    });
}

/// Its destructor shuts the runtime down, which has the goroutine that would have called it: until that has ended.
#[test]
fn what_is_stopped_from_outside_may_own_its_runtime() {
    fn stops(by: impl FnOnce(AfterFunc) -> bool) {
        let runtime = Runtime::builder().shutdown_timeout(LIMIT * 2).build().unwrap();
        let waiting = runtime.spawn(|| gort::chan::never::<()>().recv());
        let (give, given) = chan(1);
        let call = runtime.run(|| after_func(LIMIT * 2, move || drop(given)));
        give.send(runtime).unwrap();
        drop(give);
        assert!(by(call));
        let payload = waiting.join().unwrap_err();
        assert!(payload.is::<gort::Shutdown>());
    }

    within(LIMIT, || {
        stops(|call| call.stop());
        let other = runtime(1);
        stops(|call| other.run(|| call.stop()));
    });
}

/// Who asks for what the system does not have is told so.
#[cfg(any(feature = "threads", not(any(target_os = "linux", windows))))]
#[test]
fn preemption_in_place_is_refused_where_there_is_none() {
    // SAFETY: nothing is interrupted.
    let builder = unsafe { Runtime::builder().preempt_in_place() };
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported, "{error}");
}
