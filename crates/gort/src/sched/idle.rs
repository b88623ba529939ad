//! The idle protocol: how machines go to sleep when there is no work, and are woken when there is.
//!
//! After the one of Go's scheduler, with a *keeper* instead of a monitor thread.
//!
//! **Counters.** `searching`: machines that hold a processor and look for work at others'.
//! `idle_processors`: those that lie in the list. Both are changed with sequential consistency
//! (a fence on either side of the race below).
//!
//! **Waking** (`notify`, by whoever has made a goroutine runnable that its own processor will not run
//! at once): if a processor is idle and nobody searches, become the one who makes somebody search
//! (`searching` 0 → 1) and rouse one machine with one processor. One at a time: a searching machine
//! that finds work is the one to notify again when it was the last (`stop_searching`), so a burst of
//! a thousand readies rouses one machine, which rouses the next, and so on while there is work.
//!
//! **Sleeping** (`go_idle`): give the processor up and enter the list of machines; stop searching;
//! fence; look at all queues once more; if there is work, take a processor back and go on, else
//! sleep.
//!
//! **No wake-up is lost**: the one side publishes work, fences, then reads the counters; the other
//! changes the counters, fences, then reads the queues. One of the two sees the other. If the
//! notifier sees a searching machine, that machine has not yet looked for the last time.
//!
//! **The keeper** is the one idle machine that sleeps with a time limit. It wakes for the earliest
//! timer of all processors (whose owner may be busy or idle), and while any processor is busy it also
//! looks now and then (50 µs, doubling up to 1 ms) for a goroutine that waits in a busy
//! processor's `next` slot: readying a single goroutine does not notify, as the one that readied it
//! is most often about to park, and would run it sooner than any other machine could. When all are
//! idle and there are no timers, nobody has a time limit and nothing wakes up.
//!
//! Rejected: a notification at every ready (two goroutines that talk to each other then wake and
//! exhaust a second machine all the time: twice the CPU, and slower); a timer thread (a switch of
//! threads for every timer).

use super::machine::Machine;
use super::timer::NEVER;
use super::{Processor, Shared};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU32, AtomicU64, Ordering::*, fence};
use crate::clock;
use crossbeam_utils::CachePadded;
use std::ptr;
use std::time::Duration;

/// How often the keeper looks after busy processors: at first, and at most.
const FIRST_WATCH: u64 = 50_000;
const LONGEST_WATCH: u64 = 1_000_000;

pub(crate) struct Idle {
    searching: CachePadded<AtomicU32>,
    idle_processors: CachePadded<AtomicU32>,
    /// When the keeper wakes; `NEVER` also if there is none.
    keeper_wakes: AtomicU64,
    lists: Lock<Lists>,
}

#[derive(Default)]
struct Lists {
    processors: Vec<&'static Processor>,
    machines: Vec<&'static Machine>,
    keeper: Option<&'static Machine>,
}

impl Lists {
    /// Takes an idle machine, the keeper last, as it would leave the others without one.
    fn pop_machine(&mut self) -> Option<&'static Machine> {
        self.machines.pop().or_else(|| self.keeper.take())
    }

    /// Takes a certain machine out. False: somebody is rousing it.
    fn remove_machine(&mut self, machine: &Machine) -> bool {
        if self.keeper.is_some_and(|keeper| ptr::eq(keeper, machine)) {
            self.keeper = None;
            return true;
        }
        let position = self.machines.iter().position(|other| ptr::eq(*other, machine));
        position.map(|position| self.machines.swap_remove(position)).is_some()
    }
}

impl Idle {
    pub(crate) fn new() -> Idle {
        Idle {
            searching: CachePadded::new(AtomicU32::new(0)),
            idle_processors: CachePadded::new(AtomicU32::new(0)),
            keeper_wakes: AtomicU64::new(NEVER),
            lists: Lock::new(Lists::default()),
        }
    }

    pub(crate) fn idle_processors(&self) -> usize {
        self.idle_processors.load(Relaxed) as usize
    }

    /// Puts a processor into the list.
    pub(crate) fn add_processor(&self, processor: &'static Processor) {
        let mut lists = self.lists.lock();
        lists.processors.push(processor);
        self.idle_processors.fetch_add(1, SeqCst);
    }

    pub(crate) fn take_any_processor(&self) -> Option<&'static Processor> {
        self.take_processor(&mut self.lists.lock())
    }

    fn take_processor(&self, lists: &mut Lists) -> Option<&'static Processor> {
        let processor = lists.processors.pop()?;
        self.idle_processors.fetch_sub(1, SeqCst);
        Some(processor)
    }

    /// Takes those out of the list that `keep` refuses.
    pub(crate) fn retain_processors(&self, keep: impl Fn(&Processor) -> bool) {
        let mut lists = self.lists.lock();
        let before = lists.processors.len();
        lists.processors.retain(|processor| keep(processor));
        self.idle_processors.fetch_sub((before - lists.processors.len()) as u32, SeqCst);
    }

    /// Becomes a searching machine, unless there are enough: one for every two busy processors.
    fn try_start_searching(&self, processors: usize) -> bool {
        let busy = processors.saturating_sub(self.idle_processors());
        if 2 * self.searching.load(Relaxed) as usize >= busy.max(2) {
            return false;
        }
        self.searching.fetch_add(1, SeqCst);
        true
    }
}

impl Shared {
    /// Wakes a machine, if one is idle and none is searching: there is work for it.
    #[inline(always)]
    pub(crate) fn notify(&self) {
        // The work was published before; the counters are read after.
        fence(SeqCst);
        if self.idle.idle_processors.load(Relaxed) != 0 && self.idle.searching.load(Relaxed) == 0 {
            self.rouse_one();
        }
    }

