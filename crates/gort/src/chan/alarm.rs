//! Wakers to be woken at a time: for futures that wait for a receiver that time sends to.
//!
//! Blocked calls do not need this, as their wait has a deadline. A future's executor may know
//! nothing of gort's timers, so one thread, which starts with the first alarm, keeps them.

use crate::clock::Deadline;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

type Alarms = BTreeMap<(Deadline, u64), Waker>;

static ALARMS: Mutex<(Alarms, u64)> = Mutex::new((Alarms::new(), 0));
static EARLIER: Condvar = Condvar::new();

/// An alarm that is set; dropped, it is off.
#[derive(Debug)]
pub(super) struct Alarm {
    key: (Deadline, u64),
}

fn alarms() -> MutexGuard<'static, (Alarms, u64)> {
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Alarm {
    /// Wakes `waker` at the deadline, if that ever comes.
    pub(super) fn set(deadline: Deadline, waker: &Waker) -> Option<Alarm> {
        if deadline == Deadline::NEVER {
            return None;
        }
        let waker = waker.clone();
        let mut guard = alarms();
        let (set, last) = &mut *guard;
        *last += 1;
        let key = (deadline, *last);
        if *last == 1 {
            let thread = std::thread::Builder::new().name("gort-alarm".into());
            thread.spawn(run).expect("the thread for alarms could not be started");
        }
        set.insert(key, waker);
        if set.first_key_value().is_some_and(|(first, _)| *first == key) {
            EARLIER.notify_one();
        }
        Some(Alarm { key })
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = alarms().0.remove(&self.key);
        drop(waker); // after the lock
    }
}

fn run() {
    let mut guard = alarms();
    loop {
        let first = guard.0.first_key_value().map(|(key, _)| *key);
        match first.map(|(deadline, _)| deadline.remaining().unwrap_or_default()) {
            None => guard = EARLIER.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(left) if !left.is_zero() => {
                let waited = EARLIER.wait_timeout(guard, left);
                guard = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            Some(_) => {
                let due = guard.0.pop_first();
                drop(guard);
                if let Some((_, waker)) = due {
                    waker.wake();
                }
                guard = alarms();
            }
        }
    }
}
