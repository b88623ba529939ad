//! When a select waits, and when it does not.

use crate::chan_world::World;
use crate::support::{self, Tally, yield_until};
use gort::chan::{TryRecvError, chan};
use gort::select;
use gort::select::Select;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(3600);

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
