//! The idle protocol: how machines go to sleep when there is no work, and are woken when there is.
//!
//! After the one of Go's scheduler.
//!
//! **Counters.** `searching`: machines that hold a processor and look for work at others'.
//! `idle_processors`: those that lie in the list. Both are changed with sequential consistency
//! (a fence on either side of the race below).
//!
//! **Waking** (`notify`, by whoever has made a goroutine runnable that its own processor will not run
//! at once): if a processor is idle and nobody searches, become the one who makes somebody search
//! (`searching` 0 → 1) and rouse one machine with one processor. One at a time: a searching machine
//! that finds work looks once more when it was the last (`stop_searching`), and notifies again if there
//! is more. So a burst of a thousand readies rouses one machine, which rouses the next, and so on while
//! there is work; and a single one, a timer's say, rouses nobody else. (On CPUs that are busy each wake-up
//! counts: with it, a ticker among threads that compute was late ten times as often.)
//!
//! **Sleeping** (`go_idle`): give the processor up and enter the list of machines; stop searching;
//! fence; look at all queues once more; if there is work, take a processor back and go on, else
//! sleep.
//!
//! **No wake-up is lost**: the one side publishes work, fences, then reads the counters; the other
//! changes the counters, fences, then reads the queues. One of the two sees the other. If the
//! notifier sees a searching machine, that machine has not yet looked for the last time. Or it is no machine: another
//! notifier counts as one until it has found that there is no processor left. That one looks at the counters again when it
//! counts no more.
//!
//! **Reluctance.** A few goroutines that keep waking each other run best on one processor: each
//! message is in the cache where it is read, while a machine that takes one of them away needs longer
//! for that than the goroutine runs. So a searching machine leaves what is soon done to an owner that goes
//! through it quickly ([`pace`](super::pace)), sleeps although that queue is not empty, and is not
//! roused again for some time by what is made ready on busy processors. What then stays in a queue after
//! all, as two others keep the processor between them or as one begins to compute, the
//! [monitor](super::monitor) passes on.
//!
//! **The keeper** is the one idle machine that sleeps with a time limit: up to the earliest timer of
//! all processors, whose owners may be busy or idle. Who goes idle takes that over if there is no keeper
//! or if it knows of an earlier timer (its own last goroutine's, most often); a busy machine whose
//! processor has got an earlier timer rouses the keeper to look again (`keeper_for`). While all
//! processors are busy their machines see to the timers, and the keeper has no limit. When all are
//! idle and there are no timers, nobody has one and nothing wakes up. A keeper that leaves to run what
//! is due does not appoint another: most often it is back at once. What may go wrong meanwhile is the
//! [monitor](super::monitor)'s affair.
//!
//! **Fewer processors.** Who sets their number then takes those that are too many out of the list; who has put one into the list looks
//! at the number then, and takes it out again ([`Shared::weed_out`](super::Shared::weed_out)). The list's lock orders the two, so one sees the other, and no processor
//! stays in the list that is not to run any more: it would count as idle, and its machine as not busy.
//!
//! Rejected: a notification at every ready (two goroutines that talk to each other then wake and
//! exhaust a second machine all the time: twice the CPU, and slower); a timer thread (a switch of
//! threads for every timer).
//!
//! This file is the protocol alone, for machines and processors of any kind, so that `models` can run
//! it; [`doze`](super::doze) applies it.

#[cfg(all(test, loom))]
mod models;

use super::bell::Bell;
use super::timer::NEVER;
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU32, AtomicU64, Ordering::*, fence};
use crossbeam_utils::CachePadded;

/// The least and the most reluctance, in goroutines made ready.
const RELUCTANCE: (u32, u32) = (64, 4096);

