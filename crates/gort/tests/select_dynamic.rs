//! `Select`, whose arms are put together at run time.

mod chan_world;
mod support;

use chan_world::World;
use gort::chan::{Receiver, SendError, TryRecvError, after, chan, never};
use gort::select::{Select, SelectTimeoutError, TrySelectError};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use support::{LIMIT, Tally};

const TIME: Duration = Duration::from_millis(10);

in_all_worlds! {
    arms_can_be_selected_again_and_again
    many_channels_many_tasks
    time_outs
}

fn arms_can_be_selected_again_and_again(world: World) {
    world.run(move || {
        let ((tx, rx), (back, returned)) = (chan(0), chan(0));
        let echo = world.spawn(move || rx.iter().for_each(|i: i32| back.send(i * 2).unwrap()));
        let mut select = Select::new();
        let sending = select.send(&tx, 0);
        let receiving = select.recv(&returned);
        let mut received = Vec::new();
        let mut next = 0;
        while received.len() < 100 {
            let oper = select.select();
            if oper.index() == receiving {
                received.extend(oper.recv(&returned));
            } else {
                assert_eq!(oper.index(), sending);
                oper.send(&tx).unwrap();
                next += 1;
                // The arm is spent until it has another message.
                if next < 100 {
                    assert_eq!(select.resend(sending, &tx, next), None);
                }
            }
        }
        assert!(received.into_iter().eq((0..100).map(|i| i * 2)));
        drop(select);
        drop(tx);
        echo.join();
    });
}

fn many_channels_many_tasks(world: World) {
    const CHANNELS: usize = 100;
    world.run(move || {
        let (txs, rxs): (Vec<_>, Vec<Receiver<usize>>) = (0..CHANNELS).map(|_| chan(0)).unzip();
        let senders: Vec<_> = txs
            .into_iter()
            .enumerate()
            .map(|(i, tx)| world.spawn(move || (0..5).for_each(|n| tx.send(i * 5 + n).unwrap())))
            .collect();
        let mut select = Select::new();
        for rx in &rxs {
            select.recv(rx);
        }
        let (mut received, mut open) = (Vec::new(), CHANNELS);
        while open > 0 {
            let oper = select.select();
            let index = oper.index();
            match oper.recv(&rxs[index]) {
                Some(n) => {
                    assert_eq!(n / 5, index);
                    received.push(n);
                }
                None => {
                    select.remove(index);
                    open -= 1;
                }
            }
        }
        received.sort();
        assert!(received.into_iter().eq(0..CHANNELS * 5));
        chan_world::join_all(senders);
    });
}

fn time_outs(world: World) {
    world.run(|| {
        let ((tx, rx), nothing) = (chan(0), never::<()>());
        let mut select = Select::new();
        let sending = select.send(&tx, "mine");
        select.recv(&nothing);
        let start = Instant::now();
        assert_eq!(select.select_timeout(TIME).unwrap_err(), SelectTimeoutError);
        assert!(start.elapsed() >= TIME);
        let deadline = Instant::now() + TIME;
        assert_eq!(select.select_deadline(deadline).unwrap_err(), SelectTimeoutError);
        assert!(Instant::now() >= deadline);
        assert_eq!(select.try_select().unwrap_err(), TrySelectError);
        // Its message has not been sent, and can be had back.
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(select.take(sending, &tx), Some("mine"));
        assert_eq!(select.take(sending, &tx), None);
        // A receiver that time sends to is an arm as well.
        let timer = after(TIME);
        let mut select = Select::new();
        select.recv(&nothing);
        let timed = select.recv(&timer);
        let oper = select.select_timeout(Duration::MAX).unwrap();
        assert_eq!(oper.index(), timed);
        assert!(oper.recv(&timer).is_some());
        assert!(select.select_timeout(TIME).is_err());
    });
}