    #[cold]
    #[inline(never)]
    fn rouse_one(&self) {
        if self.idle.searching.compare_exchange(0, 1, SeqCst, Relaxed).is_err() {
            return;
        }
        let mut lists = self.idle.lists.lock();
        let Some(processor) = self.idle.take_processor(&mut lists) else {
            self.idle.searching.fetch_sub(1, SeqCst);
            return;
        };
        let machine = lists.pop_machine();
        drop(lists);
        self.start(machine, processor, true);
    }

    /// Lets `machine`, or a new one, run `processor`.
    fn start(&self, machine: Option<&Machine>, processor: &'static Processor, searching: bool) {
        match machine {
            Some(machine) => machine.rouse(Some(processor), searching),
            None => {
                if let Err(error) = self.new_machine(processor, searching) {
                    eprintln!("gort: a thread to run goroutines cannot be had: {error}");
                    if searching {
                        self.idle.searching.fetch_sub(1, SeqCst);
                    }
                    self.idle.add_processor(processor);
                }
            }
        }
    }

    /// Gives a processor that its machine cannot use for a while to another.
    pub(crate) fn hand_off(&self, processor: &'static Processor) {
        let machine = self.idle.lists.lock().pop_machine();
        self.start(machine, processor, false);
    }

    /// A timer has become the first of a busy processor: makes sure that somebody wakes for it.
    #[cold]
    pub(crate) fn ensure_keeper(&self, when: u64) {
        // The timer was published before; the keeper's time is read after.
        fence(SeqCst);
        if self.idle.keeper_wakes.load(Relaxed) <= when {
            return;
        }
        let keeper = self.idle.lists.lock().keeper.take();
        match keeper {
            // It enters the list again with the time as it is now.
            Some(keeper) => keeper.rouse(None, false),
            None => self.notify(),
        }
    }

    /// Wakes all idle machines, so that they see that the runtime ends.
    pub(crate) fn rouse_all(&self) {
        loop {
            let Some(machine) = self.idle.lists.lock().pop_machine() else { return };
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
            if shared.idle.searching.fetch_sub(1, SeqCst) == 1 {
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
        let idle = &shared.idle;
        let processor = self.try_processor();
        self.set_processor(None);
        // SAFETY: a machine lives as long as its thread, and leaves the lists before that ends.
        let this: &'static Machine = unsafe { &*ptr::from_ref(self) };
        {
            let mut lists = idle.lists.lock();
            match processor {
                Some(processor) if shared.is_active(processor) => {
                    processor.owned.wants_keeper.set(false);
                    lists.processors.push(processor);
                    idle.idle_processors.fetch_add(1, SeqCst);
                }
                Some(processor) => shared.retire_processor(processor),
                None => {}
            }
            self.enter(this, &mut lists);
        }
        if self.searching.replace(false) {
            idle.searching.fetch_sub(1, SeqCst);
        }
        let mut watch = FIRST_WATCH;
        let mut seen = None;
        loop {
            fence(SeqCst);
            let work = shared.has_work();
            if (work || self.is_due()) && idle.idle_processors() > 0 && self.leave_idle(work) {
                return !shared.is_exiting();
            }
            if shared.is_exiting() {
                return false;
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
                self.enter(this, &mut idle.lists.lock());
            } else if self.steal_stuck(&mut seen) {
                return true;
            }
        }
    }

    /// Enters the list of idle machines.
    fn enter(&self, this: &'static Machine, lists: &mut Lists) {
        if lists.keeper.is_none() {
            lists.keeper = Some(this);
        } else {
            lists.machines.push(this);
        }
    }

    /// Is a timer due?
    fn is_due(&self) -> bool {
        let earliest = self.shared().earliest_timer();
        earliest != NEVER && earliest <= clock::now()
    }

    /// Takes a processor and leaves the lists. False: there is no processor to be had. If somebody
    /// is rousing the machine already, waits for what it brings.
    fn leave_idle(&self, search: bool) -> bool {
        let idle = &self.shared().idle;
        let mut lists = idle.lists.lock();
        if !lists.remove_machine(self) {
            drop(lists);
            self.doze(None);
            if self.try_processor().is_some() || self.shared().is_exiting() {
                return true;
            }
            lists = idle.lists.lock();
        }
        let Some(processor) = idle.take_processor(&mut lists) else {
            // SAFETY: as in `go_idle`.
            self.enter(unsafe { &*ptr::from_ref(self) }, &mut lists);
            return self.shared().is_exiting();
        };
        drop(lists);
        self.set_processor(Some(processor));
        if search {
            // As one who searches it notifies the next when it finds something.
            idle.searching.fetch_add(1, SeqCst);
            self.searching.set(true);
        }
        true
    }

    /// How long to sleep: the keeper up to the first timer, or up to its next look at the busy.
    /// While all processors are busy, their machines see to the timers. Announces the time, so that whoever adds an earlier timer can tell.
    fn keeper_timeout(&self, watch: &mut u64, seen: &mut Option<Seen>) -> Option<Duration> {
        let shared = self.shared();
        let idle = &shared.idle;
        let is_keeper = {
            let lists = idle.lists.lock();
            lists.keeper.is_some_and(|keeper| ptr::eq(keeper, self))
        };
        if !is_keeper {
            return None;
        }
        let busy = idle.idle_processors() < shared.active_processors();
        let now = clock::now();
        let mut wake = NEVER;
        if idle.idle_processors() > 0 {
            idle.keeper_wakes.store(shared.earliest_timer(), SeqCst);
            // The time is announced before; the timers are read after.
            fence(SeqCst);
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
            return false;
        }
        if let Some(goroutine) = victim.take_next() {
            self.processor().push(goroutine, shared);
        }
        true
    }
}
