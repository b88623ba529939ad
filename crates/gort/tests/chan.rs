//! Channels, on plain threads and on goroutines. Some of the ideas are those of Go's `chan_test.go`.

mod chan_world;
mod support;

use chan_world::{World, join_all};
use gort::chan::{
    Receiver, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    chan,
};
use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};
use support::{OnDrop, Tally, Token, eventually};

const SOON: Duration = Duration::from_micros(50);

in_all_worlds! {
    messages_arrive_in_order
    every_message_arrives_once
    messages_of_each_sender_keep_their_order
    a_receive_lets_the_first_blocked_sender_in
    closing_wakes_all_receivers
    closing_gives_all_blocked_senders_their_messages_back
    dropping_the_senders_wakes_all_receivers
    dropping_the_receivers_wakes_all_senders
    a_value_that_is_there_is_never_missed
    a_waiting_receiver_is_never_missed
    a_waiting_sender_is_never_missed
    no_message_is_lost_or_doubled_by_time_outs
    messages_are_dropped_once
    odd_types_pass_unharmed
    a_prime_sieve
    a_ring_of_tasks
}

fn messages_arrive_in_order(world: World) {
    world.run(move || {
        for capacity in 0..=200 {
            let (tx, rx) = chan(capacity);
            let sender = world.spawn(move || (0..200).for_each(|i| tx.send(i).unwrap()));
            assert!(rx.iter().eq(0..200), "capacity {capacity}");
            sender.join();
        }
    });
}

fn every_message_arrives_once(world: World) {
    const EACH: usize = 1000;
    world.run(move || {
        for capacity in [0, 1, 2, 10, 1000] {
            let (tx, rx) = chan(capacity);
            let senders = world.spawn_all(4, |number| {
                let tx = tx.clone();
                Box::new(move || {
                    (0..EACH).for_each(|i| tx.send(number * EACH + i).unwrap());
                })
            });
            drop(tx);
            let receivers = world.spawn_all(3, |_| {
                let rx = rx.clone();
                Box::new(move || rx.iter().collect::<Vec<_>>())
            });
            join_all(senders);
            let received = join_all(receivers).concat();
            assert_eq!(received.len(), 4 * EACH);
            assert!(received.into_iter().collect::<BTreeSet<_>>().into_iter().eq(0..4 * EACH));
            assert_eq!(rx.recv(), None);
        }
    });
}

fn messages_of_each_sender_keep_their_order(world: World) {
    world.run(move || {
        for capacity in [0, 1, 7] {
            let (tx, rx) = chan(capacity);
            let senders = world.spawn_all(3, |number| {
                let tx = tx.clone();
                Box::new(move || (0..500).for_each(|i| tx.send((number, i)).unwrap()))
            });
            drop(tx);
            let mut next = [0; 3];
            for (number, i) in &rx {
                assert_eq!(i, next[number]);
                next[number] += 1;
            }
            assert_eq!(next, [500; 3]);
            join_all(senders);
        }
    });
}

fn a_receive_lets_the_first_blocked_sender_in(world: World) {
    world.run(move || {
        let (tx, rx) = chan(2);
        let sender = world.spawn(move || (0..5).for_each(|i| tx.send(i).unwrap()));
        // Every receive makes room for the next one, up to the last two.
        for i in 0..5 {
            if i <= 3 {
                eventually_here("the buffer is full", || rx.is_full());
            }
            assert_eq!(rx.recv(), Some(i));
            assert!(rx.len() <= 2);
        }
        assert_eq!(rx.recv(), None);
        sender.join();
    });
}

/// Waits, in whatever world this is.
#[track_caller]
fn eventually_here(what: &str, condition: impl Fn() -> bool) {
    support::yield_until(what, condition);
}

