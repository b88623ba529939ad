//! How a machine sleeps, on a word of its own or in the poller, and how it is woken from either.
//!
//! | state | meaning |
//! |---|---|
//! | `AWAKE` | it is awake, or sleeps on this word |
//! | `ROUSED` | somebody has roused it, and it has not seen that yet |
//! | `POLLING` | it sleeps in the poller, or is about to, or just back |
//!
//! Who rouses it swaps `ROUSED` in, and what was there tells how it has to be woken. It goes to the poller only by a step
//! from `AWAKE` to `POLLING`, so it has not been roused then; and whoever does so later sees `POLLING`, and leaves a
//! wake-up in the poller, where it stays until somebody polls. On the way out the machine swaps `AWAKE` in, and sees
//! whether it has been roused. `tests` below holds the loom model.

use crate::prim::atomic::{AtomicU32, Ordering::*};

const AWAKE: u32 = 0;
const ROUSED: u32 = 1;
const POLLING: u32 = 2;

pub(crate) struct Sleeper(AtomicU32);

/// How a machine that has been roused is to be woken.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Bed {
    Word,
    Poller,
}

impl Sleeper {
    pub(crate) fn new() -> Sleeper {
        Sleeper(AtomicU32::new(AWAKE))
    }

    /// The machine: has it been roused? It is to be told once.
    pub(crate) fn is_roused(&self) -> bool {
        self.0.swap(AWAKE, AcqRel) == ROUSED
    }

    /// Others: what was written before is seen by the machine.
    pub(crate) fn rouse(&self) -> Bed {
        match self.0.swap(ROUSED, AcqRel) {
            POLLING => Bed::Poller,
            _ => Bed::Word,
        }
    }

    /// The machine: it is going to sleep in the poller. False: it has been roused.
    pub(crate) fn begin_polling(&self) -> bool {
        self.0.compare_exchange(AWAKE, POLLING, AcqRel, Relaxed).is_ok()
    }

    /// The machine is back. If it has been roused meanwhile, `is_roused` is going to tell.
    pub(crate) fn end_polling(&self) {
        let _roused = self.0.compare_exchange(POLLING, AWAKE, AcqRel, Relaxed);
    }

    /// What to sleep on, as long as it is zero.
    #[cfg(not(loom))]
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.0
    }
}

/// Seen to fail: with a machine that goes to the poller without comparing; with one who rouses by a store, and always
/// wakes the word.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    /// A poller that keeps wake-ups, as an edge-triggered one does.
    #[derive(Default)]
    struct Poller {
        woken: Mutex<bool>,
        bell: Condvar,
    }

    #[test]
    fn a_machine_that_goes_to_the_poller_and_one_who_rouses_it() {
        loom::model(|| {
            let world = Arc::new((Sleeper::new(), Poller::default()));
            let machine = {
                let world = world.clone();
                thread::spawn(move || {
                    let (sleeper, poller) = &*world;
                    while !sleeper.is_roused() {
                        if sleeper.begin_polling() {
                            let mut woken = poller.woken.lock().unwrap();
                            while !*woken {
                                // A lost wake-up is a deadlock.
                                woken = poller.bell.wait(woken).unwrap();
                            }
                            *woken = false;
                            drop(woken);
                            sleeper.end_polling();
                        }
                    }
                })
            };
            let (sleeper, poller) = &*world;
            if sleeper.rouse() == Bed::Poller {
                *poller.woken.lock().unwrap() = true;
                poller.bell.notify_one();
            }
            machine.join().unwrap();
        });
    }
}