pub(crate) struct Idle<M, P> {
    searching: CachePadded<AtomicU32>,
    idle_processors: CachePadded<AtomicU32>,
    /// When the keeper wakes; `NEVER` also if there is none.
    keeper_wakes: AtomicU64,
    /// So many goroutines may be made ready on busy processors until a machine is roused for one; and
    /// how many it was the last time.
    reluctance: CachePadded<AtomicU32>,
    last_reluctance: AtomicU32,
    /// Rung when a processor has been taken out of the list: by who rouses a machine for it, after that.
    pub(crate) bell: Bell,
    lists: Lock<Lists<M, P>>,
}

struct Lists<M, P> {
    processors: Vec<P>,
    machines: Vec<M>,
    keeper: Option<M>,
}

/// A processor to be run: by this machine, or by a new one. It counts as searching. When it has been roused, the bell is to be rung.
#[must_use = "the processor is in no list any more"]
#[derive(Debug)]
pub(crate) struct Rouse<M, P> {
    pub(crate) machine: Option<M>,
    pub(crate) processor: P,
}

/// What came of a machine's wish to leave the lists with a processor.
#[derive(Debug)]
pub(crate) enum Leave<P> {
    /// With a processor.
    With(P),
    /// It stays in the lists.
    NoProcessor,
    /// It has been taken out: its signal is on the way.
    IsRoused,
}

impl<M: Copy + PartialEq, P> Lists<M, P> {
    fn position(&self, machine: M) -> Option<usize> {
        self.machines.iter().position(|&other| other == machine)
    }
}

impl<M: Copy + PartialEq, P> Idle<M, P> {
    pub(crate) fn new() -> Self {
        Idle {
            searching: CachePadded::new(AtomicU32::new(0)),
            idle_processors: CachePadded::new(AtomicU32::new(0)),
            keeper_wakes: AtomicU64::new(NEVER),
            reluctance: CachePadded::new(AtomicU32::new(0)),
            last_reluctance: AtomicU32::new(0),
            bell: Bell::new(),
            lists: Lock::new(Lists { processors: Vec::new(), machines: Vec::new(), keeper: None }),
        }
    }

    pub(crate) fn idle_processors(&self) -> usize {
        self.idle_processors.load(Relaxed) as usize
    }

    // ---- waking

    /// Work has been published: whom to rouse for it.
    #[inline(always)]
    pub(crate) fn notify(&self) -> Option<Rouse<M, P>> {
        // The work was published before; the counters are read after.
        fence(SeqCst);
        if self.idle_processors.load(Relaxed) != 0 && self.searching.load(Relaxed) == 0 {
            self.choose()
        } else {
            None
        }
    }

    /// As [`notify`](Self::notify), for a busy processor's queue; `few`: it is short. Then nobody is
    /// roused while machines that search are [discouraged](Self::discourage).
    #[inline(always)]
    pub(crate) fn notify_reluctantly(&self, few: impl FnOnce() -> bool) -> Option<Rouse<M, P>> {
        fence(SeqCst);
        if self.idle_processors.load(Relaxed) == 0 || self.searching.load(Relaxed) != 0 {
            return None;
        }
        let left = self.reluctance.load(Relaxed);
        if left > 0 && few() {
            // Others may count at the same time; it need not be exact.
            self.reluctance.store(left - 1, Relaxed);
            return None;
        }
        self.choose()
    }

    /// A search has found only queues that are better left to their owners.
    pub(crate) fn discourage(&self) {
        let next = (self.last_reluctance.load(Relaxed) * 2).clamp(RELUCTANCE.0, RELUCTANCE.1);
        self.last_reluctance.store(next, Relaxed);
        self.reluctance.store(next, Relaxed);
    }

    /// A search has found work at another processor.
    pub(crate) fn encourage(&self) {
        if self.last_reluctance.load(Relaxed) != 0 {
            self.last_reluctance.store(0, Relaxed);
            self.reluctance.store(0, Relaxed);
        }
    }