#[test]
fn a_closed_channel_is_always_ready() {
    let ((tx, rx), (out, gone)) = (chan::<i32>(0), chan(0));
    drop((tx, gone));
    let mut select = Select::new().biased();
    let receiving = select.recv(&rx);
    let oper = select.try_select().unwrap();
    assert_eq!((oper.index(), oper.recv(&rx)), (receiving, None));
    select.remove(receiving);
    let sending = select.send(&out, "back");
    let oper = select.select();
    assert_eq!((oper.index(), oper.send(&out)), (sending, Err(SendError("back"))));
    assert!(select.try_select().is_err(), "the arm is spent");
}

#[test]
fn an_operation_that_is_not_completed_loses_nothing() {
    let tally = Tally::new();
    for capacity in [1, 2] {
        let (tx, rx) = chan(capacity);
        (0..capacity).for_each(|i| tx.send((i, tally.token())).unwrap());
        let mut select = Select::new();
        select.recv(&rx);
        drop(select.select());
        drop(select.select());
        let received = select.select().recv(&rx).unwrap();
        assert_eq!(received.0, 0);
        assert_eq!(tally.alive(), capacity as isize);
        drop(received);
        drop(tx);
        assert!(rx.iter().map(|(i, _)| i).eq(1..capacity));
        assert_eq!(tally.alive(), 0);
    }
    // What was sent stays sent, what could not be sent stays in its arm.
    let (tx, rx) = chan(1);
    let mut select = Select::new();
    let arm = select.send(&tx, tally.token());
    drop(select.select());
    assert!(select.take(arm, &tx).is_none());
    assert!(rx.try_recv().is_ok());
    assert!(select.resend(arm, &tx, tally.token()).is_none());
    assert!(select.resend(arm, &tx, tally.token()).is_some());
    drop(rx);
    drop(select.select());
    assert_eq!(tally.alive(), 1);
    assert!(select.select().send(&tx).is_err());
    select.resend(arm, &tx, tally.token());
    drop(select);
    assert_eq!(tally.alive(), 0);
}

/// What a leaked operation has received goes back, too: its arm receives again, and would lose it.
#[test]
fn a_leaked_operation_loses_nothing() {
    let tally = Tally::new();
    // So many that they stay with their channels.
    for others in [0, 20] {
        let (tx, rx) = chan(2);
        let quiet: Vec<_> = (0..others).map(|_| chan::<u32>(0)).collect();
        let mut select = Select::new();
        let arm = select.recv(&rx);
        for (_, rx) in &quiet {
            select.recv(rx);
        }
        let ways: [fn(&mut Select<'_>); 3] = [
            |select| mem::forget(select.select()),
            |select| mem::forget(select.try_select().unwrap()),
            |select| mem::forget(select.select_timeout(LIMIT).unwrap()),
        ];
        for (n, leak) in ways.into_iter().enumerate() {
            assert!(select.select_timeout(Duration::from_millis(1)).is_err());
            tx.send((n, tally.token())).unwrap();
            leak(&mut select);
            tx.send((n + 10, tally.token())).unwrap();
            for expected in [n, n + 10] {
                assert_eq!(select.select().recv(&rx).unwrap().0, expected);
            }
        }
        tx.send((20, tally.token())).unwrap();
        mem::forget(select.select());
        select.remove(arm);
        assert_eq!(rx.try_recv().unwrap().0, 20);
        let last = select.recv(&rx);
        tx.send((30, tally.token())).unwrap();
        let operation = select.select();
        assert_eq!(operation.index(), last);
        mem::forget(operation);
        drop(select);
        assert_eq!(rx.try_recv().unwrap().0, 30);
        assert_eq!(tally.alive(), 0);
    }
}

#[test]
fn a_message_put_back_goes_to_a_receiver_that_waits() {
    for world in [World::Threads, World::Goroutines(2)] {
        world.run(move || {
            let ((tx, rx), (ready, begun)) = (chan(1), chan(0));
            tx.send(1).unwrap();
            let mut select = Select::new();
            select.recv(&rx);
            let oper = select.select();
            let other = {
                let rx = rx.clone();
                world.spawn(move || {
                    ready.send(()).unwrap();
                    rx.recv()
                })
            };
            begun.recv();
            drop(oper);
            assert_eq!(other.join(), Some(1));
        });
    }
}

#[track_caller]
fn assert_panics(message: &str, f: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).expect("a text");
    assert!(text.contains(message), "{text}");
}

