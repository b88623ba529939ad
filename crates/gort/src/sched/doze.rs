//! How machines go idle and are woken: the [protocol](super::idle) applied.

use super::idle::{Leave, NoKeeper, Rouse};
use super::machine::Machine;
use super::timer::NEVER;
use super::{Processor, Shared};
use crate::clock;
use crate::prim::atomic::Ordering::*;
use std::ptr;
use std::time::Duration;

/// How often the keeper looks after busy processors: at first, and at most.
const FIRST_WATCH: u64 = 50_000;
const LONGEST_WATCH: u64 = 1_000_000;

impl Shared {
    /// There is work: wakes a machine for it, if one is idle and none is searching.
    #[inline(always)]
    pub(crate) fn notify(&self) {
        if let Some(Rouse { machine, processor }) = self.idle.notify() {
            self.start(machine, processor, true);
        }
    }

    /// Lets `machine`, or a new one, run `processor`.
    /// False: there is no machine to be had; the processor is idle again.
    #[cold]
    #[inline(never)]
    fn start(
        &self,
        machine: Option<&Machine>,
        processor: &'static Processor,
        searching: bool,
    ) -> bool {
        if let Some(machine) = machine {
            machine.rouse(Some(processor), searching);
            return true;
        }
        let started = self.try_new_machine(processor, searching);
        if !started {
            self.idle.add_processor(processor);
            if searching {
                self.idle.stop_searching();
            }
        }
        started
    }

    /// Gives a processor that its machine cannot use for a while to another. False: there is none, so
    /// the processor is idle.
    pub(crate) fn hand_off(&self, processor: &'static Processor) -> bool {
        self.start(self.idle.take_machine(), processor, false)
    }

    /// A timer has become the first of a busy processor: makes sure that somebody wakes for it.
    #[cold]
    pub(crate) fn ensure_keeper(&self, when: u64) {
        match self.idle.keeper_for(when) {
            Ok(None) => {}
            // It enters the lists again, with the time as it is then.
            Ok(Some(keeper)) => keeper.rouse(None, false),
            Err(NoKeeper) => self.notify(),
        }
    }

    /// Wakes all idle machines, so that they see that the runtime ends.
    pub(crate) fn rouse_all(&self) {
        while let Some(machine) = self.idle.take_machine() {
            machine.rouse(None, false);
        }
    }

    /// The time of the first timer of all.
    fn earliest_timer(&self) -> u64 {
        self.processors().map(|processor| processor.timers.earliest()).min().unwrap_or(NEVER)
    }

    /// Is there anything that a machine could run? `next` slots are their processors' own affair.
    pub(crate) fn has_work(&self) -> bool {
        self.global.len() > 0
            || self.processors().any(|processor| processor.queue.len() > 0)
            || self.is_exiting()
    }
}

/// What the keeper remembers of a busy processor from one look to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    index: usize,
    tick: u32,
}

impl Machine {
    /// The machine has found work: if it was the last that searched, another may go on.
    pub(crate) fn stop_searching(&self) {
        if self.searching.replace(false) {
            let shared = self.shared();
            if shared.idle.stop_searching() {
                shared.notify();
            }
        }
    }

    /// May the machine look for work at others' processors?
    pub(crate) fn may_search(&self) -> bool {
        if !self.searching.get() {
            let shared = self.shared();
            self.searching.set(shared.idle.try_start_searching(shared.active_processors()));
        }
        self.searching.get()
    }