fn closing_wakes_all_receivers(world: World) {
    world.run(move || {
        for capacity in [0, 3] {
            let (tx, rx) = chan::<u8>(capacity);
            let receivers = world.spawn_all(40, |_| {
                let rx = rx.clone();
                Box::new(move || rx.recv())
            });
            gort::yield_now();
            tx.close();
            tx.close();
            assert_eq!(join_all(receivers), [None; 40]);
        }
    });
}

fn closing_gives_all_blocked_senders_their_messages_back(world: World) {
    world.run(move || {
        for capacity in [0, 3] {
            let (tx, rx) = chan(capacity);
            let senders = world.spawn_all(40, |number| {
                let tx = tx.clone();
                Box::new(move || tx.send(number).err().map(SendError::into_inner))
            });
            eventually_here("the buffer is full", || rx.is_full());
            gort::yield_now();
            rx.close();
            let failed: Vec<_> = join_all(senders).into_iter().flatten().collect();
            assert_eq!(failed.len(), 40 - capacity);
            let received: Vec<_> = rx.iter().collect();
            assert_eq!(received.len(), capacity);
            let all: BTreeSet<_> = failed.into_iter().chain(received).collect();
            assert!(all.into_iter().eq(0..40));
        }
    });
}

fn dropping_the_senders_wakes_all_receivers(world: World) {
    world.run(move || {
        let (tx, rx) = chan::<u8>(0);
        let receivers = world.spawn_all(5, |_| {
            let rx = rx.clone();
            Box::new(move || rx.recv())
        });
        let other = tx.clone();
        gort::yield_now();
        drop(tx);
        assert!(!rx.is_closed());
        drop(other);
        assert_eq!(join_all(receivers), [None; 5]);
        assert!(rx.is_closed());
    });
}

fn dropping_the_receivers_wakes_all_senders(world: World) {
    world.run(move || {
        let (tx, rx) = chan(2);
        let tally = Tally::new();
        let senders = world.spawn_all(6, |_| {
            let (tx, token) = (tx.clone(), tally.token());
            Box::new(move || tx.send(token))
        });
        eventually_here("the buffer is full", || rx.is_full());
        let other = rx.clone();
        drop(rx);
        assert!(!tx.is_closed());
        drop(other);
        let results = join_all(senders);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2);
        // The two in the buffer went with the last receiver, the others came back.
        assert_eq!(tally.alive(), 4);
        drop(results);
        assert_eq!(tally.alive(), 0);
        assert!(tx.try_send(tally.token()).unwrap_err().is_closed());
    });
}

/// A value that was sent before is there for whoever asks later, though it is being closed.
fn a_value_that_is_there_is_never_missed(world: World) {
    world.run(move || {
        for _ in 0..500 {
            let (tx, rx) = chan(1);
            tx.send(1).unwrap();
            let receiver = world.spawn(move || rx.try_recv());
            tx.close();
            assert_eq!(receiver.join(), Ok(1));
        }
    });
}

/// Two tasks of which each first sends without blocking, then receives: not both can miss the other.
fn a_waiting_receiver_is_never_missed(world: World) {
    world.run(move || {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let receiver = world.spawn(move || {
            let mut got = 0;
            while let Some(()) = ra.recv() {
                got += 1;
                tb.send(()).unwrap();
            }
            got
        });
        for _ in 0..200 {
            // It comes to wait at some time, and is then found at the first try.
            eventually_here("the receiver waits", || ta.try_send(()).is_ok());
            assert_eq!(rb.recv(), Some(()));
        }
        drop(ta);
        assert_eq!(receiver.join(), 200);
    });
}

fn a_waiting_sender_is_never_missed(world: World) {
    world.run(move || {
        let (tx, rx) = chan(0);
        let sender = world.spawn(move || (0..200).for_each(|i| tx.send(i).unwrap()));
        for i in 0..200 {
            let got = AtomicUsize::new(usize::MAX);
            eventually_here("the sender waits", || match rx.try_recv() {
                Ok(i) => {
                    got.store(i, Relaxed);
                    true
                }
                Err(TryRecvError::Empty) => false,
                Err(TryRecvError::Closed) => panic!("closed too early"),
            });
            assert_eq!(got.into_inner(), i);
        }
        sender.join();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    });
}

