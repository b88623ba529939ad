//! The processor: the right to run goroutines, with the queue, timers and caches that go with it.
//!
//! A processor belongs to one machine at a time, or lies in the idle list. What others may touch
//! (the queue's head, the timers, the tick) comes first; the rest is its machine's alone and is
//! handed over with it: by the lock of the idle list, by a machine's signal, or by the [hold](super::hold)
//! of a machine that it is taken from.

use super::machine::Machine;
use super::run_queue::RunQueue;
use super::timer::Timers;
use super::worker::Worker;
use crate::goroutine::arena::Stock;
use crate::goroutine::{Goroutine, GoroutineRef};
use crate::prim::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use crossbeam_utils::CachePadded;
use gort_context::prefetch;
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};

/// Ids that a processor takes from the runtime's counter at a time.
pub(crate) const ID_BLOCK: u64 = 64;

/// What a goroutine that was parked in a call of gort's needs to return from it, and to make another.
const LINES_OF_FRAMES: usize = 16;

pub(crate) struct Processor {
    pub(crate) index: usize,
    pub(crate) queue: RunQueue<Goroutine>,
    pub(crate) timers: CachePadded<Timers>,
    /// Counts the picks; others see by it whether the owner still looks at its queue.
    pub(crate) tick: CachePadded<AtomicU32>,
    /// Nanoseconds for a goroutine, as the owner has [told](super::pace); zero before it has.
    pub(super) pace: AtomicU32,
    /// The machine that has taken it last.
    pub(crate) holder: AtomicPtr<Machine>,
    /// Not to run any more, as there are fewer processors now; nobody holds it.
    pub(crate) retired: AtomicBool,
    /// Goroutines made and ended here. Written by the owner only, without a locked instruction.
    pub(crate) spawned: AtomicU64,
    pub(crate) ended: AtomicU64,
    /// Goroutines made here that are to start later, less those that have begun or ended here: with those of
    /// all processors it is how many there are.
    pub(crate) later: AtomicIsize,
    pub(crate) owned: CachePadded<Owned>,
}

/// What only the owner touches.
pub(crate) struct Owned {
    stock: UnsafeCell<Stock>,
    /// Stacks whose worker waits for a goroutine, the warmest last.
    pub(crate) workers: UnsafeCell<Vec<Worker>>,
    pub(crate) next_id: Cell<u64>,
    /// When idle stacks were last looked at.
    pub(crate) tidied: Cell<u64>,
    /// A timer was added that is the first one: somebody has to keep it.
    pub(crate) wants_keeper: Cell<bool>,
    /// Next time that one goes out of turn it is the ring's first, and not the global queue's.
    pub(super) rings_turn: Cell<bool>,
}

// SAFETY: `owned` is touched by the machine that holds the processor only, and a processor is handed
// over with a release and an acquire.
unsafe impl Sync for Processor {}
// SAFETY: as above.
unsafe impl Send for Processor {}

impl Processor {
    pub(crate) fn new(index: usize) -> Processor {
        Processor {
            index,
            queue: RunQueue::new(),
            timers: CachePadded::new(Timers::new()),
            tick: CachePadded::new(AtomicU32::new(0)),
            pace: AtomicU32::new(0),
            holder: AtomicPtr::new(ptr::null_mut()),
            retired: AtomicBool::new(false),
            spawned: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            later: AtomicIsize::new(0),
            owned: CachePadded::new(Owned {
                stock: UnsafeCell::new(Stock::default()),
                workers: UnsafeCell::new(Vec::with_capacity(super::workers::KEPT)),
                next_id: Cell::new(0),
                tidied: Cell::new(0),
                wants_keeper: Cell::new(false),
                rings_turn: Cell::new(false),
            }),
        }
    }

