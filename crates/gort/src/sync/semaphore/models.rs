//! loom models of the semaphore: the real code, with two preemptions.
//!
//! Seen to fail: without `admit` by who gives up, or by who gives back; with `Relaxed` in `release`; with permits taken
//! past the queue.

use super::*;
use crate::prim::Arc;
use crate::prim::model::{Number, model, spawn};
use std::time::Duration;

/// A number that only one permit's holder may touch at a time.
struct Guarded {
    semaphore: Semaphore,
    number: Number,
}

impl Guarded {
    fn new(permits: usize) -> Arc<Guarded> {
        let semaphore = Semaphore::new(permits);
        Arc::new(Guarded { semaphore, number: Number::new() })
    }

    fn add_with(&self, n: usize) {
        let _permits = self.semaphore.acquire(n);
        self.number.add();
    }

    fn add_in_time(&self, n: usize) -> bool {
        let taken = self.semaphore.take(n, || Limit::after(Duration::from_secs(3600))).is_ok();
        if taken {
            self.number.add();
            self.semaphore.release(n);
        }
        taken
    }

    fn end(&self, expected: u32) {
        assert_eq!(self.semaphore.word.load(Relaxed), 2 * ONE);
        assert_eq!(self.number.get(), expected);
    }
}

#[test]
fn the_permits_exclude_each_other() {
    model(|| {
        let guarded = Guarded::new(2);
        let others = [0, 1].map(|_| spawn(&guarded, |guarded| guarded.add_with(2)));
        guarded.add_with(2);
        others.into_iter().for_each(|other| other.join().unwrap());
        guarded.end(3);
    });
}

/// A large request that gives up lets the small one behind it go on.
#[test]
fn who_gives_up_holds_up_nobody() {
    model(|| {
        let guarded = Guarded::new(2);
        let one = guarded.semaphore.acquire(1);
        let large = spawn(&guarded, |guarded| guarded.add_in_time(2));
        let small = spawn(&guarded, |guarded| drop(guarded.semaphore.acquire(1)));
        small.join().unwrap();
        drop(one);
        let added = large.join().unwrap();
        guarded.end(u32::from(added));
    });
}

#[test]
fn permits_given_back_while_one_gives_up_are_not_lost() {
    model(|| {
        let guarded = Guarded::new(2);
        let one = guarded.semaphore.acquire(1);
        let hasty = spawn(&guarded, |guarded| guarded.add_in_time(2));
        let patient = spawn(&guarded, |guarded| guarded.add_with(2));
        drop(one);
        patient.join().unwrap();
        let added = hasty.join().unwrap();
        guarded.end(1 + u32::from(added));
    });
}