fn no_message_is_lost_or_doubled_by_time_outs(world: World) {
    const EACH: usize = 300;
    world.run(move || {
        for capacity in [0, 1, 4] {
            let (tx, rx) = chan(capacity);
            let senders = world.spawn_all(2, |number| {
                let tx = tx.clone();
                Box::new(move || {
                    for i in 0..EACH {
                        let mut message = (number, i);
                        loop {
                            match tx.send_timeout(message, SOON) {
                                Ok(()) => break,
                                Err(SendTimeoutError::Timeout(back)) => {
                                    assert_eq!(back, message);
                                    message = back;
                                }
                                Err(SendTimeoutError::Closed(_)) => panic!("closed too early"),
                            }
                        }
                    }
                })
            });
            drop(tx);
            let receivers = world.spawn_all(2, |_| {
                let rx: Receiver<(usize, usize)> = rx.clone();
                Box::new(move || {
                    let mut received = Vec::new();
                    loop {
                        match rx.recv_timeout(SOON) {
                            Ok(message) => received.push(message),
                            Err(RecvTimeoutError::Timeout) => {}
                            Err(RecvTimeoutError::Closed) => return received,
                        }
                    }
                })
            });
            join_all(senders);
            let mut received = join_all(receivers).concat();
            received.sort();
            assert!(received.into_iter().eq((0..2).flat_map(|n| (0..EACH).map(move |i| (n, i)))));
        }
    });
}

fn messages_are_dropped_once(world: World) {
    world.run(move || {
        for capacity in [0, 1, 5, 100] {
            let tally = Tally::new();
            let (tx, rx) = chan::<Token>(capacity);
            let senders = world.spawn_all(3, |_| {
                let (tx, tally) = (tx.clone(), tally.clone());
                Box::new(move || while tx.send(tally.token()).is_ok() {})
            });
            drop(tx);
            let half: Vec<_> = rx.iter().take(150).collect();
            assert_eq!(half.len(), 150);
            drop(rx);
            join_all(senders);
            assert_eq!(tally.alive(), 150);
            drop(half);
            assert_eq!(tally.alive(), 0);
            assert!(tally.made() >= 153);
        }
    });
}

fn odd_types_pass_unharmed(world: World) {
    #[repr(align(256))]
    #[derive(Clone, PartialEq, Debug)]
    struct Aligned(u8);

    fn pass<T: Clone + PartialEq + std::fmt::Debug + Send + 'static>(world: World, message: T) {
        for capacity in [0, 1, 3] {
            let (tx, rx) = chan(capacity);
            let sent = message.clone();
            let sender = world.spawn(move || {
                for _ in 0..10 {
                    tx.send(sent.clone()).unwrap();
                }
            });
            let mut count = 0;
            while let Some(received) = rx.recv() {
                assert_eq!(std::ptr::from_ref(&received).addr() % align_of::<T>(), 0);
                assert_eq!(received, message);
                count += 1;
            }
            assert_eq!(count, 10);
            sender.join();
        }
    }

    world.run(move || {
        pass(world, ());
        pass(world, Aligned(7));
        pass(world, [Aligned(1), Aligned(2)]);
        pass(world, [7_u8; 1000]);
        pass(world, String::from("on the heap"));
        pass(world, Some(Box::new(5)));
        pass(world, None::<Box<i32>>);
        pass(world, Some(None::<()>));
    });
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

