//! Who polls: the [poller](crate::poll) in the life of machines.
//!
//! A runtime has a [`Driver`] from when a goroutine of its first has to wait for a descriptor. From then on
//!
//! - a machine that **looks for work** polls without waiting, after its own queue and before it steals; and, as long as
//!   it has work, at every so many picks;
//! - a machine that **goes to sleep** while a processor is idle, and finds that nobody polls, sleeps in the
//!   poller instead of on its word; the keeper up to the next timer. One that is told of events takes a
//!   processor first and then passes them on, so that those who are woken run there;
//! - the **[monitor](super::monitor)** polls when nobody has since its last look, as all are busy with goroutines that do
//!   not come back.
//!
//! **Nobody waits in vain.** While any processor is in use the monitor looks, every few milliseconds at the latest. When none
//! is, the machine that went idle last has either got the turn, and sleeps in the poller; or has seen that somebody
//! else had it: who has the turn is asleep in the poller, or awake, and then comes by here before it sleeps, or before
//! it rests, as the monitor. A goroutine that gives its processor up for a blocking call leaves no machine behind that would: it rouses one, or
//! starts one (`ensure_watched`).
//!
//! A machine that is idle while *all* processors are in use, or [enough](super::enough) of them, does not poll: with each event it would only get in the way
//! of those who are about to poll anyway.
//!
//! Rejected: an idle machine that sleeps on its word while a busy processor has polled within 100 µs, so that one thread
//! does the work of a light load. Echoes for 64 clients, unpinned, were 15 % fewer (`harness -- table -j tcp64`).

use super::Shared;
use super::machine::Machine;
use super::park::inside;
use super::timer::NEVER;
use crate::clock::Deadline;
use crate::poll::Driver;
use crate::poll::driver::Turn;
use crate::prim::atomic::{Ordering::*, fence};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How a machine's sleep has ended.
pub(super) enum Slept<'a> {
    Roused,
    /// On its own word, for as long as it was to.
    TimedOut,
    /// In the poller, which has events to be passed on.
    Polled(Turn<'a>),
    /// In the poller; perhaps its time has come.
    Nothing,
}

impl Shared {
    /// What polls for this runtime; made if need be.
    ///
    /// # Errors
    /// If there are no descriptors for it, or nobody who polls.
    pub(crate) fn driver(&self) -> io::Result<&Arc<Driver>> {
        self.check_origin()?;
        if let Some(driver) = self.driver.get() {
            return Ok(driver);
        }
        let _inside = inside();
        {
            let _one_at_a_time = self.registry();
            if self.driver.get().is_none() {
                let _is_first = self.driver.set(Arc::new(Driver::new()?));
            }
        }
        self.ensure_watched();
        Ok(self.driver.get().expect("it has been made"))
    }

    /// Polls, unless somebody else does. `None`: there are no events.
    pub(super) fn try_poll(&self) -> Option<Turn<'_>> {
        let mut turn = self.driver.get()?.try_turn()?;
        turn.poll(Some(Duration::ZERO)).then_some(turn)
    }

    /// How often it has been polled, and whether somebody is at it now.
    pub(super) fn polls(&self) -> Option<(u64, bool)> {
        self.driver.get().map(|driver| (driver.polls(), !driver.is_free()))
    }

    /// How many events there were for this runtime, if it has a poller.
    pub(super) fn events(&self) -> Option<u64> {
        self.driver.get().map(|driver| driver.events())
    }

    /// Is there a poller, as there have been sockets?
    pub(super) fn has_driver(&self) -> bool {
        self.driver.get().is_some()
    }

    /// Wakes who sleeps in the poller.
    pub(super) fn wake_poller(&self) {
        self.driver.get().expect("somebody sleeps in it").wake();
    }

    /// Is there a poller that nobody looks after?
    pub(super) fn is_unwatched(&self) -> bool {
        self.driver.get().is_some_and(|driver| driver.is_free())
    }

    /// A processor is idle whose machine does not sleep in the lists: makes sure that somebody waits for timers and
    /// events, who may be a new machine. False: there is no thread to be had for it. The [monitor](super::monitor) then tries
    /// again, and does not rest before somebody does.
    pub(super) fn ensure_watched(&self) -> bool {
        // The processor was added before, or the driver made; what others look after is read after.
        fence(SeqCst);
        if self.is_unwatched() {
            return self.rouse_keeper(0);
        }
        let earliest = self.earliest_timer();
        earliest == NEVER || self.rouse_keeper(earliest)
    }

    /// Is there nobody but the monitor who would see to timers and events?
    pub(super) fn relies_on_monitor(&self) -> bool {
        (self.earliest_timer() != NEVER || self.is_unwatched()) && self.lacks_threads()
    }

    /// As [`ensure_keeper`](Self::ensure_keeper); starts a machine if none is asleep.
    #[cold]
    #[inline(never)]
    pub(super) fn rouse_keeper(&self, when: u64) -> bool {
        self.ensure_keeper(when)
            || self.idle.has_machine()
            || self.idle.take_processor().is_none_or(|processor| self.hand_off(processor))
    }
}