    #[cold]
    #[inline(never)]
    fn choose(&self) -> Option<Rouse<M, P>> {
        loop {
            self.searching.compare_exchange(0, 1, SeqCst, Relaxed).ok()?;
            let mut lists = self.lists.lock();
            if let Some(processor) = self.pop_processor(&mut lists) {
                let machine = self.pop_machine(&mut lists);
                return Some(Rouse { machine, processor });
            }
            drop(lists);
            self.searching.fetch_sub(1, SeqCst);
            // Whoever has made work meanwhile, and seen an idle processor, has told nobody, as somebody seemed to search.
            fence(SeqCst);
            if self.idle_processors.load(Relaxed) == 0 {
                return None;
            }
        }
    }

    /// An idle machine, for a processor that its own cannot use.
    pub(crate) fn take_machine(&self) -> Option<M> {
        self.pop_machine(&mut self.lists.lock())
    }

    /// Takes an idle machine, the keeper last, as it would leave the others without one.
    fn pop_machine(&self, lists: &mut Lists<M, P>) -> Option<M> {
        lists.machines.pop().or_else(|| self.pop_keeper(lists))
    }

    fn pop_keeper(&self, lists: &mut Lists<M, P>) -> Option<M> {
        let keeper = lists.keeper.take()?;
        self.keeper_wakes.store(NEVER, SeqCst);
        Some(keeper)
    }

    /// A busy processor has got a timer that is its first: the keeper, if it has to be roused to look at
    /// the timers again; or another machine, if there is no keeper.
    pub(crate) fn keeper_for(&self, when: u64) -> Option<M> {
        // The timer was published before; the counters and the keeper's time are read after.
        fence(SeqCst);
        if self.idle_processors() == 0 || self.keeper_wakes.load(Relaxed) <= when {
            return None;
        }
        let mut lists = self.lists.lock();
        self.pop_keeper(&mut lists).or_else(|| lists.machines.pop())
    }

    pub(crate) fn has_machine(&self) -> bool {
        let lists = self.lists.lock();
        lists.keeper.is_some() || !lists.machines.is_empty()
    }

    /// Takes a certain machine out of the lists. False: it is not there.
    pub(crate) fn remove(&self, machine: M) -> bool {
        let mut lists = self.lists.lock();
        match lists.position(machine) {
            Some(position) => drop(lists.machines.swap_remove(position)),
            None if lists.keeper == Some(machine) => drop(self.pop_keeper(&mut lists)),
            None => return false,
        }
        true
    }

    /// Are there more machines in the lists than idle processors could ever need?
    pub(crate) fn is_crowded(&self) -> bool {
        self.lists.lock().machines.len() > self.idle_processors()
    }

    /// A machine that sleeps in the lists, and is not the keeper, would like to end. Not if the others
    /// were too few then.
    pub(crate) fn retire(&self, machine: M) -> bool {
        let mut lists = self.lists.lock();
        match lists.position(machine) {
            Some(position) if lists.machines.len() > self.idle_processors() => {
                lists.machines.swap_remove(position);
                true
            }
            _ => false,
        }
    }

    // ---- searching

    /// Begins to search, unless enough machines do: one for every two busy processors.
    pub(crate) fn try_start_searching(&self, processors: usize) -> bool {
        let busy = processors.saturating_sub(self.idle_processors());
        if 2 * self.searching.load(Relaxed) as usize >= busy.max(2) {
            return false;
        }
        self.searching.fetch_add(1, SeqCst);
        true
    }

    /// A searching machine has found work, or has failed to start. True: it was the last, so if there
    /// is more work another is to be notified. Whoever has made some before has perhaps told nobody.
    pub(crate) fn stop_searching(&self) -> bool {
        let last = self.searching.fetch_sub(1, SeqCst) == 1;
        if last {
            fence(SeqCst);
        }
        last
    }

    // ---- sleeping