#[test]
fn operations_that_do_not_block_tell_why_they_did_nothing() {
    let (tx, rx) = chan(1);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    tx.close();
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(tx.send(4), Err(SendError(4)));
    assert_eq!(tx.send_timeout(5, SOON), Err(SendTimeoutError::Closed(5)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(rx.recv_timeout(SOON), Err(RecvTimeoutError::Closed));
    assert_eq!(rx.recv(), None);

    let (tx, rx) = chan(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(rx);
    assert_eq!(tx.try_send(1), Err(TrySendError::Closed(1)));
}

#[test]
fn waits_end_at_their_deadline_and_not_before() {
    const TIME: Duration = Duration::from_millis(20);
    for world in [World::Threads, World::Goroutines(1)] {
        world.run(|| {
            let (tx, rx) = chan(0);
            let start = Instant::now();
            assert_eq!(rx.recv_timeout(TIME), Err(RecvTimeoutError::Timeout));
            assert!(start.elapsed() >= TIME);
            let start = Instant::now();
            assert_eq!(tx.send_timeout(1, TIME), Err(SendTimeoutError::Timeout(1)));
            assert!(start.elapsed() >= TIME);
            let deadline = Instant::now() + TIME;
            assert_eq!(rx.recv_deadline(deadline), Err(RecvTimeoutError::Timeout));
            assert!(Instant::now() >= deadline);
            let deadline = Instant::now() + TIME;
            assert_eq!(tx.send_deadline(1, deadline), Err(SendTimeoutError::Timeout(1)));
            assert!(Instant::now() >= deadline);
            // One that has passed still takes what is there.
            let (tx, rx) = chan(1);
            assert_eq!(tx.send_deadline(1, deadline), Ok(()));
            assert_eq!(tx.send_timeout(2, Duration::ZERO), Err(SendTimeoutError::Timeout(2)));
            assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
            assert_eq!(rx.recv_deadline(deadline), Err(RecvTimeoutError::Timeout));
            // One that never comes is no deadline.
            tx.send_timeout(3, Duration::MAX).unwrap();
            assert_eq!(rx.recv_timeout(Duration::MAX), Ok(3));
        });
    }
}

#[test]
fn closing_keeps_what_is_in_the_buffer() {
    type Close = fn(Sender<i32>, &Receiver<i32>);
    for close in [(|tx, _| drop(tx)) as Close, |tx, _| tx.close(), |_, rx| rx.close()] {
        let (tx, rx) = chan(3);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        close(tx, &rx);
        assert!(rx.is_closed());
        assert_eq!(rx.len(), 2);
        assert_eq!([rx.recv(), rx.recv(), rx.recv(), rx.recv()], [Some(1), Some(2), None, None]);
    }
}

#[test]
fn what_a_channel_tells_about_itself() {
    let (tx, rx) = chan(2);
    let told = |tx: &Sender<i32>, rx: &Receiver<i32>| {
        assert_eq!(
            (tx.len(), tx.is_empty(), tx.is_full()),
            (rx.len(), rx.is_empty(), rx.is_full())
        );
        assert_eq!((tx.capacity(), tx.is_closed()), (rx.capacity(), rx.is_closed()));
        (tx.len(), tx.is_empty(), tx.is_full(), tx.capacity(), tx.is_closed())
    };
    assert_eq!(told(&tx, &rx), (0, true, false, 2, false));
    tx.send(1).unwrap();
    assert_eq!(told(&tx, &rx), (1, false, false, 2, false));
    tx.send(2).unwrap();
    assert_eq!(told(&tx, &rx), (2, false, true, 2, false));
    rx.close();
    assert_eq!(told(&tx, &rx), (2, false, true, 2, true));
    let (other_tx, other_rx) = chan(0);
    assert_eq!(told(&other_tx, &other_rx), (0, true, true, 0, false));
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other_tx));
    assert!(rx.same_channel(&rx.clone()) && !rx.same_channel(&other_rx));
    drop(rx);
    assert_eq!((tx.len(), tx.capacity(), tx.is_closed()), (0, 2, true));
}

#[test]
fn a_huge_capacity_costs_what_it_holds() {
    for capacity in [1 << 20, 1 << 40, usize::MAX] {
        let (tx, rx) = chan(capacity);
        assert_eq!(tx.capacity(), capacity);
        for i in 0..10_000_usize {
            tx.send([i; 4]).unwrap();
            if i % 3 == 0 {
                assert_eq!(rx.recv(), Some([i / 3; 4]));
            }
        }
        assert!(rx.try_iter().eq((3334..10_000).map(|i| [i; 4])));
        let (tx, rx) = chan(capacity);
        (0..10_000).for_each(|_| tx.send(()).unwrap());
        assert_eq!(rx.len(), 10_000);
    }
}

#[test]
fn every_capacity_is_kept_to_exactly() {
    for capacity in (0..70).chain([127, 128, 129, 500, 1000, 1025]) {
        let (tx, rx) = chan(capacity);
        for round in 0..3 {
            for i in 0..capacity {
                assert_eq!(tx.try_send(i), Ok(()), "capacity {capacity}, round {round}");
            }
            assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
            // Leaves the ring in the middle, so that the next round wraps around.
            assert!(rx.try_iter().take(capacity / 2).eq(0..capacity / 2));
            (0..capacity / 2).for_each(|i| tx.send(capacity + i).unwrap());
            assert!(rx.try_iter().eq(capacity / 2..capacity + capacity / 2));
            if capacity > 1 {
                tx.send(0).unwrap();
                assert_eq!(rx.recv(), Some(0));
            }
        }
    }
}

#[test]
fn a_channel_that_was_closed_before_its_buffer_grew_stays_closed() {
    let (tx, rx) = chan(100_000);
    tx.close();
    assert_eq!(tx.send(1), Err(SendError(1)));
    assert_eq!(rx.recv(), None);
}

#[test]
fn a_message_that_panics_when_dropped_does_not_keep_others_from_it() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = chan(10);
    // Two are received first, so that the rest wraps around the end of the ring.
    for _ in 0..2 {
        tx.send(None).unwrap();
    }
    assert_eq!(rx.try_iter().count(), 2);
    for i in 0..10 {
        let dropped = dropped.clone();
        let message = OnDrop(move || {
            dropped.fetch_add(1, SeqCst);
            assert_ne!(i, 3, "dropped with this message");
        });
        assert!(tx.send(Some(message)).is_ok());
    }
    let panic = catch_unwind(AssertUnwindSafe(|| drop(rx)));
    assert!(panic.unwrap_err().downcast::<String>().unwrap().contains("with this message"));
    assert_eq!(dropped.load(SeqCst), 10);
    assert!(tx.is_closed());
    assert!(tx.send(None).is_err());
}

