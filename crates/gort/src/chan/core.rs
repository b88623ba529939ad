//! What both ends of a channel share: a buffer and two lists of waiters behind one lock.
//!
//! `state` has what happens under the lock, `blocking` how to send and receive, `register` how to wait for
//! several channels. The states, the invariants I1 to I6 and the designs that were rejected are told in `mod.rs`.

use super::ring::Ring;
use super::slot::{Slot, WaitList};
use super::state::State;
use super::timer::Timer;
use crate::park::future;
use crate::park::queue::AnyClaim;
use crate::prim::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use crate::prim::{Arc, Lock, LockGuard};
use crate::select::next_random;
use std::fmt;
use std::ops::{Deref, DerefMut};

pub(crate) struct Core<T> {
    pub(super) state: Lock<State<T>>,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// Everybody gets at the receiver, so it does not close the channel.
    lent: bool,
    /// Nothing ever comes, nor does anybody close the channel.
    silent: bool,
    /// Could a receive have gone ahead when the lock was given back last? For a look without it.
    pub(super) readable: AtomicBool,
    /// The same of a send.
    pub(super) writable: AtomicBool,
    /// Where the selects that have this channel first take their random numbers from.
    seed: AtomicU64,
}

/// The right to the state.
pub(super) struct Held<'a, T> {
    core: &'a Core<T>,
    state: LockGuard<'a, State<T>>,
}

impl<T> Deref for Held<'_, T> {
    type Target = State<T>;

    #[inline(always)]
    fn deref(&self) -> &State<T> {
        &self.state
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut State<T> {
        &mut self.state
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.core.show_readable(&self.state);
        self.core.show_writable(&self.state);
    }
}

/// How an operation that may have blocked ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Done,
    TimedOut,
    Closed,
}

impl<T> Core<T> {
    pub(super) fn new(capacity: usize, timer: Option<Timer<T>>) -> Arc<Self> {
        Arc::new(Self::build(capacity, timer))
    }

    /// Without a buffer, and only its senders close it.
    #[cfg(not(loom))]
    pub(super) fn lent() -> Arc<Self> {
        Arc::new(Self { lent: true, ..Self::build(0, None) })
    }

    /// Without senders, and nobody closes it.
    #[cfg(not(loom))]
    pub(super) fn silent() -> Arc<Self> {
        Arc::new(Self { lent: true, silent: true, ..Self::build(0, None) })
    }