    /// The machine that has it, if one has; from outside, it may be another's by now.
    pub(super) fn machine(&self) -> Option<&'static Machine> {
        // SAFETY: machines' records live as long as their runtime.
        let machine = unsafe { self.holder.load(Acquire).as_ref() }?;
        // Who has had it last may have laid it down, and have another since a moment.
        machine.try_processor().is_some_and(|its| ptr::eq(its, self)).then_some(machine)
    }

    /// Owner: calls `f` with the stock of records.
    #[inline(always)]
    pub(crate) fn with_stock<R>(&self, f: impl FnOnce(&mut Stock) -> R) -> R {
        // SAFETY: the owner is one thread, and `f` (the callers here) does not come back in.
        f(unsafe { &mut *self.owned.stock.get() })
    }

    /// Owner: calls `f` with the idle workers.
    #[inline(always)]
    pub(crate) fn with_workers<R>(&self, f: impl FnOnce(&mut Vec<Worker>) -> R) -> R {
        // SAFETY: as for the stock.
        f(unsafe { &mut *self.owned.workers.get() })
    }

    /// Owner: counts a pick, by which the monitor sees that this goes on. Returns which it is.
    #[inline(always)]
    pub(crate) fn count_pick(&self) -> u32 {
        let tick = self.tick.load(Relaxed).wrapping_add(1);
        self.tick.store(tick, Relaxed);
        tick
    }

    /// Owner: counts a goroutine made here.
    #[inline(always)]
    pub(crate) fn count_spawned(&self) {
        self.spawned.store(self.spawned.load(Relaxed) + 1, Release);
    }

    /// Owner: counts a goroutine ended here.
    #[inline(always)]
    pub(crate) fn count_ended(&self) {
        self.ended.store(self.ended.load(Relaxed) + 1, Release);
    }

    /// Owner: counts a goroutine that is to start later, or one that is not any more.
    #[inline(always)]
    pub(crate) fn count_later(&self, change: isize) {
        self.later.store(self.later.load(Relaxed).wrapping_add(change), Relaxed);
    }

    /// Owner: the next number for a goroutine.
    #[inline(always)]
    pub(crate) fn next_id(&self, counter: &AtomicU64) -> u64 {
        let mut id = self.owned.next_id.get();
        if id.is_multiple_of(ID_BLOCK) {
            id = counter.fetch_add(ID_BLOCK, Relaxed);
        }
        self.owned.next_id.set(id + 1);
        // Number 0 of a block is given as its end, so that no block touches the next.
        id + 1
    }

    /// The oldest goroutine of the ring.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<GoroutineRef> {
        self.queue.pop(prefetch).map(from_entry)
    }

    /// Another machine, which owns `into`: takes the older half. One is returned, the others are put into `into`'s queue.
    pub(super) fn steal_into(&self, into: &Processor) -> Option<GoroutineRef> {
        self.queue.steal_into(&into.queue).map(from_entry)
    }

    /// Does nobody wait here?
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.len() == 0 && !self.queue.has_next()
    }

    /// The goroutine that is to run next.
    #[inline(always)]
    pub(crate) fn take_next(&self) -> Option<GoroutineRef> {
        self.queue.take_next().map(from_entry)
    }
}

/// A run queue's entry as what it is.
#[inline(always)]
pub(crate) fn from_entry(entry: *mut Goroutine) -> GoroutineRef {
    // Run queues only hold pointers that came from a GoroutineRef.
    GoroutineRef::from_raw(NonNull::new(entry).expect("an entry is a goroutine"))
}

/// Has what the next goroutine of the ring will need fetched while another runs, if it has begun, and what tells where that
/// is of the one after it.
///
/// With a thousand connections each goroutine finds its record and frames fallen out of the cache. Fetching them ahead
/// gives 3 to 6 % more answers (`harness -- table -j tcp1000`), and lets a hundred thousand that are released
/// go on 15 % sooner (`-j mem_100k`).
#[inline(always)]
fn prefetch([next, after]: [*mut Goroutine; 2]) {
    let next = from_entry(next);
    if next.is_started() {
        prefetch_started(next, after);
    }
}

/// Not inlined: [`Machine::pick`] is slower with it, by 4 ns of 17.
#[inline(never)]
fn prefetch_started(next: GoroutineRef, after: *mut Goroutine) {
    prefetch::lines(after, 2);
    // SAFETY: a record stays as long as its runtime.
    unsafe { prefetch::behind(next.context_slot(), LINES_OF_FRAMES) };
}