#[test]
fn a_message_may_use_its_channel_when_dropped() {
    let (tx, rx) = chan(5);
    let (other, results) = chan(5);
    for _ in 0..3 {
        let (tx, other) = (tx.clone(), other.clone());
        // A weak reference would do; the cycle ends as the receiver drops the messages.
        assert!(
            tx.clone()
                .send(OnDrop(
                    Box::new(move || other.send(tx.len()).unwrap()) as Box<dyn FnMut() + Send>
                ))
                .is_ok()
        );
    }
    drop(rx);
    assert!(results.try_iter().eq([0; 3]));
}

#[test]
fn iterators_end_with_the_channel() {
    let (tx, rx) = chan(10);
    (0..6).for_each(|i| tx.send(i).unwrap());
    assert!(rx.try_iter().take(2).eq([0, 1]));
    assert_eq!(rx.iter().next(), Some(2));
    drop(tx);
    let mut sum = 0;
    for i in &rx {
        sum += i;
        if i == 4 {
            break;
        }
    }
    assert_eq!(sum, 3 + 4);
    let mut rest = rx.into_iter();
    assert_eq!([rest.next(), rest.next(), rest.next()], [Some(5), None, None]);
}

#[test]
fn errors_tell_what_happened() {
    fn shown(error: &dyn Error) -> String {
        format!("{error} / {error:?}")
    }
    struct NotDebug;
    let errors: [Box<dyn Error>; 9] = [
        Box::new(SendError(NotDebug)),
        Box::new(TrySendError::Full(NotDebug)),
        Box::new(TrySendError::Closed(NotDebug)),
        Box::new(SendTimeoutError::Timeout(NotDebug)),
        Box::new(SendTimeoutError::Closed(NotDebug)),
        Box::new(TryRecvError::Empty),
        Box::new(TryRecvError::Closed),
        Box::new(RecvTimeoutError::Timeout),
        Box::new(RecvTimeoutError::Closed),
    ];
    assert_eq!(
        errors.map(|error| shown(&*error)),
        [
            "sending on a closed channel / SendError(..)",
            "sending on a full channel / Full(..)",
            "sending on a closed channel / Closed(..)",
            "timed out sending on a channel / Timeout(..)",
            "sending on a closed channel / Closed(..)",
            "receiving from an empty channel / Empty",
            "receiving from a closed and drained channel / Closed",
            "timed out receiving from a channel / Timeout",
            "receiving from a closed and drained channel / Closed",
        ]
    );
    assert_eq!(SendError(1).into_inner(), 1);
    assert_eq!([TrySendError::Full(2), TrySendError::Closed(2)].map(|e| e.into_inner()), [2, 2]);
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert_eq!(SendTimeoutError::from(SendError(4)), SendTimeoutError::Closed(4));
    assert_eq!(TrySendError::from(SendError(4)), TrySendError::Closed(4));
    assert!(TrySendError::Full(0).is_full() && !TrySendError::Full(0).is_closed());
    assert!(SendTimeoutError::Timeout(0).is_timeout() && !SendTimeoutError::Timeout(0).is_closed());
    assert!(TryRecvError::Empty.is_empty() && TryRecvError::Closed.is_closed());
    assert!(RecvTimeoutError::Timeout.is_timeout() && RecvTimeoutError::Closed.is_closed());
}

