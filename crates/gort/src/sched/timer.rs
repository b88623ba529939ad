//! A processor's timers: a four-ary heap of tickets, ordered by time.
//!
//! A timer is a [`Ticket`] and a time: when it is due, the wait is claimed as timed out. A wait that
//! ended early leaves its ticket behind, which then claims nothing; the heap counts such stale
//! entries and sweeps them out when they are more than half. So starting a wait with a timeout costs
//! one push and ending it costs one addition, with no search.
//!
//! `earliest` is what others look at without the lock: it is never later than the first entry's
//! time when the lock is free.

use crate::park::{Outcome, Ticket};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicU32, AtomicU64, Ordering::*};

/// No timer.
pub(crate) const NEVER: u64 = u64::MAX;

/// Claims in one go: a bound on how long the lock is held.
const BATCH: usize = 32;
/// Fewer stale entries than this are not worth a sweep.
const SWEEP_AT: u32 = 64;
const ARITY: usize = 4;

#[derive(Clone, Copy, Debug)]
struct Timer {
    when: u64,
    ticket: Ticket,
}

pub(crate) struct Timers {
    earliest: AtomicU64,
    stale: AtomicU32,
    heap: Lock<Vec<Timer>>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            earliest: AtomicU64::new(NEVER),
            stale: AtomicU32::new(0),
            heap: Lock::new(Vec::new()),
        }
    }

    /// The time of the first timer, or [`NEVER`].
    #[inline(always)]
    pub(crate) fn earliest(&self) -> u64 {
        self.earliest.load(Acquire)
    }

    #[cfg(all(test, not(loom)))]
    pub(crate) fn len(&self) -> usize {
        self.heap.lock().len()
    }

    /// Adds a timer; true if it is the first now.
    pub(crate) fn add(&self, when: u64, ticket: Ticket) -> bool {
        let mut heap = self.heap.lock();
        let stale = self.stale.load(Relaxed);
        if stale >= SWEEP_AT && stale as usize > heap.len() / 2 {
            self.sweep(&mut heap);
        }
        let last = heap.len();
        heap.push(Timer { when, ticket });
        sift_up(&mut heap, last);
        let first = heap[0].when;
        self.earliest.store(first, Release);
        first == when
    }

    /// Tells that a wait whose ticket was added here has ended early.
    #[inline]
    pub(crate) fn note_stale(&self) {
        self.stale.fetch_add(1, Relaxed);
    }

    #[cold]
    fn sweep(&self, heap: &mut Vec<Timer>) {
        self.stale.store(0, Relaxed);
        // SAFETY: tickets in here are goroutines', whose records stay as long as the runtime.
        heap.retain(|timer| unsafe { timer.ticket.is_open() });
        for index in (0..heap.len().div_ceil(ARITY)).rev() {
            sift_down(heap, index);
        }
    }

    /// Claims and wakes all waits that are due; returns how many were.
    pub(crate) fn fire(&self, now: u64) -> usize {
        let mut fired = 0;
        while self.earliest() <= now {
            let mut due = [const { None }; BATCH];
            let mut count = 0;
            {
                let mut heap = self.heap.lock();
                while count < BATCH && heap.first().is_some_and(|first| first.when <= now) {
                    let Timer { ticket, .. } = pop(&mut heap);
                    // Among many sleepers none of those who are due is in the cache.
                    ticket.prefetch();
                    due[count] = Some(ticket);
                    count += 1;
                }
                self.earliest.store(heap.first().map_or(NEVER, |first| first.when), Release);
            }
            for ticket in due.into_iter().flatten() {
                // SAFETY: tickets in here are goroutines', whose records stay as long as the runtime.
                if let Some(claim) = unsafe { ticket.claim(Outcome::TIMED_OUT) } {
                    claim.wake();
                    fired += 1;
                } else {
                    // One stale entry less. The count is only a hint: it may be off by a few.
                    let _ = self.stale.fetch_update(Relaxed, Relaxed, |stale| stale.checked_sub(1));
                }
            }
        }
        fired
    }

    /// Moves all timers to `other`.
    pub(crate) fn move_to(&self, other: &Timers) {
        let moved = {
            let mut heap = self.heap.lock();
            self.earliest.store(NEVER, Release);
            self.stale.store(0, Relaxed);
            std::mem::take(&mut *heap)
        };
        for timer in moved {
            other.add(timer.when, timer.ticket);
        }
    }
}