#[test]
fn completing_with_the_wrong_channel_panics_and_loses_nothing() {
    let ((tx, rx), (other_tx, other_rx)) = (chan(1), chan::<i32>(1));
    let (letters, _letters) = chan::<char>(1);
    tx.send(1).unwrap();
    let mut select = Select::new();
    let arm = select.recv(&rx);
    assert_panics("does not receive from this channel", || {
        select.select().recv(&other_rx);
    });
    assert_panics("does not send to this channel", || {
        let _ = select.select().send(&tx);
    });
    assert_panics("does not send to this channel", || {
        select.resend(arm, &tx, 1);
    });
    assert_panics("does not send to this channel", || {
        select.take(7, &tx);
    });
    assert_eq!(select.select().recv(&rx), Some(1));
    // Channels of other types too.
    let sending = select.send(&letters, 'a');
    assert_panics("does not send to this channel", || {
        select.take(sending, &other_tx);
    });
    assert_eq!(select.take(sending, &letters), Some('a'));
    select.remove(sending);
    assert_panics("no arm with the index 1", || select.remove(sending));
    assert_panics("no arm with the index 9", || select.remove(9));
    assert_panics("does not send to this channel", || {
        select.take(sending, &letters);
    });
}

#[test]
fn a_million_arms() {
    const ARMS: usize = 1_000_000;
    for world in [World::Threads, World::Goroutines(1)] {
        world.run(|| {
            let ((tx, rx), (last_tx, last_rx), (out, taken)) = (chan(0), chan(1), chan::<u8>(0));
            let mut select = Select::new();
            // Receives and sends in turn, so that each finds those before it on the channel's lists.
            for _ in 0..ARMS / 2 - 1 {
                select.recv(&rx);
                select.send(&tx, 1_u8);
            }
            let sending = select.send(&out, 2);
            let receiving = select.recv(&last_rx);
            assert_eq!(receiving, ARMS - 1);
            assert!(select.try_select().is_err());
            assert!(select.select_timeout(Duration::from_millis(1)).is_err());
            last_tx.send(3).unwrap();
            let oper = select.select();
            assert_eq!((oper.index(), oper.recv(&last_rx)), (receiving, Some(3)));
            drop(taken);
            let oper = select.select();
            assert_eq!((oper.index(), oper.send(&out)), (sending, Err(SendError(2))));
        });
    }
}

#[test]
fn a_select_that_waits_with_a_million_arms_is_woken() {
    support::on(2, || {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..1000).map(|_| chan(0)).unzip();
        let sender = gort::spawn(move || (0..3).for_each(|i| txs[i * 400].send(i).unwrap()));
        let mut select = Select::new();
        for _ in 0..1000 {
            for rx in &rxs {
                select.recv(rx);
            }
        }
        for i in 0..3 {
            let oper = select.select();
            let index = oper.index();
            assert_eq!(index % 1000, i * 400);
            assert_eq!(oper.recv(&rxs[index % 1000]), Some(i));
        }
        drop(select);
        sender.join().unwrap();
    });
}

#[test]
fn too_many_arms_are_refused() {
    let rx = never::<()>();
    let mut select = Select::new();
    for _ in 0..2_100_000 {
        select.recv(&rx);
    }
    // Only a wait numbers them.
    assert!(select.try_select().is_err());
    assert_panics("a select with 2100000 arms", || drop(select.select()));
}

#[test]
fn selects_show_themselves() {
    let (tx, rx) = chan(1);
    let mut select = Select::default();
    select.recv(&rx);
    let second = select.recv(&rx);
    select.send(&tx, 1);
    select.remove(second);
    let shown = format!("{select:?}");
    assert!(shown.starts_with("{0: RecvArm(Some(Receiver {"), "{shown}");
    assert!(shown.contains("2: SendArm(Some(Sender {"), "{shown}");
    assert_eq!(format!("{:?}", select.select()), "SelectedOperation { index: 2, .. }");
    assert_eq!(TrySelectError.to_string(), "no arm of the select is ready");
    assert_eq!(SelectTimeoutError.to_string(), "timed out waiting for an arm of the select");
}
