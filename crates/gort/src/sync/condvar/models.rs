//! loom models of the condition variable: the real code, with two preemptions.
//!
//! Seen to fail: with the mutex given back before the queue is joined; with `awaited` cleared while somebody waits.

use super::*;
use crate::prim::Arc;
use crate::prim::model::{model, spawn};
use crate::sync::Mutex;

/// In a model, a time that has not passed may pass at any moment.
const SOME_TIME: Duration = Duration::from_secs(3600);

/// A mailbox of a number of letters.
struct Mailbox {
    letters: Mutex<u32>,
    arrived: Condvar,
}

fn mailbox() -> Arc<Mailbox> {
    Arc::new(Mailbox { letters: Mutex::new(0), arrived: Condvar::new() })
}

impl Mailbox {
    fn put(&self) {
        *self.letters.lock().unwrap() += 1;
        self.arrived.notify_one();
    }

    fn take(&self) {
        let letters = self.letters.lock().unwrap();
        *self.arrived.wait_while(letters, |letters| *letters == 0).unwrap() -= 1;
    }

    fn take_in_time(&self) -> bool {
        let letters = self.letters.lock().unwrap();
        let (mut letters, result) =
            self.arrived.wait_timeout_while(letters, SOME_TIME, |l| *l == 0).unwrap();
        if !result.timed_out() {
            *letters -= 1;
        }
        !result.timed_out()
    }
}

#[test]
fn each_notification_lets_one_go_on() {
    model(|| {
        let mailbox = mailbox();
        let takers = [0, 1].map(|_| spawn(&mailbox, Mailbox::take));
        mailbox.put();
        mailbox.put();
        takers.into_iter().for_each(|taker| taker.join().unwrap());
        assert_eq!(*mailbox.letters.lock().unwrap(), 0);
    });
}

#[test]
fn notify_all_wakes_all() {
    model(|| {
        let mailbox = mailbox();
        let takers = [0, 1].map(|_| spawn(&mailbox, Mailbox::take));
        *mailbox.letters.lock().unwrap() = 2;
        mailbox.arrived.notify_all();
        takers.into_iter().for_each(|taker| taker.join().unwrap());
    });
}

/// A notification that comes when the time is up goes to another, or to this one.
#[test]
fn giving_up_loses_no_notification() {
    model(|| {
        let mailbox = mailbox();
        let hasty = spawn(&mailbox, Mailbox::take_in_time);
        let patient = spawn(&mailbox, Mailbox::take);
        mailbox.put();
        if hasty.join().unwrap() {
            mailbox.put();
        }
        patient.join().unwrap();
        assert_eq!(*mailbox.letters.lock().unwrap(), 0);
    });
}
