//! Programs of many tasks, and of several runtimes.

use crate::chan_world::{World, join_all};
use crate::support::{self, Tally, Token, eventually};
use gort::chan::{Receiver, Sender, TryRecvError, TrySendError, chan};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;

in_all_worlds! {
    a_prime_sieve
    a_ring_of_tasks
}

/// Go's classic: each prime found is one more task in the chain.
fn a_prime_sieve(world: World) {
    fn filter(world: World, numbers: Receiver<u32>, primes: Sender<u32>) {
        let Some(prime) = numbers.recv() else { return };
        primes.send(prime).unwrap();
        let (tx, rx) = chan(0);
        let next = world.spawn(move || filter(world, rx, primes));
        for number in numbers.iter().filter(|number| number % prime != 0) {
            tx.send(number).unwrap();
        }
        drop(tx);
        next.join();
    }

    world.run(move || {
        let ((tx, numbers), (primes, found)) = (chan(0), chan(100));
        let first = world.spawn(move || filter(world, numbers, primes));
        (2..100).for_each(|number| tx.send(number).unwrap());
        drop(tx);
        first.join();
        assert!(found.iter().eq((2..100).filter(|n| (2..*n).all(|m| n % m != 0))));
    });
}

fn a_ring_of_tasks(world: World) {
    const TASKS: usize = 20;
    const ROUNDS: usize = 50;
    world.run(move || {
        let (first, mut last) = chan(0);
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (tx, rx) = chan(0);
                let from = std::mem::replace(&mut last, rx);
                world.spawn(move || from.iter().for_each(|n: usize| tx.send(n + 1).unwrap()))
            })
            .collect();
        for round in 0..ROUNDS {
            first.send(round).unwrap();
            assert_eq!(last.recv(), Some(round + TASKS));
        }
        drop(first);
        join_all(tasks);
        assert_eq!(last.recv(), None);
    });
}

#[test]
fn a_chain_of_ten_thousand_goroutines() {
    support::on(2, || {
        let (first, mut last) = chan(0);
        for _ in 0..10_000 {
            let (tx, rx) = chan(0);
            let from = std::mem::replace(&mut last, rx);
            gort::spawn(move || {
                if let Some(n) = from.recv() {
                    tx.send(n + 1).unwrap();
                }
            });
        }
        first.send(0).unwrap();
        assert_eq!(last.recv(), Some(10_000));
    });
}

#[test]
fn threads_and_goroutines_of_two_runtimes_share_a_channel() {
    const EACH: usize = 500;
    support::within(support::LIMIT, || {
        for capacity in [0, 8] {
            let (tx, rx) = chan(capacity);
            let runtimes = [support::runtime(1), support::runtime(2)];
            let send = |number: usize, tx: Sender<usize>| {
                move || (0..EACH).for_each(|i| tx.send(number * EACH + i).unwrap())
            };
            let receive = |rx: Receiver<usize>| move || rx.iter().collect::<Vec<_>>();
            let thread = std::thread::spawn(send(0, tx.clone()));
            let goroutines =
                [runtimes[0].spawn(send(1, tx.clone())), runtimes[1].spawn(send(2, tx.clone()))];
            drop(tx);
            let receiving_thread = std::thread::spawn(receive(rx.clone()));
            let receiving_goroutines =
                [runtimes[0].spawn(receive(rx.clone())), runtimes[1].spawn(receive(rx.clone()))];
            thread.join().unwrap();
            for goroutine in goroutines {
                goroutine.join().unwrap();
            }
            let mut received = receiving_thread.join().unwrap();
            for goroutine in receiving_goroutines {
                received.extend(goroutine.join().unwrap());
            }
            received.sort();
            assert!(received.into_iter().eq(0..3 * EACH));
        }
    });
}

#[test]
fn a_runtime_that_is_shut_down_leaves_its_channels_usable() {
    support::within(support::LIMIT, || {
        let tally = Tally::new();
        let (tx, rx) = chan::<Token>(0);
        let (never_sent, nothing) = chan::<Token>(0);
        let runtime = support::runtime(2);
        let ready = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let (to, token, counter) = (tx.clone(), tally.token(), ready.clone());
            runtime.spawn(move || {
                counter.fetch_add(1, SeqCst);
                let _ = to.send(token);
            });
            let (rx, counter) = (nothing.clone(), ready.clone());
            runtime.spawn(move || {
                counter.fetch_add(1, SeqCst);
                rx.recv()
            });
            let (rx, never, token) = (nothing.clone(), tx.clone(), tally.token());
            let counter = ready.clone();
            runtime.spawn(move || {
                counter.fetch_add(1, SeqCst);
                gort::select! {
                    recv(rx) -> _ => unreachable!(),
                    send(never, token) -> _ => unreachable!(),
                }
            });
        }
        eventually("all have begun", || ready.load(SeqCst) == 15);
        runtime.shutdown(Duration::from_secs(30)).unwrap();
        // Their messages went with them, and they are on no list any more.
        assert_eq!(tally.alive(), 0);
        assert_eq!(rx.try_recv().err(), Some(TryRecvError::Empty));
        assert!(matches!(never_sent.try_send(tally.token()), Err(TrySendError::Full(_))));
        let thread = std::thread::spawn(move || rx.recv().is_some());
        tx.send(tally.token()).unwrap();
        assert!(thread.join().unwrap());
        assert_eq!(tally.alive(), 0);
    });
}