    /// A machine, which may have searched, has found nothing: it enters the lists, with what
    /// processor it has. It must look for work once more before it sleeps. `earliest` is the time of the
    /// first timer.
    pub(crate) fn enter(&self, machine: M, processor: Option<P>, searching: bool, earliest: u64) {
        {
            let mut lists = self.lists.lock();
            if let Some(processor) = processor {
                self.push_processor(&mut lists, processor);
            }
            if lists.keeper.is_none() || earliest < self.keeper_wakes.load(Relaxed) {
                self.make_keeper(&mut lists, machine);
            } else {
                lists.machines.push(machine);
            }
        }
        if searching {
            self.searching.fetch_sub(1, SeqCst);
        }
        // The counters were changed before; the queues are read after.
        fence(SeqCst);
    }

    /// A machine in the lists wants to run after all; `search`: it counts as searching then.
    pub(crate) fn leave(&self, machine: M, search: bool) -> Leave<P> {
        let mut lists = self.lists.lock();
        let position = lists.position(machine);
        let is_keeper = lists.keeper == Some(machine);
        if position.is_none() && !is_keeper {
            return Leave::IsRoused;
        }
        let Some(processor) = self.pop_processor(&mut lists) else { return Leave::NoProcessor };
        match position {
            Some(position) => drop(lists.machines.swap_remove(position)),
            None => drop(self.pop_keeper(&mut lists)),
        }
        drop(lists);
        if search {
            self.searching.fetch_add(1, SeqCst);
        }
        self.bell.ring();
        Leave::With(processor)
    }

    /// It has not announced its time yet.
    fn make_keeper(&self, lists: &mut Lists<M, P>, machine: M) {
        self.keeper_wakes.store(NEVER, SeqCst);
        let before = lists.keeper.replace(machine);
        lists.machines.extend(before);
    }

    /// A machine in the lists, about to sleep: if it is the keeper, announces when it is going to wake, and
    /// returns that. `first` tells the time of the first timer, as far as the keeper has to wake for it.
    pub(crate) fn keep(&self, machine: M, first: impl Fn() -> u64) -> Option<u64> {
        let announced = first();
        if !self.announce(machine, announced) {
            return None;
        }
        // Whoever adds a timer from here on sees the time that was announced. One that was added before
        // is seen here. The time stands even if that timer is gone by now.
        Some(announced.min(first()))
    }

    fn announce(&self, machine: M, when: u64) -> bool {
        let mut lists = self.lists.lock();
        // Of a timer that has come since the machine looked, before it entered, nobody knows yet: it was not idle then.
        if when < self.keeper_wakes.load(Relaxed)
            && let Some(position) = lists.position(machine)
        {
            lists.machines.swap_remove(position);
            self.make_keeper(&mut lists, machine);
        }
        // With the lock held, so that this cannot come after what its successor announces.
        let is_keeper = lists.keeper == Some(machine);
        if is_keeper {
            self.keeper_wakes.store(when, SeqCst);
        }
        drop(lists);
        fence(SeqCst);
        is_keeper
    }

    // ---- the list of processors

    fn push_processor(&self, lists: &mut Lists<M, P>, processor: P) {
        lists.processors.push(processor);
        self.idle_processors.fetch_add(1, SeqCst);
    }

    fn pop_processor(&self, lists: &mut Lists<M, P>) -> Option<P> {
        let processor = lists.processors.pop()?;
        self.idle_processors.fetch_sub(1, SeqCst);
        Some(processor)
    }

    pub(crate) fn add_processor(&self, processor: P) {
        self.push_processor(&mut self.lists.lock(), processor);
    }

    pub(crate) fn take_processor(&self) -> Option<P> {
        let processor = self.pop_processor(&mut self.lists.lock());
        self.bell.ring();
        processor
    }

    /// Takes those out of the list that `keep` refuses.
    pub(crate) fn retain_processors(&self, keep: impl FnMut(&P) -> bool) {
        let mut lists = self.lists.lock();
        let before = lists.processors.len();
        lists.processors.retain(keep);
        self.idle_processors.fetch_sub((before - lists.processors.len()) as u32, SeqCst);
    }
}
