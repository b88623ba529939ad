//! Messages arrive: each once, and in order.

use crate::SOON;
use crate::chan_world::{World, join_all};
use crate::support::yield_until;
use gort::chan::{Receiver, RecvTimeoutError, SendTimeoutError, TryRecvError, chan};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::*};

in_all_worlds! {
    messages_arrive_in_order
    every_message_arrives_once
    messages_of_each_sender_keep_their_order
    a_receive_lets_the_first_blocked_sender_in
    a_value_that_is_there_is_never_missed
    a_waiting_receiver_is_never_missed
    a_waiting_sender_is_never_missed
    no_message_is_lost_or_doubled_by_time_outs
    odd_types_pass_unharmed
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
                yield_until("the buffer is full", || rx.is_full());
            }
            assert_eq!(rx.recv(), Some(i));
            assert!(rx.len() <= 2);
        }
        assert_eq!(rx.recv(), None);
        sender.join();
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
            yield_until("the receiver waits", || ta.try_send(()).is_ok());
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
            yield_until("the sender waits", || match rx.try_recv() {
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
