//! Which arm is taken when several are ready.

use crate::chan_world::{Task, World};
use gort::chan::{chan, never};
use gort::select::Select;
use gort::{select, select_biased};

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
