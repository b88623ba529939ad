//! A runtime's shared part: processors, queues, and the counts that its shutdown needs.

mod processors;

pub(crate) use processors::MAX_PROCESSORS;

use super::Machine;
use super::audit::Audit;
use super::blocking::Calls;
use super::crowd::Crowd;
use super::enough::Enough;
use super::global::GlobalQueue;
use super::home::Migration;
use super::idle::Idle;
use super::park::{inside, may_be_put_aside};
use super::processor::Processor;
use super::settings::{Counters, Preempt, Settings, Stats};
use super::threads::{CHUNK, Machines, Threads, wait_for};
use super::watch::Watch;
use super::workers::Workers;
use crate::goroutine::arena::Arena;
use crate::goroutine::panic::OnPanic;
use crate::goroutine::{GoroutineRef, State};
use crate::park::Caller;
use crate::poll::Driver;
use crate::prim::GiveWay;
use crate::prim::atomic::{
    AtomicBool, AtomicIsize, AtomicPtr, AtomicU64, AtomicUsize, Ordering::*,
};
use crate::sys::{self, Origin};
use crate::tell::abort;
use crate::tls;
use crossbeam_utils::CachePadded;
use gort_context::StackPool;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};

const FORKED_OFF: &str =
    "this process was forked off by one with a runtime, and has none of that one's threads";

pub(crate) struct Shared {
    pub(crate) global: GlobalQueue,
    pub(crate) idle: Idle<&'static Machine, &'static Processor>,
    pub(crate) arena: Arena,
    pub(crate) calls: Calls,
    /// What waits for sockets, once there are some.
    pub(super) driver: OnceLock<Arc<Driver>>,
    pub(crate) crowd: Crowd,
    pub(super) enough: Enough,
    pub(crate) watch: Watch,
    pub(crate) workers: Workers,
    pub(crate) ids: CachePadded<AtomicU64>,
    /// Threads from outside that are making a goroutine runnable.
    pub(crate) visitors: CachePadded<AtomicUsize>,
    /// Goroutines made, and ended, by threads that hold no processor.
    spawned_outside: AtomicU64,
    ended_outside: AtomicU64,
    /// As `later` of a processor.
    pub(super) later_outside: AtomicIsize,

    // Read by all, written seldom.
    active: AtomicUsize,
    made: AtomicUsize,
    processors: Box<[AtomicPtr<Processor>]>,
    /// The last attempt to start a thread failed; when to try again, as the clock counts.
    pub(super) threads_again_at: AtomicU64,
    /// Machines that have a thread.
    pub(super) running: AtomicUsize,
    pub(super) most_threads: usize,
    /// Nanoseconds after which a goroutine has to make room, while others wait.
    pub(crate) slice: u64,
    pub(crate) preempt: Preempt,
    /// For preemption in place.
    pub(crate) signal: i32,
    pub(crate) stats: Counters,
    pub(crate) migration: Migration,
    pub(crate) on_panic: OnPanic,
    pub(crate) audit: Option<Audit>,
    /// May it have a poller?
    pub(crate) polls: bool,
    /// All machines that were ever made, by their numbers.
    pub(super) machines: Box<[OnceLock<Box<Machines>>]>,
    stopping: AtomicBool,
    exiting: AtomicBool,
    pub(super) name: String,
    /// Its threads are there.
    origin: Origin,
    state: Mutex<Registry>,
    /// Told of every goroutine's end while the runtime is stopping.
    pub(crate) ended: Condvar,
    /// For the machines' threads, which hold a count each.
    pub(super) this: Weak<Shared>,
}

/// What changes seldom, under a lock.
#[derive(Default)]
pub(crate) struct Registry {
    /// How many machines were ever made.
    pub(super) machines: usize,
    /// Numbers of machines whose thread has ended.
    pub(super) vacant: Vec<usize>,
    pub(super) threads: Threads,
    /// Who drops the closure of a goroutine from outside.
    pub(super) droppers: Vec<Caller>,
    /// The runtime has ended; `orphans` of its records are still held by handles, and a reference
    /// count on their behalf is given back with the last of them.
    closed: bool,
    orphans: usize,
}

