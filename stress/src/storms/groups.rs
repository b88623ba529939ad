//! Wait groups: many who wait, used again and again.

use super::Storm;
use crate::world::{Round, dawdle};
use gort::sync::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

pub(super) const STORM: Storm =
    Storm { name: "groups", about: "WaitGroup: many waiters, used again at once", run };

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let threads = round.threads();
    let random = &mut round.random;
    let waiters = random.below(5);
    let plain = random.below(threads + 1).min(2);
    let laps = 1 + random.below(40);
    let group = WaitGroup::new();
    // Who waits for a lap begins the next one as the owner, in turn: the count goes up at once.
    for lap in 0..laps {
        let done = Arc::new(AtomicUsize::new(0));
        let members = 1 + random.below(6);
        group.add(members as isize);
        for _ in 0..members {
            let (group, done, mut seed) = (group.clone(), done.clone(), random.fork());
            drop(home.spawn(move || {
                dawdle(&mut seed);
                done.fetch_add(1, SeqCst);
                group.done();
            }));
        }
        let wait = {
            let group = group.clone();
            move || {
                group.wait();
                assert_eq!(done.load(SeqCst), members, "lap {lap}: woken too early");
            }
        };
        if lap % 4 == 0 {
            let goroutines: Vec<_> = (0..waiters).map(|_| home.spawn(wait.clone())).collect();
            let others: Vec<_> = (0..plain).map(|_| thread::spawn(wait.clone())).collect();
            wait();
            goroutines.into_iter().for_each(|handle| handle.join().expect("no panic"));
            others.into_iter().for_each(|thread| thread.join().expect("no panic"));
        } else if random.one_in(2) {
            home.run(wait);
        } else {
            wait();
        }
    }
    home.leave();
}
