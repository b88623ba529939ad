//! Messages arrive, each once, from and to those who select.

use crate::SOON;
use crate::chan_world::{World, join_all};
use crate::support::{Tally, Token};
use gort::chan::{Receiver, Sender, chan};
use gort::select;

in_all_worlds! {
    all_messages_of_all_senders_arrive
    senders_select_too
    two_selects_meet
    a_select_never_meets_itself
    one_channel_may_be_in_several_arms
    time_outs_lose_and_double_nothing
    what_loses_is_dropped_and_not_sent
}

fn all_messages_of_all_senders_arrive(world: World) {
    const EACH: usize = 300;
    world.run(move || {
        for capacity in [0, 1, 5] {
            let (txs, rxs): (Vec<_>, Vec<_>) = (0..4).map(|_| chan(capacity)).unzip();
            let senders: Vec<_> = txs
                .into_iter()
                .map(|tx| world.spawn(move || (0..EACH).for_each(|i| tx.send(i).unwrap())))
                .collect();
            let mut next = [0; 4];
            let mut open = [true; 4];
            while open.contains(&true) {
                let (arm, message) = select! {
                    recv(rxs[0]) -> message, if open[0] => (0, message),
                    recv(rxs[1]) -> message, if open[1] => (1, message),
                    recv(rxs[2]) -> message, if open[2] => (2, message),
                    recv(rxs[3]) -> message, if open[3] => (3, message),
                };
                match message {
                    None => open[arm] = false,
                    Some(i) => {
                        assert_eq!(i, next[arm]);
                        next[arm] += 1;
                    }
                }
            }
            assert_eq!(next, [EACH; 4]);
            join_all(senders);
        }
    });
}

fn senders_select_too(world: World) {
    const EACH: usize = 300;
    world.run(move || {
        for capacity in [0, 1, 5] {
            let ((ta, ra), (tb, rb)) = (chan(capacity), chan(capacity));
            let receivers: Vec<_> = [ra, rb]
                .into_iter()
                .map(|rx: Receiver<usize>| world.spawn(move || rx.iter().collect::<Vec<_>>()))
                .collect();
            for i in 0..2 * EACH {
                select! {
                    send(ta, i) -> result => result.unwrap(),
                    send(tb, i) -> result => result.unwrap(),
                }
            }
            drop((ta, tb));
            let received = join_all(receivers);
            assert!(received.iter().all(|messages| messages.is_sorted()));
            let mut all = received.concat();
            all.sort();
            assert!(all.into_iter().eq(0..2 * EACH));
        }
    });
}

/// One side of a pair of tasks that both send and receive, on one channel or on two.
fn exchange(tx: &Sender<usize>, rx: &Receiver<usize>, message: usize) -> Option<usize> {
    select! {
        send(tx, message) -> result => {
            result.unwrap();
            None
        }
        recv(rx) -> message => Some(message.unwrap()),
    }
}

fn two_selects_meet(world: World) {
    world.run(move || {
        for same in [true, false] {
            let (mine, yours) = (chan(0), chan(0));
            let (to, from) =
                if same { (mine.0.clone(), mine.1.clone()) } else { (mine.0.clone(), yours.1) };
            let other = world.spawn(move || {
                (0..500).filter_map(|i| exchange(&to, &from, i)).collect::<Vec<_>>()
            });
            let (to, from) = if same { (mine.0, mine.1) } else { (yours.0, mine.1) };
            let here: Vec<_> = (0..500).filter_map(|i| exchange(&to, &from, i)).collect();
            // Each meeting is a send on one side and a receive on the other.
            assert_eq!(here.len() + other.join().len(), 500);
        }
    });
}

fn a_select_never_meets_itself(world: World) {
    world.run(|| {
        let (tx, rx) = chan(0);
        for _ in 0..20 {
            let result = select! {
                send(tx, 1) -> _ => "sent",
                recv(rx) -> _ => "received",
                send(tx, 2) -> _ => "sent",
                after(SOON) => "timeout",
            };
            assert_eq!(result, "timeout");
        }
        // With a buffer it may well receive what another run has sent.
        let (tx, rx) = chan(1);
        let mut there = 0_i32;
        for _ in 0..100 {
            there += select! {
                send(tx, ()) -> _ => 1,
                recv(rx) -> _ => -1,
            };
            assert!((0..=1).contains(&there));
        }
    });
}

fn one_channel_may_be_in_several_arms(world: World) {
    world.run(move || {
        for capacity in [0, 2] {
            let (tx, rx) = chan(capacity);
            let receiver = world.spawn(move || {
                let mut counts = [0; 3];
                loop {
                    let arm = select! {
                        recv(rx) -> message => message.map(|()| 0),
                        recv(rx) -> message => message.map(|()| 1),
                        recv(rx) -> message => message.map(|()| 2),
                    };
                    match arm {
                        Some(arm) => counts[arm] += 1,
                        None => return counts,
                    }
                }
            });
            for _ in 0..200 {
                select! {
                    send(tx, ()) -> result => result.unwrap(),
                    send(tx, ()) -> result => result.unwrap(),
                }
            }
            drop(tx);
            assert_eq!(receiver.join().into_iter().sum::<i32>(), 200);
        }
    });
}

fn time_outs_lose_and_double_nothing(world: World) {
    const EACH: usize = 300;
    world.run(move || {
        for capacity in [0, 1] {
            let ((ta, ra), (tb, rb)) = (chan(capacity), chan(capacity));
            let sender = world.spawn(move || {
                let mut message = 0;
                while message < EACH {
                    message += select! {
                        send(ta, message) -> result => {
                            result.unwrap();
                            1
                        }
                        send(tb, message) -> result => {
                            result.unwrap();
                            1
                        }
                        after(SOON) => 0,
                    };
                }
                (ta, tb) // a channel that is closed is ready, too
            });
            let mut received = Vec::new();
            while received.len() < EACH {
                select! {
                    recv(ra) -> message => received.push(message.unwrap()),
                    recv(rb) -> message => received.push(message.unwrap()),
                    after(SOON) => {}
                }
            }
            drop(sender.join());
            assert_eq!((ra.recv(), rb.recv()), (None, None));
            received.sort();
            assert!(received.into_iter().eq(0..EACH));
        }
    });
}

fn what_loses_is_dropped_and_not_sent(world: World) {
    world.run(move || {
        let tally = Tally::new();
        let ((ta, ra), (tb, rb)) = (chan::<Token>(0), chan::<Token>(0));
        let selects = world.spawn_all(4, |_| {
            let (ta, tb, tally) = (ta.clone(), tb.clone(), tally.clone());
            Box::new(move || {
                for _ in 0..50 {
                    select! {
                        send(ta, tally.token()) -> result => assert!(result.is_ok()),
                        send(tb, tally.token()) -> result => assert!(result.is_ok()),
                    }
                }
            })
        });
        drop((ta, tb));
        let mut received = 0;
        let mut open = [true; 2];
        while open != [false; 2] {
            select! {
                recv(ra) -> token, if open[0] => match token {
                    Some(_) => received += 1,
                    None => open[0] = false,
                },
                recv(rb) -> token, if open[1] => match token {
                    Some(_) => received += 1,
                    None => open[1] = false,
                },
            }
        }
        join_all(selects);
        assert_eq!((received, tally.made(), tally.alive()), (200, 400, 0));
    });
}