#[test]
fn everything_shows_itself() {
    struct NotDebug;
    let (tx, rx) = chan(2);
    tx.send(NotDebug).unwrap();
    assert_eq!(format!("{tx:?}"), "Sender { len: 1, capacity: 2, closed: false, .. }");
    drop(tx);
    assert_eq!(format!("{rx:?}"), "Receiver { len: 1, capacity: 2, closed: true, .. }");
    assert!(format!("{:?}", rx.iter()).starts_with("Iter(Receiver {"));
    assert!(format!("{:?}", rx.try_iter()).starts_with("TryIter(Receiver {"));
    assert!(format!("{:?}", rx.into_iter()).starts_with("IntoIter(Receiver {"));
}

#[test]
fn what_can_be_shared_is_what_should() {
    fn shareable<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    shareable::<Sender<std::cell::Cell<i32>>>();
    shareable::<Receiver<std::cell::Cell<i32>>>();

    // A trait method that only exists if `T: Send` shadows the other.
    struct Probe<T>(std::marker::PhantomData<T>);
    trait NotSend {
        fn is_send(&self) -> bool {
            false
        }
    }
    impl<T> NotSend for Probe<T> {}
    impl<T: Send> Probe<T> {
        fn is_send(&self) -> bool {
            true
        }
    }
    assert!(Probe::<Sender<i32>>(std::marker::PhantomData).is_send());
    assert!(!Probe::<Sender<std::rc::Rc<i32>>>(std::marker::PhantomData).is_send());
    assert!(!Probe::<Receiver<std::rc::Rc<i32>>>(std::marker::PhantomData).is_send());

    // On one thread, what is not `Send` passes all the same.
    let (tx, rx) = chan(1);
    tx.send(std::rc::Rc::new(1)).unwrap();
    assert_eq!(rx.recv().as_deref(), Some(&1));
}
