//! Selects over many channels, whose arms stay with them from one run to the next.

mod chan_world;
mod support;

use chan_world::World;
use gort::chan::{Receiver, Sender, after, chan};
use gort::select::Select;
use gort::time::Timer;
use std::sync::Arc;
use std::time::Duration;

const TIME: Duration = Duration::from_millis(10);

in_all_worlds! {
    arms_are_added_and_removed
    arms_stop_standing_for_others_that_cannot
    who_receives_past_an_arm_is_served
    a_select_that_is_dropped_leaves_nothing
}

/// Enough channels for a select over them to leave its arms with them.
const MANY: usize = 40;

fn over(rxs: &[Receiver<usize>]) -> Select<'_> {
    let mut select = Select::new();
    for rx in rxs {
        select.recv(rx);
    }
    select
}

/// Receives once from any, and says from which.
fn next(select: &mut Select<'_>, rxs: &[Receiver<usize>]) -> (usize, usize) {
    let oper = select.select();
    let index = oper.index();
    (index, oper.recv(&rxs[index]).unwrap())
}

/// Receives what a task sends on each, in an order of its own, so that the select has to wait.
fn receive_one_of_each(world: World, txs: &[Sender<usize>], rxs: &[Receiver<usize>]) {
    let mut select = over(rxs);
    receive_again(world, &mut select, txs, rxs);
}

fn receive_again(
    world: World,
    select: &mut Select<'_>,
    txs: &[Sender<usize>],
    rxs: &[Receiver<usize>],
) {
    let txs = txs.to_vec();
    let count = txs.len();
    let sender = world.spawn(move || {
        (0..count).map(|i| i * 7 % count).for_each(|i| txs[i].send(i).unwrap());
    });
    let mut received: Vec<_> = (0..count)
        .map(|_| {
            let (index, value) = next(select, rxs);
            assert_eq!(index, value);
            value
        })
        .collect();
    received.sort();
    assert!(received.into_iter().eq(0..count));
    sender.join();
}

fn arms_are_added_and_removed(world: World) {
    world.run(move || {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..3 * MANY).map(|_| chan(0)).unzip();
        let mut select = over(&rxs[..MANY]);
        receive_again(world, &mut select, &txs[..MANY], &rxs);
        for rx in &rxs[MANY..] {
            select.recv(rx);
        }
        receive_again(world, &mut select, &txs, &rxs);
        // All but one stand, so nothing but taking them off keeps the removed from being found.
        (1..3 * MANY).for_each(|index| select.remove(index));
        assert!(txs[1..].iter().all(|tx| tx.try_send(0).is_err()));
        receive_again(world, &mut select, &txs[..1], &rxs);
    });
}

fn arms_stop_standing_for_others_that_cannot(world: World) {
    world.run(move || {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..MANY).map(|_| chan(0)).unzip();
        let (timer, (out, incoming)) = (after(TIME), chan(1));
        let mut select = over(&rxs);
        receive_again(world, &mut select, &txs, &rxs);
        assert!(select.select_timeout(TIME).is_err());
        let timed = select.recv(&timer);
        let oper = select.select();
        assert_eq!(oper.index(), timed);
        assert!(oper.recv(&timer).is_some());
        select.remove(timed);
        receive_again(world, &mut select, &txs, &rxs);
        let sending = select.send(&out, "out");
        let oper = select.select();
        assert_eq!(oper.index(), sending);
        oper.send(&out).unwrap();
        assert_eq!(incoming.recv(), Some("out"));
        receive_again(world, &mut select, &txs, &rxs);
    });
}

#[test]
fn a_timer_that_is_stopped_is_set_while_many_arms_wait() {
    support::on(1, || {
        let (_txs, rxs): (Vec<_>, Vec<_>) = (0..MANY).map(|_| chan(0)).unzip();
        let timer = Arc::new(Timer::new(Duration::MAX));
        timer.stop();
        let mut select = over(&rxs);
        let timed = select.recv(timer.receiver());
        let other = timer.clone();
        // It runs when the select waits.
        gort::go!(move || other.reset(Duration::ZERO));
        let oper = select.select();
        assert_eq!(oper.index(), timed);
        assert!(oper.recv(timer.receiver()).is_some());
    });
}

fn who_receives_past_an_arm_is_served(world: World) {
    world.run(move || {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..MANY).map(|i| chan(i % 2)).unzip();
        let mut select = over(&rxs);
        receive_again(world, &mut select, &txs, &rxs);
        assert!(select.select_timeout(TIME).is_err());
        // Nobody waits, whatever the lists say.
        assert!(txs[0].try_send(0).is_err());
        txs[1].try_send(1).unwrap();
        assert!(txs[1].try_send(1).is_err());
        assert_eq!(rxs[1].recv(), Some(1));
        // Another receiver, and another select, on the same channels.
        let (tx, rx) = (txs[2].clone(), rxs[2].clone());
        let other = world.spawn(move || rx.recv());
        tx.send(2).unwrap();
        assert_eq!(other.join(), Some(2));
        receive_one_of_each(world, &txs, &rxs);
        receive_again(world, &mut select, &txs, &rxs);
        txs[3].close();
        let oper = select.select();
        assert_eq!(oper.index(), 3);
        assert_eq!(oper.recv(&rxs[3]), None);
    });
}

fn a_select_that_is_dropped_leaves_nothing(world: World) {
    world.run(move || {
        let (txs, rxs): (Vec<_>, Vec<_>) = (0..MANY).map(|_| chan(0)).unzip();
        receive_one_of_each(world, &txs, &rxs);
        assert!(txs.iter().all(|tx| tx.try_send(0).is_err()));
        receive_one_of_each(world, &txs, &rxs);
        // One that is leaked leaves its arms, which are then in nobody's way.
        let mut leaked = over(&rxs);
        assert!(leaked.select_timeout(TIME).is_err());
        std::mem::forget(leaked);
        receive_one_of_each(world, &txs, &rxs);
        drop(rxs);
        assert!(txs.iter().all(|tx| tx.send(0).is_err()));
    });
}

#[test]
fn a_select_ends_with_its_runtime() {
    let runtime = support::runtime(1);
    let (txs, rxs): (Vec<_>, Vec<_>) = (0..MANY).map(|_| chan::<usize>(0)).unzip();
    let (started, starting) = chan(0);
    let others = rxs.clone();
    runtime.spawn(move || {
        let mut select = over(&others);
        loop {
            let oper = select.select();
            let index = oper.index();
            oper.recv(&others[index]);
            started.send(index).unwrap();
        }
    });
    txs[5].send(5).unwrap();
    assert_eq!(starting.recv(), Some(5));
    runtime.shutdown(Duration::from_secs(10)).unwrap();
    assert!(txs.iter().all(|tx| tx.try_send(0).is_err()), "nobody waits any more");
    drop(rxs);
}
