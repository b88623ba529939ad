//! What select promises, on plain threads and on goroutines: the macros, and `Select` where the arms
//! are many. Some of the ideas are those of Go's `chan_test.go`.

mod chan_world;
mod support;

use chan_world::{Task, World, join_all};
use gort::chan::{Receiver, SendError, Sender, TryRecvError, chan, never};
use gort::select::Select;
use gort::{select, select_biased};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};
use support::{Tally, Token, yield_until};

const SOON: Duration = Duration::from_micros(50);
const LONG: Duration = Duration::from_secs(3600);

in_all_worlds! {
    all_messages_of_all_senders_arrive
    senders_select_too
    two_selects_meet
    a_select_never_meets_itself
    one_channel_may_be_in_several_arms
    time_outs_lose_and_double_nothing
    closing_wakes_a_select
    closing_gives_a_select_its_message_back
    a_bit_is_sent_as_both_values
    a_message_that_is_there_is_never_missed
    selects_and_plain_operations_under_stress
    what_loses_is_dropped_and_not_sent
    a_chain_of_selects
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

fn closing_wakes_a_select(world: World) {
    world.run(move || {
        let ((ta, ra), (tb, rb)) = (chan::<u8>(0), chan::<u8>(0));
        let selects = world.spawn_all(20, |_| {
            let (ra, rb) = (ra.clone(), rb.clone());
            Box::new(move || {
                select! {
                    recv(ra) -> message => (0, message),
                    recv(rb) -> message => (1, message),
                }
            })
        });
        gort::yield_now();
        drop(tb);
        assert_eq!(join_all(selects), [(1, None); 20]);
        // And they are off the other channel's list.
        assert!(ta.try_send(1).unwrap_err().is_full());
    });
}

fn closing_gives_a_select_its_message_back(world: World) {
    world.run(move || {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let tally = Tally::new();
        let tokens = (tally.token(), tally.token());
        let selecting = world.spawn(move || {
            select! {
                send(ta, tokens.0) -> result => result.map_err(SendError::into_inner),
                send(tb, tokens.1) -> result => result.map_err(SendError::into_inner),
            }
        });
        gort::yield_now();
        rb.close();
        let back = selecting.join();
        assert!(back.is_err());
        assert_eq!(tally.alive(), 1);
        drop(back);
        assert_eq!(tally.alive(), 0);
        assert_eq!(ra.try_recv().err(), Some(TryRecvError::Closed));
    });
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

/// What was sent before is there, whatever else becomes of the channel meanwhile.
fn a_message_that_is_there_is_never_missed(world: World) {
    world.run(move || {
        for _ in 0..300 {
            let ((ta, ra), (_tb, rb)) = (chan(1), chan::<i32>(1));
            ta.send(1).unwrap();
            let other = world.spawn(move || {
                select! {
                    recv(ra) -> message => message,
                    recv(rb) -> message => message,
                    default => Some(0),
                }
            });
            ta.close();
            assert_eq!(other.join(), Some(1));
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

/// `chosen` is how often each arm was: as often as any other, within six standard deviations.
#[track_caller]
fn assert_fair(chosen: &[usize]) {
    let arms = chosen.len() as f64;
    let expected = chosen.iter().sum::<usize>() as f64 / arms;
    let deviation = (expected * (1.0 - 1.0 / arms)).sqrt();
    for count in chosen {
        assert!((*count as f64 - expected).abs() < 6.0 * deviation, "{chosen:?}");
    }
}

#[test]
fn of_arms_that_are_ready_each_is_as_likely() {
    for count in [2, 3, 4, 5, 8, 15, 16, 17, 40] {
        let channels: Vec<_> = (0..count).map(|_| chan(1)).collect();
        channels.iter().for_each(|(tx, _)| tx.send(()).unwrap());
        let mut select = Select::new();
        for (_, rx) in &channels {
            select.recv(rx);
        }
        let mut chosen = vec![0; count];
        for _ in 0..count * 1000 {
            let oper = select.select();
            let index = oper.index();
            oper.recv(&channels[index].1).unwrap();
            channels[index].0.send(()).unwrap();
            chosen[index] += 1;
        }
        assert_fair(&chosen);
    }
}

#[test]
fn arms_that_are_not_ready_do_not_change_the_odds() {
    // Ready are two neighbours and one far from them.
    let channels: Vec<_> = (0..8).map(|_| chan(1)).collect();
    let ready = [0, 1, 6];
    ready.iter().for_each(|&i: &usize| channels[i].0.send(()).unwrap());
    let r = |i: usize| &channels[i].1;
    let mut chosen = [0; 8];
    for _ in 0..9000 {
        let index = select! {
            recv(r(0)) -> _ => 0,
            recv(r(1)) -> _ => 1,
            recv(r(2)) -> _ => 2,
            recv(r(3)) -> _ => 3,
            recv(r(4)) -> _ => 4,
            recv(r(5)) -> _ => 5,
            recv(r(6)) -> _ => 6,
            recv(r(7)) -> _ => 7,
        };
        channels[index].0.send(()).unwrap();
        chosen[index] += 1;
    }
    assert_fair(&ready.map(|i| chosen[i]));
}

#[test]
fn selects_on_new_channels_are_fair_too() {
    let mut chosen = [0; 2];
    for _ in 0..4000 {
        let ((ta, ra), (tb, rb)) = (chan(1), chan(1));
        ta.send(()).unwrap();
        tb.send(()).unwrap();
        let index = select! {
            recv(ra) -> _ => 0,
            recv(rb) -> _ => 1,
        };
        chosen[index] += 1;
    }
    assert_fair(&chosen);
}

/// Go's fairness test: two senders that are always there, and a select that must not forget one.
#[test]
fn blocked_senders_get_their_turn() {
    for world in [World::Threads, World::Goroutines(1), World::Goroutines(2)] {
        world.run(move || {
            let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
            let senders = [ta, tb].map(|tx| world.spawn(move || while tx.send(()).is_ok() {}));
            // On one processor, a select and a sender that wake each other share a time slice, so this
            // takes some slices.
            let mut chosen = [0; 2];
            while chosen.iter().any(|&count| count < 100) {
                let index = select! {
                    recv(ra) -> _ => 0,
                    recv(rb) -> _ => 1,
                };
                chosen[index] += 1;
            }
            drop((ra, rb));
            senders.into_iter().for_each(Task::join);
        });
    }
}

#[test]
fn a_biased_select_takes_the_first_that_is_ready() {
    let (tx, rx) = chan(1);
    for _ in 0..100 {
        tx.send(()).unwrap();
        let arm = select_biased! {
            recv(never::<()>()) -> _ => 0,
            send(tx, ()) -> _ => 1,
            recv(rx) -> _ => 2,
            recv(rx) -> _ => 3,
            default => 4,
        };
        assert_eq!(arm, 2);
    }
}

#[test]
fn arms_that_are_off_take_no_part() {
    for world in [World::Threads, World::Goroutines(1)] {
        world.run(|| {
            let (tx, rx) = chan(2);
            tx.send(1).unwrap();
            let off = std::hint::black_box(false);
            for _ in 0..50 {
                select! {
                    recv(rx) -> _, if off => panic!("off"),
                    send(tx, 2) -> _, if off => panic!("off"),
                    after(Duration::ZERO) => {}
                }
                select! {
                    recv(rx) -> _, if off => panic!("off"),
                    default => {}
                }
                let got = select! {
                    recv(rx) -> message => message,
                    send(tx, 2) -> _, if off => panic!("off"),
                };
                assert_eq!(got, Some(1));
                tx.send(1).unwrap();
            }
        });
    }
}

#[test]
fn time_is_up_neither_too_early_nor_if_something_is_ready() {
    for world in [World::Threads, World::Goroutines(1)] {
        world.run(|| {
            const TIME: Duration = Duration::from_millis(10);
            let (tx, rx) = chan(1);
            let start = Instant::now();
            select! {
                recv(rx) -> message => panic!("{message:?}"),
                after(LONG) => panic!("too late"),
                after(TIME) => {}
                after(Duration::MAX) => panic!("never"),
            }
            assert!(start.elapsed() >= TIME);
            tx.send(1).unwrap();
            for _ in 0..50 {
                select! {
                    recv(rx) -> message => tx.send(message.unwrap()).unwrap(),
                    after(Duration::ZERO) => panic!("there is a message"),
                }
            }
            // A timeout of zero is due before the default.
            rx.recv();
            let arm = select! {
                recv(rx) -> _ => 0,
                default => 1,
                after(Duration::ZERO) => 2,
            };
            assert_eq!(arm, 2);
        });
    }
}

#[test]
fn a_select_without_arms_waits_until_it_is_shut_down() {
    support::within(support::LIMIT, || {
        let runtime = support::runtime(1);
        let tally = Tally::new();
        let begun = Arc::new(AtomicUsize::new(0));
        for biased in [false, true] {
            let (token, begun) = (tally.token(), begun.clone());
            runtime.spawn(move || {
                let _token = token;
                begun.fetch_add(1, SeqCst);
                match biased {
                    true => Select::new().biased().select().index(),
                    false => {
                        select! {}
                    }
                }
            });
        }
        support::eventually("both have begun", || begun.load(SeqCst) == 2);
        assert_eq!(tally.alive(), 2);
        runtime.shutdown(Duration::from_secs(30)).unwrap();
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_waiting_select_is_found_by_operations_that_do_not_block() {
    for world in [World::Threads, World::Goroutines(1), World::Goroutines(2)] {
        world.run(move || {
            let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
            let selecting = world.spawn(move || {
                select! {
                    recv(ra) -> message => message,
                    send(tb, 2) -> result => result.ok().map(|()| 2),
                }
            });
            yield_until("it waits", || ta.try_send(1).is_ok());
            assert_eq!(selecting.join(), Some(1));
            // The other arm is gone with it, and the only sender.
            assert_eq!(rb.try_recv(), Err(TryRecvError::Closed));
        });
    }
}