fn pop(heap: &mut Vec<Timer>) -> Timer {
    let first = heap.swap_remove(0);
    if !heap.is_empty() {
        sift_down(heap, 0);
    }
    first
}

fn sift_up(heap: &mut [Timer], mut index: usize) {
    let timer = heap[index];
    while index > 0 {
        let parent = (index - 1) / ARITY;
        if heap[parent].when <= timer.when {
            break;
        }
        heap[index] = heap[parent];
        index = parent;
    }
    heap[index] = timer;
}

fn sift_down(heap: &mut [Timer], mut index: usize) {
    let timer = heap[index];
    loop {
        let first = index * ARITY + 1;
        let children = first..(first + ARITY).min(heap.len());
        let Some(least) = children.min_by_key(|&child| heap[child].when) else { break };
        if heap[least].when >= timer.when {
            break;
        }
        heap[index] = heap[least];
        index = least;
    }
    heap[index] = timer;
}

/// loom models of calls that are stopped, or set to another time, while they fire: what `Later` does.
///
/// Seen to fail: a wait that is armed anew with the number of the one before; a stop that wakes.
#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::park::Task;
    use crate::prim::model;
    use crate::prim::{Arc, thread};
    use std::ptr::NonNull;

    /// A goroutine that is to start when its wait ends, and how often it has.
    #[repr(C)]
    struct Call {
        task: Task,
        starts: AtomicU32,
    }

    unsafe fn start(task: NonNull<Task>) {
        // SAFETY: the task is the head of a call, which stays until the model ends.
        unsafe { task.cast::<Call>().as_ref() }.starts.fetch_add(1, Relaxed);
    }

    struct World {
        timers: Timers,
        call: Call,
    }

    impl World {
        /// A call that is due at 10.
        fn new() -> (Arc<World>, Ticket) {
            let call = Call { task: Task::new(start), starts: AtomicU32::new(0) };
            let world = Arc::new(World { timers: Timers::new(), call });
            let ticket = world.arm(10);
            (world, ticket)
        }

        fn arm(&self, when: u64) -> Ticket {
            let ticket = self.call.task.arm_parked();
            self.timers.add(when, ticket);
            ticket
        }

        /// Becomes the call's owner.
        fn claim(&self, ticket: Ticket) -> bool {
            // SAFETY: the call stays until the model ends.
            let Some(claim) = (unsafe { ticket.claim(Outcome::arm(0)) }) else { return false };
            claim.take_over();
            self.timers.note_stale();
            true
        }

        fn starts(&self) -> u32 {
            self.call.starts.load(Relaxed)
        }
    }

    fn fire(world: &Arc<World>, now: u64) -> thread::JoinHandle<usize> {
        let world = world.clone();
        thread::spawn(move || world.timers.fire(now))
    }

    #[test]
    fn a_call_is_stopped_or_starts_once() {
        model(|| {
            let (world, ticket) = World::new();
            let machines = [fire(&world, 10), fire(&world, 15)];
            let stopped = world.claim(ticket);
            let fired: usize = machines.map(|machine| machine.join().unwrap()).into_iter().sum();
            assert_eq!(fired, usize::from(!stopped));
            assert_eq!(world.starts(), u32::from(!stopped));
            assert!(!world.claim(ticket));
        });
    }

    #[test]
    fn a_call_that_is_set_anew_starts_at_its_new_time() {
        model(|| {
            let (world, ticket) = World::new();
            let machine = fire(&world, 10);
            let anew = world.claim(ticket).then(|| world.arm(20));
            let fired = machine.join().unwrap();
            assert_eq!(fired, usize::from(anew.is_none()), "not for the time it had before");
            assert_eq!(world.timers.fire(20), usize::from(anew.is_some()));
            assert_eq!(world.starts(), 1);
        });
    }

    #[test]
    fn a_call_that_is_set_anew_and_stopped_does_not_start() {
        model(|| {
            let (world, ticket) = World::new();
            let machines = [fire(&world, 10), fire(&world, 20)];
            let stopped = world.claim(ticket) && world.claim(world.arm(20));
            machines.map(|machine| machine.join().unwrap());
            assert_eq!(world.starts(), u32::from(!stopped));
        });
    }
}