impl Machine {
    /// Polls, unless somebody else does, and passes on what there is. False: nothing.
    pub(super) fn poll_now(&self) -> bool {
        self.tell_pace(self.processor());
        let turn = self.shared().try_poll();
        let has_events = turn.is_some();
        match turn {
            Some(turn) => self.deliver(turn),
            None => self.is_at_work(self.processor()),
        }
        has_events
    }

    /// Those whom the events concern are to run here, in the order of the events, after those who wait already. If that
    /// makes too many, another machine is roused.
    pub(super) fn deliver(&self, turn: Turn<'_>) {
        let shared = self.shared();
        let Some(processor) = self.try_processor() else {
            return turn.dispatch(|| ());
        };
        let first = processor.take_next();
        turn.dispatch(|| {
            if let Some(next) = processor.take_next() {
                processor.push(next, shared);
            }
        });
        if let Some(first) = first {
            processor.ready(first, self);
        }
        self.is_at_work(processor);
        if processor.queue.len() > 1 && !shared.is_short(processor) {
            shared.notify();
        }
    }

    /// Polls without waiting; not if this machine, being the only one that is awake, is about to sleep in the poller.
    #[inline]
    pub(super) fn poll_before_stealing(&self) -> bool {
        let shared = self.shared();
        shared.has_driver()
            && shared.idle.idle_processors() + 1 < shared.active_processors()
            && self.poll_now()
    }

    /// Sleeps, in the poller if there is one that nobody polls and a processor is idle; up to `until`, as the clock
    /// counts, or, on its own word, for at most `patience`.
    pub(super) fn sleep(&self, until: Option<u64>, patience: Option<Duration>) -> Slept<'static> {
        let shared = self.shared();
        let until = until.map_or(Deadline::NEVER, Deadline::from_nanos);
        if shared.idle.idle_processors() > 0
            && !shared.are_enough()
            && let Some(driver) = shared.driver.get()
            && let Some(mut turn) = driver.try_turn()
        {
            if !self.sleeper.begin_polling() {
                drop(turn);
                self.doze(Deadline::NEVER);
                return Slept::Roused;
            }
            // To those who look whether somebody polls it is shown by now; what they have published before
            // they looked is seen by who has the turn.
            fence(SeqCst);
            let has_events = turn.poll(until.remaining());
            self.sleeper.end_polling();
            if has_events {
                return Slept::Polled(turn);
            }
            drop(turn);
            // It may have been roused meanwhile.
            return match self.doze(Deadline::PAST) {
                true => Slept::Roused,
                false => Slept::Nothing,
            };
        }
        let until = match patience {
            Some(patience) if until == Deadline::NEVER => Deadline::after(patience),
            _ => until,
        };
        if self.doze(until) { Slept::Roused } else { Slept::TimedOut }
    }
}
