//! Programs of many selects.

use crate::chan_world::{World, join_all};
use gort::chan::chan;
use gort::select;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

in_all_worlds! {
    a_bit_is_sent_as_both_values
    selects_and_plain_operations_under_stress
    a_chain_of_selects
}

/// Go's pseudo-random send: one select offers zero and one on the same channel, and both arrive.
fn a_bit_is_sent_as_both_values(world: World) {
    const BITS: usize = 200;
    world.run(move || {
        for capacity in [0, BITS] {
            let (tx, rx) = chan(capacity);
            let receiver = world.spawn(move || rx.iter().collect::<Vec<_>>());
            for _ in 0..BITS {
                select! {
                    send(tx, 0) -> result => result.unwrap(),
                    send(tx, 1) -> result => result.unwrap(),
                }
            }
            drop(tx);
            let bits = receiver.join();
            let ones = bits.iter().filter(|bit| **bit == 1).count();
            assert_eq!(bits.len(), BITS);
            assert!(ones > BITS / 10 && ones < BITS * 9 / 10, "{ones} ones");
        }
    });
}

/// Go's select stress: four channels, each with a sender and a receiver of its own, and selects that
/// send to and receive from all of them.
fn selects_and_plain_operations_under_stress(world: World) {
    const EACH: usize = 300;
    world.run(move || {
        let channels: Arc<[_; 4]> = Arc::new([chan(0), chan(0), chan(2), chan(3)]);
        let mut tasks = Vec::new();
        let received = Arc::new(AtomicUsize::new(0));
        for i in 0..4 {
            let (tx, rx) = channels[i].clone();
            tasks.push(world.spawn(move || (0..EACH).for_each(|_| tx.send(1).unwrap())));
            let received = received.clone();
            tasks.push(world.spawn(move || {
                for _ in 0..EACH {
                    received.fetch_add(rx.recv().unwrap(), SeqCst);
                }
            }));
        }
        let all = channels.clone();
        tasks.push(world.spawn(move || {
            let mut left = [EACH; 4];
            while left != [0; 4] {
                let sent = select! {
                    send(all[3].0, 1) -> result, if left[3] > 0 => { result.unwrap(); 3 }
                    send(all[2].0, 1) -> result, if left[2] > 0 => { result.unwrap(); 2 }
                    send(all[0].0, 1) -> result, if left[0] > 0 => { result.unwrap(); 0 }
                    send(all[1].0, 1) -> result, if left[1] > 0 => { result.unwrap(); 1 }
                };
                left[sent] -= 1;
            }
        }));
        let (all, count) = (channels.clone(), received.clone());
        tasks.push(world.spawn(move || {
            let mut left = [EACH; 4];
            while left != [0; 4] {
                let got = select! {
                    recv(all[0].1) -> n, if left[0] > 0 => (0, n),
                    recv(all[1].1) -> n, if left[1] > 0 => (1, n),
                    recv(all[2].1) -> n, if left[2] > 0 => (2, n),
                    recv(all[3].1) -> n, if left[3] > 0 => (3, n),
                };
                left[got.0] -= 1;
                count.fetch_add(got.1.unwrap(), SeqCst);
            }
        }));
        join_all(tasks);
        assert_eq!(received.load(SeqCst), 8 * EACH);
        assert!(channels.iter().all(|(_, rx)| rx.is_empty()));
    });
}

fn a_chain_of_selects(world: World) {
    world.run(move || {
        let (stop, stopped) = chan::<()>(0);
        let (first, mut last) = chan(0);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (tx, rx) = chan(0);
                let (from, stopped) = (std::mem::replace(&mut last, rx), stopped.clone());
                world.spawn(move || {
                    loop {
                        // When it is stopped, its neighbours may be gone already.
                        let n: usize = select! {
                            recv(from) -> n => match n {
                                Some(n) => n,
                                None => return,
                            },
                            recv(stopped) -> _ => return,
                        };
                        select! {
                            send(tx, n + 1) -> result => if result.is_err() { return },
                            recv(stopped) -> _ => return,
                        }
                    }
                })
            })
            .collect();
        for i in 0..20 {
            first.send(i).unwrap();
            assert_eq!(last.recv(), Some(i + 50));
        }
        stop.close();
        join_all(tasks);
    });
}
