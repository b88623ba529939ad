//! Wakers to be woken at a time: for futures that wait for a receiver that time sends to.
//!
//! Blocked calls do not need this, as their wait has a deadline. A future's executor may know
//! nothing of gort's timers, so one thread, which starts with the first alarm, keeps them.

use crate::clock::Deadline;
use crate::park::future::wake;
use std::collections::BTreeMap;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

struct Alarms {
    /// By time, and by a number that is each alarm's own.
    set: BTreeMap<(Deadline, u64), Waker>,
    last: u64,
    /// Does the thread run?
    kept: bool,
}

static ALARMS: Mutex<Alarms> = Mutex::new(Alarms { set: BTreeMap::new(), last: 0, kept: false });
static EARLIER: Condvar = Condvar::new();

/// An alarm that is set; dropped, it is off.
#[derive(Debug)]
pub(super) struct Alarm {
    key: (Deadline, u64),
}

fn alarms() -> MutexGuard<'static, Alarms> {
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Alarm {
    /// Wakes `waker` at the deadline, if that ever comes.
    pub(super) fn set(deadline: Deadline, waker: &Waker) -> Option<Alarm> {
        if deadline == Deadline::NEVER {
            return None;
        }
        let waker = waker.clone();
        let mut alarms = alarms();
        if !alarms.kept {
            let thread = std::thread::Builder::new().name("gort-alarm".into());
            thread.spawn(run).expect("the thread for alarms could not be started");
            alarms.kept = true;
        }
        alarms.last += 1;
        let key = (deadline, alarms.last);
        alarms.set.insert(key, waker);
        if alarms.set.first_key_value().is_some_and(|(first, _)| *first == key) {
            EARLIER.notify_one();
        }
        Some(Alarm { key })
    }

    /// From now on wakes `waker`. False: it has gone off.
    pub(super) fn renew(&self, waker: &Waker) -> bool {
        let mut waker = waker.clone();
        match alarms().set.get_mut(&self.key) {
            Some(set) => mem::swap(set, &mut waker), // the old one is dropped after the lock
            None => return false,
        }
        true
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = alarms().set.remove(&self.key);
        drop(waker); // after the lock
    }
}

fn run() {
    let mut guard = alarms();
    loop {
        let first = guard.set.first_key_value().map(|(key, _)| *key);
        match first.map(|(deadline, _)| deadline.remaining().unwrap_or_default()) {
            None => guard = EARLIER.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(left) if !left.is_zero() => {
                let waited = EARLIER.wait_timeout(guard, left);
                guard = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            Some(_) => {
                let due = guard.set.pop_first();
                drop(guard);
                if let Some((_, waker)) = due {
                    wake(waker);
                }
                guard = alarms();
            }
        }
    }
}
