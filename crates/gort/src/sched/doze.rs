//! How machines go idle and are woken: the [protocol](super::idle) applied.

use super::idle::{Leave, Rouse};
use super::machine::Machine;
use super::polling::Slept;
use super::timer::NEVER;
use super::{Processor, Shared};
use crate::clock::{self, Deadline};
use std::time::Duration;

/// So long a machine waits for work that there are enough others to do, before it ends.
const PATIENCE: Duration = Duration::from_secs(10);

impl Shared {
    /// There is work: wakes a machine for it, if one is idle and none is searching.
    #[inline(always)]
    pub(crate) fn notify(&self) {
        if let Some(Rouse { machine, processor }) = self.idle.notify() {
            self.start(machine, processor, true);
        }
    }

    /// As [`notify`](Self::notify), for the queue of `processor`, which is busy.
    #[inline(always)]
    pub(crate) fn notify_of(&self, processor: &Processor) {
        let is_short = || self.is_short(processor);
        if let Some(Rouse { machine, processor }) = self.idle.notify_reluctantly(is_short) {
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
        let started = match machine {
            Some(machine) => {
                machine.rouse(Some(processor), searching);
                true
            }
            None => self.try_new_machine(processor, searching),
        };
        // After it: the monitor would take the CPU that the machine is to have. (`harness -- one gort wake w=2` beside its
        // predecessor, six pairs: 14 and 60 µs at the median.)
        self.idle.bell.ring();
        if !started {
            if !self.give_to_pinned(processor) {
                self.lay_down(processor);
            }
            if searching {
                // What others have made meanwhile they have told nobody: the monitor, which has just been woken, tries again.
                self.idle.stop_searching();
            }
        }
        started
    }

    /// Puts a processor that nobody runs into the list, or out of use, if there are to be fewer: in the list it would count as one that
    /// is idle.
    pub(super) fn lay_down(&self, processor: &'static Processor) {
        self.idle.add_processor(processor);
        self.weed_out(processor);
        self.share_idle_if_short();
    }

    /// Gives a processor that its machine cannot use for a while to another. False: there is none, so
    /// the processor is idle.
    pub(crate) fn hand_off(&self, processor: &'static Processor) -> bool {
        self.start(self.idle.take_machine(), processor, false)
    }

    /// A timer has become the first of a busy processor: makes sure that somebody wakes for it. True: a machine has
    /// been roused to see to that.
    #[cold]
    pub(crate) fn ensure_keeper(&self, when: u64) -> bool {
        let keeper = self.idle.keeper_for(when);
        if let Some(keeper) = keeper {
            // It enters the lists again, with the time as it is then.
            keeper.rouse(None, false);
        }
        keeper.is_some()
    }

    /// Wakes all idle machines, so that they see that the runtime ends.
    pub(crate) fn rouse_all(&self) {
        while let Some(machine) = self.idle.take_machine() {
            machine.rouse(None, false);
        }
        self.idle.bell.ring_for_the_end();
        self.watch.end();
    }

    /// The time of the first timer of all.
    pub(crate) fn earliest_timer(&self) -> u64 {
        self.processors().map(|processor| processor.timers.earliest()).min().unwrap_or(NEVER)
    }

    /// Is there anything that a machine could run? `next` slots are their processors' own affair.
    pub(crate) fn has_work(&self) -> bool {
        self.has_queue_that(|processor| processor.queue.len() > 0)
    }

    fn has_queue_that(&self, counts: impl FnMut(&Processor) -> bool) -> bool {
        self.global.len() > 0 || self.processors().any(counts) || self.is_exiting()
    }
}

impl Machine {
    /// The machine has found work: if it was the last that searched, another goes on if there is more. Who
    /// has made some meanwhile has told nobody, as somebody was searching.
    pub(crate) fn stop_searching(&self) {
        if self.searching.replace(false) {
            let shared = self.shared();
            if shared.idle.stop_searching() && shared.has_work() {
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
    /// processor again. False: the machine is to end.
    pub(crate) fn go_idle(&self) -> bool {
        let shared = self.shared();
        shared.ensure_origin();
        let mut processor = self.try_processor();
        self.set_processor(None);
        if let Some(mine) = processor {
            if shared.retire_if_inactive(mine) {
                processor = None;
            } else if mine.is_empty() {
                mine.owned.wants_keeper.set(false);
                self.tell_pace(mine);
                mine.tidy();
            } else {
                // It was left as there were to be fewer, and now there are to be more again.
                self.set_processor(processor);
                return !shared.is_exiting();
            }
        }
        self.enter_lists(processor);
        // Once, it leaves to their owners what the search has left to them.
        let mut discouraged = self.discouraged.replace(false);
        loop {
            if shared.is_exiting() {
                return false;
            }
            if self.bound.len() > 0 {
                if self.leave_lists(false) {
                    return !shared.is_exiting();
                }
                self.send_bound_out();
            }
            let is_work = |processor: &Processor| {
                processor.queue.len() > 0 && !(discouraged && shared.is_short(processor))
            };
            if shared.has_queue_that(is_work)
                && shared.idle.idle_processors() > 0
                && self.leave_lists(true)
            {
                return !shared.is_exiting();
            }
            discouraged = false;
            let wake = self.keeper_wakes();
            if wake.is_some_and(|wake| wake <= clock::now()) {
                if self.leave_lists(false) {
                    if shared.is_exiting() || shared.fire_all_timers() > 0 || self.is_sent_for() {
                        return !shared.is_exiting();
                    }
                    // Others were faster.
                    self.enter_lists_again();
                }
                continue;
            }
            let patience = shared.idle.is_crowded().then_some(PATIENCE);
            match self.sleep(wake, patience) {
                Slept::Roused => {
                    if self.try_processor().is_some() || shared.is_exiting() {
                        return !shared.is_exiting();
                    }
                    // Roused to look at the timers again.
                    self.enter_lists(None);
                }
                Slept::Polled(turn) => {
                    let runs = self.leave_lists(false);
                    self.deliver(turn);
                    if runs {
                        return !shared.is_exiting();
                    }
                }
                Slept::TimedOut => {
                    if wake.is_none()
                        && self.is_nobodys_home()
                        && shared.idle.retire(self.as_static())
                    {
                        return false;
                    }
                }
                Slept::Nothing => {}
            }
        }
    }

    /// Has it been roused meanwhile, for the sake of the processor that came with that?
    fn is_sent_for(&self) -> bool {
        self.searching.get() || !self.processor().is_empty() || self.bound.len() > 0
    }

    fn enter_lists_again(&self) {
        let processor = self.try_processor();
        self.set_processor(None);
        self.enter_lists(processor);
    }

    fn enter_lists(&self, processor: Option<&'static Processor>) {
        debug_assert!(processor.is_none_or(Processor::is_empty), "no work lies in the idle list");
        let shared = self.shared();
        let searching = self.searching.replace(false);
        shared.idle.enter(self.as_static(), processor, searching, shared.earliest_timer());
        if let Some(processor) = processor {
            shared.weed_out(processor);
        }
        shared.share_idle_if_short();
    }

    /// Takes a processor and leaves the lists; true also if the runtime ends. False: there is none to
    /// be had.
    fn leave_lists(&self, search: bool) -> bool {
        loop {
            match self.shared().idle.leave(self.as_static(), search) {
                Leave::With(processor) => {
                    self.set_processor(Some(processor));
                    self.searching.set(search);
                    return true;
                }
                Leave::NoProcessor => return self.shared().is_exiting(),
                Leave::IsRoused => {
                    self.doze(Deadline::NEVER);
                    if self.try_processor().is_some() || self.shared().is_exiting() {
                        return true;
                    }
                    self.enter_lists(None);
                }
            }
        }
    }

    /// Up to when to sleep: the keeper up to the first timer. While all processors are busy, their machines
    /// see to the timers. Announces the time, so that whoever adds an earlier timer can tell.
    fn keeper_wakes(&self) -> Option<u64> {
        let shared = self.shared();
        let idle = &shared.idle;
        let first = || if idle.idle_processors() > 0 { shared.earliest_timer() } else { NEVER };
        idle.keep(self.as_static(), first).filter(|&wake| wake != NEVER)
    }
}