    fn build(capacity: usize, timer: Option<Timer<T>>) -> Self {
        let readable = timer.is_some();
        Self {
            state: Lock::new(State {
                ring: Ring::new(capacity),
                receivers: WaitList::new(),
                senders: WaitList::new(),
                closed: false,
                timer,
            }),
            readable: AtomicBool::new(readable),
            writable: AtomicBool::new(capacity > 0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
            lent: false,
            silent: false,
            seed: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    pub(super) fn lock(&self) -> Held<'_, T> {
        Held { core: self, state: self.state.lock() }
    }

    /// To be called with the lock before it is given back.
    #[inline(always)]
    pub(super) fn show_readable(&self, state: &State<T>) {
        let lasting = state.closed | state.timer.is_some();
        let readable = (state.ring.len() > 0) | !state.senders.is_empty() | lasting;
        self.readable.store(readable, Relaxed);
    }

    /// As [`show_readable`](Self::show_readable).
    #[inline(always)]
    pub(super) fn show_writable(&self, state: &State<T>) {
        let room = state.ring.len() < state.ring.capacity();
        let writable = room | !state.receivers.is_empty() | state.closed;
        self.writable.store(writable, Relaxed);
    }

    /// Gives a message back that was handed to a receiver which is not there to take it any more.
    /// It goes to another receiver that waits, or becomes the next one to be received, even if
    /// there is no capacity for it. One of a timer that was set anew meanwhile is dropped.
    #[cold]
    pub(crate) fn put_back(&self, message: T) {
        let slot = Slot::new(Some(message));
        loop {
            let mut state = self.lock();
            if let Some(timer) = &state.timer
                // SAFETY: this slot is this function's own.
                && !unsafe { slot.peek() }.is_some_and(|message| timer.has_sent(message))
            {
                return; // it is an `Instant`, whose drop is no user code
            }
            if let Some((claim, theirs)) = state.receivers.claim_first() {
                // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is
                // woken.
                let theirs = unsafe { &*theirs };
                // SAFETY: as above, and it is empty; this slot is this function's own.
                unsafe { slot.move_to(theirs) };
                drop(state);
                return claim.wake();
            }
            if !state.ring.is_out_of_slots() {
                // SAFETY: there is a free slot.
                let place = unsafe { state.ring.push_front() };
                // SAFETY: this slot is this function's own, and full.
                unsafe { slot.empty_to(place) };
                return;
            }
            self.grow(state);
        }
    }

    /// Gives the ring more slots, without the lock while it allocates.
    #[cold]
    #[inline(never)]
    pub(super) fn grow(&self, state: Held<'_, T>) {
        let size = state.ring.next_size();
        drop(state);
        let slots = Box::new_uninit_slice(size);
        let unneeded = self.lock().ring.install(slots);
        drop(unneeded);
    }

    // --- the ends ---

    /// Closes the channel, and wakes everyone who waits for it.
    pub(super) fn close(&self) {
        let alone = {
            let mut state = self.lock();
            state.close()
        };
        if !alone {
            self.wake_all();
        }
    }

    /// Closes the channel, unless it is not for receivers to do that.
    pub(super) fn close_by_receiver(&self) {
        if !self.lent {
            self.close();
        }
    }

    /// Closes the channel as its last receiver goes, and drops what nobody can receive any more.
    pub(super) fn abandon(&self) {
        let (alone, left) = {
            let mut state = self.lock();
            (state.close(), state.ring.take())
        };
        if !alone {
            self.wake_all();
        }
        drop(left);
    }

    /// Wakes all waiters with their slots as they are, a handful at a time.
    #[cold]
    fn wake_all(&self) {
        const HANDFUL: usize = 16;
        loop {
            let mut claims = [const { None }; HANDFUL];
            {
                let mut state = self.lock();
                debug_assert!(state.closed); // by I5, the lists only get shorter
                for claim in &mut claims {
                    let first = state.receivers.claim_first_of_many();
                    *claim = first.or_else(|| state.senders.claim_first_of_many());
                }
            }
            let full = claims[HANDFUL - 1].is_some();
            let wakers = claims.map(|claim| claim.and_then(AnyClaim::end));
            wakers.into_iter().flatten().for_each(future::wake);
            if !full {
                return;
            }
        }
    }

    // --- looking ---

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn capacity(&self) -> usize {
        let state = self.lock();
        if state.timer.is_some() { 1 } else { state.ring.capacity() }
    }

    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        let due = !state.closed && state.timer.as_ref().is_some_and(|timer| timer.is_due());
        state.ring.len() + usize::from(due)
    }

    /// For the `Debug` of an end.
    pub(super) fn show(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        f.debug_struct(name)
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }

    /// Is it in vain to wait for a message, or the end?
    #[inline(always)]
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Is it worth trying to receive? A look without the lock, which may miss a message that has
    /// just been sent: for a select that looks again with the lock before it waits or gives up.
    #[inline(always)]
    pub(crate) fn looks_readable(&self) -> bool {
        self.readable.load(Relaxed)
    }

    /// Is it worth trying to send? As [`looks_readable`](Self::looks_readable).
    #[inline(always)]
    pub(crate) fn looks_writable(&self) -> bool {
        self.writable.load(Relaxed)
    }

    /// As [`looks_readable`](Self::looks_readable), with the lock: misses nothing.
    #[inline(always)]
    pub(crate) fn is_readable(&self) -> bool {
        !self.state.lock().would_block_recv()
    }

    #[inline(always)]
    pub(crate) fn is_writable(&self) -> bool {
        !self.state.lock().would_block_send()
    }

    /// A random number for a select.
    #[inline]
    pub(crate) fn next_random(&self) -> u64 {
        // Two that race get the same number, which does no harm.
        let mut seed = self.seed.load(Relaxed);
        if seed == 0 {
            seed = Self::first_seed();
        }
        let random = next_random(seed);
        self.seed.store(random, Relaxed);
        random
    }

    /// Channels start differently, else of two that are made for one select each, always the same
    /// would win.
    #[cold]
    fn first_seed() -> u64 {
        // Not loom's: a model must do the same in every run.
        use std::sync::atomic::AtomicU64;
        static CHANNELS: AtomicU64 = AtomicU64::new(1);
        if cfg!(loom) {
            return 1;
        }
        CHANNELS.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed)
    }
}