    /// Gives the processor up, if it has one, and sleeps until there is work: the machine then has a
    /// processor again. False: the runtime ends.
    pub(crate) fn go_idle(&self) -> bool {
        let shared = self.shared();
        let mut processor = self.try_processor();
        self.set_processor(None);
        if let Some(mine) = processor {
            mine.owned.wants_keeper.set(false);
            if shared.is_active(mine) {
                processor = self.tidy(mine);
            } else if shared.retire_if_inactive(mine) {
                processor = None;
            }
        }
        shared.idle.enter(self.as_static(), processor, self.searching.replace(false));
        let mut watch = FIRST_WATCH;
        let mut seen = None;
        loop {
            if shared.is_exiting() {
                return false;
            }
            let work = shared.has_work();
            if (work || self.is_due()) && shared.idle.idle_processors() > 0 && self.leave_idle(work)
            {
                return !shared.is_exiting();
            }
            let timeout = self.keeper_timeout(&mut watch, &mut seen);
            if timeout.is_some_and(|timeout| timeout.is_zero()) {
                continue;
            }
            if self.doze(timeout) {
                if self.try_processor().is_some() || shared.is_exiting() {
                    return !shared.is_exiting();
                }
                // Roused to look at the timers again.
                shared.idle.enter(self.as_static(), None, false);
            } else if self.steal_stuck(&mut seen) {
                return !shared.is_exiting();
            }
        }
    }

    fn as_static(&self) -> &'static Machine {
        // SAFETY: a machine lives as long as its thread, and leaves the lists before that ends.
        unsafe { &*ptr::from_ref(self) }
    }

    /// Is a timer due?
    fn is_due(&self) -> bool {
        let earliest = self.shared().earliest_timer();
        earliest != NEVER && earliest <= clock::now()
    }

    /// Takes a processor and leaves the lists; true also if the runtime ends. False: there is none to
    /// be had.
    fn leave_idle(&self, search: bool) -> bool {
        loop {
            match self.shared().idle.leave(self.as_static(), search) {
                Leave::With(processor, successor) => {
                    if let Some(successor) = successor {
                        successor.rouse(None, false);
                    }
                    self.set_processor(Some(processor));
                    self.searching.set(search);
                    return true;
                }
                Leave::NoProcessor => return self.shared().is_exiting(),
                Leave::IsRoused => {
                    self.doze(None);
                    if self.try_processor().is_some() || self.shared().is_exiting() {
                        return true;
                    }
                    self.shared().idle.enter(self.as_static(), None, false);
                }
            }
        }
    }

    /// How long to sleep: the keeper up to the first timer, or up to its next look at the busy.
    /// While all processors are busy, their machines see to the timers. Announces the time, so that whoever adds an earlier timer can tell.
    fn keeper_timeout(&self, watch: &mut u64, seen: &mut Option<Seen>) -> Option<Duration> {
        let shared = self.shared();
        let idle = &shared.idle;
        if !idle.is_keeper(self.as_static()) {
            return None;
        }
        let busy = idle.idle_processors() < shared.active_processors();
        let now = clock::now();
        let mut wake = NEVER;
        if idle.idle_processors() > 0 {
            idle.announce(shared.earliest_timer());
            wake = shared.earliest_timer();
        }
        if busy {
            *seen = self.look_for_stuck().or(*seen);
            wake = wake.min(now + *watch);
            *watch = (*watch * 2).min(LONGEST_WATCH);
        }
        (wake != NEVER).then(|| Duration::from_nanos(wake.saturating_sub(now)))
    }

    /// A busy processor with somebody in its `next` slot.
    fn look_for_stuck(&self) -> Option<Seen> {
        self.shared()
            .processors()
            .find(|processor| processor.queue.has_next())
            .map(|processor| Seen { index: processor.index, tick: processor.tick.load(Relaxed) })
    }

    /// The keeper, after its sleep: has a busy processor not looked at its queue since? Then what
    /// waits in its `next` slot is taken along.
    fn steal_stuck(&self, seen: &mut Option<Seen>) -> bool {
        let shared = self.shared();
        let Some(before) = seen.take() else { return false };
        let Some(victim) = shared.processors().nth(before.index) else { return false };
        if !victim.queue.has_next() || victim.tick.load(Relaxed) != before.tick {
            return false;
        }
        if !self.leave_idle(true) {
            return false;
        }
        if shared.is_exiting() {
            return true;
        }
        if let Some(goroutine) = victim.take_next() {
            self.processor().push(goroutine, shared);
        }
        true
    }
}
