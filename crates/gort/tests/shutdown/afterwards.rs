//! What is left for those who hold handles, or waited.

use crate::support::{LIMIT, Tally, block_on, runtime, within};
use crate::{all_shut_down, start};
use gort::Shutdown;
use gort::chan::{Receiver, chan, never};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Handles to results of a runtime that is gone.
#[test]
fn handles_outlive_their_runtime() {
    within(LIMIT, || {
        for round in 0..30 {
            let tally = Tally::new();
            let runtime = runtime(2);
            let inner = tally.clone();
            let mut handles: Vec<_> = (0..300)
                .map(|n| {
                    let token = inner.token();
                    runtime.spawn(move || {
                        match n % 3 {
                            0 => {}
                            1 => gort::sleep(Duration::MAX),
                            _ => gort::sleep(Duration::from_micros(n)),
                        }
                        (token, [n; 8])
                    })
                })
                .collect();
            let mut polled = handles.split_off(200);
            for handle in &mut polled {
                // Some are ready, some wait as futures.
                let mut cx = Context::from_waker(Waker::noop());
                if let Poll::Ready(result) = Future::poll(std::pin::Pin::new(handle), &mut cx) {
                    drop(result);
                    std::mem::forget(std::mem::replace(handle, {
                        let token = tally.token();
                        runtime.spawn(move || (token, [0; 8]))
                    }));
                }
            }
            if round % 2 == 0 {
                drop(runtime);
            } else {
                runtime.shutdown(LIMIT).unwrap();
            }
            let rest = handles.split_off(100);
            let here = thread::spawn(move || {
                for handle in rest {
                    assert!(handle.is_finished());
                    drop(handle);
                }
            });
            for (n, handle) in handles.into_iter().enumerate() {
                match handle.join() {
                    Ok((_token, numbers)) => assert_eq!(numbers, [n as u64; 8]),
                    Err(payload) => assert!(payload.is::<Shutdown>()),
                }
            }
            for handle in polled {
                drop(block_on(handle));
            }
            here.join().unwrap();
            assert_eq!(tally.alive(), 0);
        }
    });
}

#[test]
fn a_thread_waits_in_join_while_the_runtime_goes() {
    within(LIMIT, || {
        for _ in 0..50 {
            let runtime = runtime(2);
            let (there, wait) = chan(0);
            let joining: Vec<_> = (0..4)
                .map(|_| {
                    let there = there.clone();
                    let handle = runtime.spawn(move || {
                        there.send(()).unwrap();
                        never::<()>().recv();
                    });
                    thread::spawn(move || handle.join())
                })
                .collect();
            wait.iter().take(4).for_each(drop);
            runtime.shutdown(LIMIT).unwrap();
            for thread in joining {
                assert!(thread.join().unwrap().unwrap_err().is::<Shutdown>());
            }
        }
    });
}

#[test]
fn waiters_of_other_runtimes_and_threads_are_left_alone() {
    within(LIMIT, || {
        let (one, two) = (runtime(1), runtime(1));
        let (tx, rx): (_, Receiver<u32>) = chan(0);
        let tally = Tally::new();
        let in_one = rx.clone();
        let shut = start(&one, &tally, 10, move |_token| {
            in_one.recv();
        });
        let in_two = two.spawn({
            let rx = rx.clone();
            move || rx.recv()
        });
        let in_thread = thread::spawn(move || rx.recv());
        one.shutdown(LIMIT).unwrap();
        all_shut_down(shut);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        let (a, b) = (in_two.join().unwrap(), in_thread.join().unwrap());
        assert_eq!(a.unwrap() + b.unwrap(), 3);
    });
}