// SAFETY: the parts are atomics, locks and values that do not change.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Shared {
    pub(crate) fn new(settings: Settings, stacks: StackPool) -> Arc<Shared> {
        let Settings {
            name,
            processors,
            slice,
            most_threads,
            preempt,
            signal,
            migration,
            on_panic,
            audit,
            polls,
        } = settings;
        let shared = Arc::new_cyclic(|this: &Weak<Shared>| Shared {
            global: GlobalQueue::new(),
            idle: Idle::new(),
            arena: Arena::new(NonNull::new(this.as_ptr().cast_mut()).expect("an Arc's pointer")),
            workers: Workers::new(stacks),
            calls: Calls::new(),
            driver: OnceLock::new(),
            crowd: Crowd::default(),
            enough: Enough::default(),
            watch: Watch::default(),
            ids: CachePadded::new(AtomicU64::new(0)),
            visitors: CachePadded::new(AtomicUsize::new(0)),
            spawned_outside: AtomicU64::new(0),
            ended_outside: AtomicU64::new(0),
            later_outside: AtomicIsize::new(0),
            active: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            processors: (0..MAX_PROCESSORS).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
            threads_again_at: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            most_threads,
            slice: u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX),
            preempt,
            signal,
            stats: Counters::default(),
            migration,
            on_panic,
            audit: audit.then(Audit::default),
            polls,
            machines: (0..=most_threads / CHUNK).map(|_| OnceLock::new()).collect(),
            stopping: AtomicBool::new(false),
            exiting: AtomicBool::new(false),
            name,
            origin: Origin::here(),
            state: Mutex::new(Registry::default()),
            ended: Condvar::new(),
            this: this.clone(),
        });
        shared.set_active_processors(processors);
        sys::call_in_forked_children(super::machine::lose_processor_in_child);
        shared
    }

    /// Machines wait for it inside, so no goroutine may be put aside with it (see [`preempt`](super::preempt)).
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        debug_assert!(!may_be_put_aside(), "a registry, and not inside");
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    // ---- goroutines

    /// Not if the process was forked off the one that has them. Then nothing is to run, and a lock that one of them had it has for ever.
    #[inline(always)]
    pub(super) fn has_threads(&self) -> bool {
        self.origin.is_here()
    }

    /// # Errors
    /// Without threads.
    pub(crate) fn check_origin(&self) -> io::Result<()> {
        if self.has_threads() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, FORKED_OFF))
    }

    /// Before a wait: where a goroutine has forked the process, and goes on in the child, nobody would ever end it.
    pub(super) fn ensure_origin(&self) {
        if !self.has_threads() {
            abort(format_args!("aborting, as {FORKED_OFF}: nothing is left to be done here"));
        }
    }

    /// A vacant record, with a number; `None`: out of memory, or without threads.
    #[inline(always)]
    pub(crate) fn take_record(&self, processor: Option<&Processor>) -> Option<GoroutineRef> {
        let record = match processor {
            Some(processor) => {
                let record = processor.with_stock(|stock| stock.take(&self.arena))?;
                record.id.set(processor.next_id(&self.ids));
                processor.count_spawned();
                record
            }
            None => {
                self.check_origin().ok()?;
                let record = self.arena.take_one()?;
                record.id.set(self.ids.fetch_add(super::processor::ID_BLOCK, Relaxed) + 1);
                self.spawned_outside.fetch_add(1, Release);
                record
            }
        };
        Some(record)
    }

    /// A goroutine has ended, on `processor` if its machine still had one; `record` is to be freed, if it is not the handle's.
    #[inline(always)]
    pub(crate) fn count_end(&self, processor: Option<&Processor>, record: Option<GoroutineRef>) {
        if let Some(record) = record {
            record.set_state(State::Free);
            match processor {
                Some(processor) => processor.with_stock(|stock| stock.put(&self.arena, record)),
                None => self.arena.put_one(record),
            }
        }
        match processor {
            Some(processor) => processor.count_ended(),
            None => drop(self.ended_outside.fetch_add(1, Release)),
        }
        if self.is_stopping() {
            self.tell_of_end();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_end(&self) {
        let _registry = self.registry();
        self.ended.notify_all();
    }

    /// The machine that the caller runs on, if it is one of this runtime's.
    #[inline(always)]
    pub(crate) fn callers_machine(&self) -> Option<&'static Machine> {
        tls::machine().filter(|machine| ptr::eq(machine.shared.as_ptr(), self))
    }

    /// The handle has done with the record of a goroutine that has ended.
    ///
    /// It may be the last of its runtime, which goes with it. So the runtime is not borrowed by a parameter: what is has to be
    /// there until the call returns.
    #[inline]
    pub(crate) fn free_record(goroutine: GoroutineRef) {
        let shared = goroutine.shared();
        if let Some(machine) = shared.callers_machine()
            && let inside = machine.inside()
            && let Some(processor) = inside.processor()
        {
            goroutine.set_state(State::Free);
            processor.with_stock(|stock| stock.put(&shared.arena, goroutine));
        } else {
            Self::free_record_outside(goroutine);
        }
    }

    #[cold]
    fn free_record_outside(goroutine: GoroutineRef) {
        let shared = goroutine.shared();
        if !shared.has_threads() {
            return;
        }
        let _inside = inside();
        // The runtime may be gone but for this record: it is, or keeps, alive until the lock is held.
        let mut registry = shared.registry();
        goroutine.set_state(State::Free);
        shared.arena.put_one(goroutine);
        if !registry.closed {
            return;
        }
        registry.orphans -= 1;
        if registry.orphans == 0 {
            drop(registry);
            // SAFETY: `close` has forgotten one count for the orphans, of which this was the last.
            unsafe { Arc::decrement_strong_count(shared.this.as_ptr()) };
        }
    }

    /// Goroutines that were spawned and have not ended.
    pub(crate) fn live_goroutines(&self) -> u64 {
        // The ends are read first: a difference of zero then means that there was a moment with none.
        let ended: u64 = self.processors().map(|processor| processor.ended.load(Acquire)).sum();
        let ended = ended + self.ended_outside.load(Acquire);
        let spawned: u64 = self.processors().map(|processor| processor.spawned.load(Acquire)).sum();
        (spawned + self.spawned_outside.load(Acquire)).saturating_sub(ended)
    }

    /// The same, without those that are to start at a time, and have not.
    pub(crate) fn visible_goroutines(&self) -> u64 {
        let later: isize = self.processors().map(|processor| processor.later.load(Relaxed)).sum();
        let later = later + self.later_outside.load(Relaxed);
        self.live_goroutines().saturating_sub(later.max(0) as u64)
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            goroutines: self.visible_goroutines(),
            threads: self.running.load(Relaxed),
            processors_taken: self.stats.taken.load(Relaxed),
            signals_sent: self.stats.ordered.load(Relaxed),
            preempted: self.stats.preempted.load(Relaxed),
            preemptions_refused: self.stats.refused.load(Relaxed),
        }
    }

    // ---- the end

    #[inline(always)]
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, SeqCst);
    }

    #[inline(always)]
    pub(crate) fn is_exiting(&self) -> bool {
        self.exiting.load(Relaxed)
    }

    /// Ends all machines, which run no goroutine any more, and waits for their threads.
    pub(crate) fn exit(self: &Arc<Self>) {
        self.exiting.store(true, SeqCst);
        // A machine enters the list first and then looks for the mark: it is roused, or sees it.
        self.rouse_all();
        // Visitors may start threads,
        self.wait_for_visitors();
        let take_all = || self.registry().threads.take_all();
        let mut give_way = GiveWay::default();
        while let Some(threads) = take_all() {
            threads.into_iter().for_each(wait_for);
            // Some may be in the making.
            give_way.once();
        }
        if let Some(driver) = self.driver.get() {
            driver.close();
        }
        // and destructors of threads may be visitors.
        self.wait_for_visitors();
        self.close();
    }

    fn wait_for_visitors(&self) {
        let mut give_way = GiveWay::default();
        while self.visitors.load(SeqCst) != 0 {
            give_way.once();
        }
    }

    /// No thread runs in this runtime any more: what handles still hold keeps it in memory.
    fn close(self: &Arc<Self>) {
        let mut registry = self.registry();
        let mut orphans = 0;
        self.arena.for_each(|record| orphans += record.is_ended() as usize);
        registry.closed = true;
        registry.orphans = orphans;
        if orphans > 0 {
            std::mem::forget(self.clone());
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for slot in &mut self.processors {
            let processor = *slot.get_mut();
            if processor.is_null() {
                continue;
            }
            // SAFETY: leaked from a box when it was made; the machines are gone.
            let processor = unsafe { Box::from_raw(processor) };
            self.workers.discard_idle(&processor);
        }
    }
}
