//! What both ends of a channel share: a buffer and two lists of waiters behind one lock.
//!
//! `State` has what happens under the lock, `Core` what happens around it. The states, the invariants
//! I1 to I6 and the designs that were rejected are told in `mod.rs`.

use super::ring::Ring;
use super::timer::Timer;
use super::wait_list::{Slot, WaitList, Waiter};
use crate::clock::Deadline;
use crate::park::{self, Claim, Outcome, Ticket, Wait};
use crate::prim::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use crate::prim::{Arc, Lock, LockGuard};
use crate::select::next_random;
use std::fmt;
use std::ops::{Deref, DerefMut};

pub(crate) struct Core<T> {
    state: Lock<State<T>>,
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    /// Could a receive have gone ahead when the lock was given back last? For a look without it.
    readable: AtomicBool,
    /// The same of a send.
    writable: AtomicBool,
    /// Where the selects that have this channel first take their random numbers from.
    seed: AtomicU64,
}

/// What the lock guards; see `mod.rs` for its invariants.
struct State<T> {
    ring: Ring<T>,
    receivers: WaitList<T>,
    senders: WaitList<T>,
    closed: bool,
    /// What makes messages by itself in a receiver made by `after`, `at` or `tick`.
    timer: Option<Box<Timer<T>>>,
}

/// The right to the state.
struct Held<'a, T> {
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
        let state = &*self.state;
        let len = state.ring.len();
        let lasting = state.closed | state.timer.is_some();
        self.core.readable.store((len > 0) | !state.senders.is_empty() | lasting, Relaxed);
        let room = len < state.ring.capacity();
        self.core.writable.store(room | !state.receivers.is_empty() | state.closed, Relaxed);
    }
}

// SAFETY: the list's pointers lead to waiters that are only touched under the channel's lock, and
// to slots that one task at a time owns; the rest is messages, which are `Send`.
unsafe impl<T: Send> Send for State<T> {}

/// What came of an attempt to send the message in a slot.
#[must_use]
enum Sent {
    /// It is gone; if there is a claim, wake it after unlocking.
    Done(Option<Claim>),
    Full,
    /// There is capacity, but the ring has to grow first.
    OutOfSlots,
    Closed,
}

/// What came of an attempt to fill a slot with a message.
#[must_use]
enum Received {
    /// There it is; if there is a claim, wake it after unlocking.
    Done(Option<Claim>),
    /// Nothing; time will bring something at the deadline.
    Empty(Deadline),
    Closed,
}

/// How an operation that may have blocked ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    Done,
    TimedOut,
    Closed,
}

/// What a select's arm found when it was to be registered.
pub(crate) enum Registered {
    /// The arm is off.
    Off,
    /// It waits; it is worth another look at the deadline.
    Waiting(Deadline),
    /// It does not wait, as it could go ahead at once.
    Ready,
}

impl<T> State<T> {
    /// Can a message go into the buffer just like that?
    #[inline(always)]
    fn can_push(&self) -> bool {
        // False if the channel is closed, as the ring is shut then (by I5).
        self.ring.has_room() && self.receivers.is_empty()
    }

    /// Can a message come out of the buffer just like that?
    #[inline(always)]
    fn can_pop(&self) -> bool {
        self.ring.len() > 0 && self.senders.is_empty()
    }

    /// # Safety
    /// The caller owns the slot, and there is a message in it.
    #[inline(always)]
    unsafe fn send(&mut self, slot: &Slot<T>) -> Sent {
        if self.closed {
            return Sent::Closed;
        }
        if let Some((claim, theirs)) = self.receivers.claim_first() {
            // SAFETY: by this function's contract.
            let message = unsafe { slot.take() };
            // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is woken.
            let theirs = unsafe { &*theirs };
            // SAFETY: as above; a receiver's slot is empty while it waits.
            unsafe { theirs.fill(message) };
            return Sent::Done(Some(claim));
        }
        if self.ring.has_room() {
            // SAFETY: by this function's contract.
            if let Some(message) = unsafe { slot.take() } {
                // SAFETY: there is room.
                unsafe { self.ring.push(message) };
            }
            return Sent::Done(None);
        }
        if self.ring.len() < self.ring.capacity() { Sent::OutOfSlots } else { Sent::Full }
    }

    /// # Safety
    /// The caller owns the slot, and it is empty.
    #[inline(always)]
    unsafe fn recv(&mut self, slot: &Slot<T>) -> Received {
        if let Some(message) = self.ring.pop() {
            // SAFETY: by this function's contract.
            unsafe { slot.fill(Some(message)) };
            return Received::Done(self.refill());
        }
        if let Some((claim, theirs)) = self.senders.claim_first() {
            // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is woken.
            let theirs = unsafe { &*theirs };
            // SAFETY: as above.
            let message = unsafe { theirs.take() };
            // SAFETY: by this function's contract.
            unsafe { slot.fill(message) };
            return Received::Done(Some(claim));
        }
        if self.closed {
            return Received::Closed;
        }
        match &mut self.timer {
            None => Received::Empty(Deadline::NEVER),
            Some(timer) => match timer.fire() {
                None => Received::Empty(timer.due()),
                message => {
                    // SAFETY: by this function's contract.
                    unsafe { slot.fill(message) };
                    Received::Done(None)
                }
            },
        }
    }

    /// After a message was taken from the buffer: lets the first blocked sender's in.
    #[inline]
    fn refill(&mut self) -> Option<Claim> {
        if self.senders.is_empty() || self.ring.len() >= self.ring.capacity() {
            return None;
        }
        let (claim, theirs) = self.senders.claim_first()?;
        // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is woken.
        let theirs = unsafe { &*theirs };
        // SAFETY: as above.
        if let Some(message) = unsafe { theirs.take() } {
            // SAFETY: the ring held as many messages as the capacity while this sender waited (by I3),
            // so it has that many slots, and now there are fewer messages.
            unsafe { self.ring.push(message) };
        }
        Some(claim)
    }
}

impl<T> Core<T> {
    pub(super) fn new(capacity: usize, timer: Option<Box<Timer<T>>>) -> Arc<Self> {
        let readable = timer.is_some();
        Arc::new(Self {
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
            seed: AtomicU64::new(0),
        })
    }

    #[inline(always)]
    fn lock(&self) -> Held<'_, T> {
        Held { core: self, state: self.state.lock() }
    }

    // --- sending ---

    /// Sends at once if that can be done without blocking or growing.
    #[inline(always)]
    fn send_fast(&self, message: T) -> Result<(), (T, Held<'_, T>)> {
        let mut state = self.lock();
        if state.can_push() {
            // SAFETY: there is room.
            unsafe { state.ring.push(message) };
            return Ok(());
        }
        Err((message, state))
    }

    /// Sends, waiting for room or a receiver. If it is not done, the message comes back.
    #[inline(always)]
    pub(super) fn send(&self, message: T) -> Result<(), T> {
        match self.send_fast(message) {
            Ok(()) => Ok(()),
            Err((message, state)) => {
                let slot = Slot::new(Some(message));
                match self.send_slow(state, &slot, Deadline::NEVER) {
                    Ended::Done => Ok(()),
                    _ => Err(slot.into_inner().expect("an unsent message stays in its slot")),
                }
            }
        }
    }

    /// As [`send`](Self::send), until the deadline that `deadline` gives, or not waiting at all.
    #[inline(always)]
    pub(super) fn send_until(
        &self,
        message: T,
        deadline: impl FnOnce() -> Option<Deadline>,
    ) -> Result<(), (T, Ended)> {
        match self.send_fast(message) {
            Ok(()) => Ok(()),
            Err((message, state)) => {
                drop(state);
                let slot = Slot::new(Some(message));
                let ended = match deadline() {
                    Some(deadline) => self.send_slow(self.lock(), &slot, deadline),
                    // SAFETY: the slot is this function's own, and full.
                    None => unsafe { self.send_now(&slot) },
                };
                match slot.into_inner() {
                    None => Ok(()),
                    Some(message) => Err((message, ended)),
                }
            }
        }
    }

    /// Sends the message in the slot if that can be done without waiting.
    ///
    /// # Safety
    /// The caller owns the slot, and there is a message in it.
    #[inline(never)]
    pub(crate) unsafe fn send_now(&self, slot: &Slot<T>) -> Ended {
        loop {
            let mut state = self.lock();
            // SAFETY: by this function's contract.
            match unsafe { state.send(slot) } {
                Sent::Done(claim) => {
                    drop(state);
                    if let Some(claim) = claim {
                        claim.wake();
                    }
                    return Ended::Done;
                }
                Sent::Full => return Ended::TimedOut,
                Sent::Closed => return Ended::Closed,
                Sent::OutOfSlots => self.grow(state),
            }
        }
    }

    /// The rest of a send: to a waiting receiver, or into a ring that has to grow, or blocking.
    #[inline(never)]
    fn send_slow<'a>(
        &'a self,
        mut state: Held<'a, T>,
        slot: &Slot<T>,
        deadline: Deadline,
    ) -> Ended {
        loop {
            // SAFETY: the caller has just put the message into its slot.
            match unsafe { state.send(slot) } {
                Sent::Done(claim) => {
                    drop(state);
                    if let Some(claim) = claim {
                        claim.wake();
                    }
                    return Ended::Done;
                }
                Sent::Closed => return Ended::Closed,
                Sent::Full => return self.send_parked(state, slot, deadline),
                Sent::OutOfSlots => {
                    self.grow(state);
                    state = self.lock();
                }
            }
        }
    }

    #[inline(never)]
    fn send_parked<'a>(
        &'a self,
        mut state: Held<'a, T>,
        slot: &Slot<T>,
        deadline: Deadline,
    ) -> Ended {
        if deadline.has_passed() {
            return Ended::TimedOut;
        }
        park::with_task(|task| {
            let waiter = Waiter::new();
            waiter.set(task.arm(), 0, slot);
            // SAFETY: the waiter stays here until it is off the list: claimed, or forgotten below.
            unsafe { state.senders.push(&waiter) };
            drop(state);
            match park::block(task, deadline, Wait::Send) {
                Outcome::TIMED_OUT => {
                    self.forget_sender(&waiter);
                    Ended::TimedOut
                }
                Outcome::SHUTDOWN => {
                    self.forget_sender(&waiter);
                    // SAFETY: the wait is over, so the slot is its owner's again.
                    let _dropped_by_unwinding = unsafe { slot.take() };
                    park::unwind();
                }
                // SAFETY: as above.
                _ if unsafe { slot.is_full() } => Ended::Closed,
                _ => Ended::Done,
            }
        })
    }

    // --- receiving ---

    /// Receives at once if that can be done without blocking, and without a sender to wake.
    #[inline(always)]
    fn recv_fast(&self) -> Result<T, Held<'_, T>> {
        let mut state = self.lock();
        if state.can_pop()
            && let Some(message) = state.ring.pop()
        {
            return Ok(message);
        }
        Err(state)
    }

    /// Receives, waiting for a message. `None`: there will be none.
    #[inline(always)]
    pub(super) fn recv(&self) -> Option<T> {
        match self.recv_fast() {
            Ok(message) => Some(message),
            Err(state) => {
                let slot = Slot::new(None);
                self.recv_slow(state, &slot, Deadline::NEVER);
                slot.into_inner()
            }
        }
    }

    /// As [`recv`](Self::recv), until the deadline that `deadline` gives, or not waiting at all.
    #[inline(always)]
    pub(super) fn recv_until(
        &self,
        deadline: impl FnOnce() -> Option<Deadline>,
    ) -> Result<T, Ended> {
        match self.recv_fast() {
            Ok(message) => Ok(message),
            Err(state) => {
                drop(state);
                let slot = Slot::new(None);
                let ended = match deadline() {
                    Some(deadline) => self.recv_slow(self.lock(), &slot, deadline),
                    // SAFETY: the slot is this function's own, and empty.
                    None => unsafe { self.recv_now(&slot) },
                };
                slot.into_inner().ok_or(ended)
            }
        }
    }

    /// Receives into the slot if that can be done without waiting.
    ///
    /// # Safety
    /// The caller owns the slot, and it is empty.
    #[inline(never)]
    pub(crate) unsafe fn recv_now(&self, slot: &Slot<T>) -> Ended {
        let mut state = self.lock();
        // SAFETY: by this function's contract.
        match unsafe { state.recv(slot) } {
            Received::Done(claim) => {
                drop(state);
                if let Some(claim) = claim {
                    claim.wake();
                }
                Ended::Done
            }
            Received::Empty(_) => Ended::TimedOut,
            Received::Closed => Ended::Closed,
        }
    }

    /// The rest of a receive: from a blocked sender, or with one to wake, or blocking.
    #[inline(never)]
    fn recv_slow<'a>(
        &'a self,
        mut state: Held<'a, T>,
        slot: &Slot<T>,
        deadline: Deadline,
    ) -> Ended {
        loop {
            // SAFETY: the caller owns the slot, and nothing has come into it.
            let due = match unsafe { state.recv(slot) } {
                Received::Done(claim) => {
                    drop(state);
                    if let Some(claim) = claim {
                        claim.wake();
                    }
                    return Ended::Done;
                }
                Received::Closed => return Ended::Closed,
                Received::Empty(due) => due,
            };
            let ended = self.recv_parked(state, slot, deadline.min(due));
            if ended != Ended::TimedOut || deadline <= due {
                return ended;
            }
            // The timer is due, but another receiver may get there first.
            state = self.lock();
        }
    }

    #[inline(never)]
    fn recv_parked<'a>(
        &'a self,
        mut state: Held<'a, T>,
        slot: &Slot<T>,
        deadline: Deadline,
    ) -> Ended {
        if deadline.has_passed() {
            return Ended::TimedOut;
        }
        park::with_task(|task| {
            let waiter = Waiter::new();
            waiter.set(task.arm(), 0, slot);
            // SAFETY: the waiter stays here until it is off the list: claimed, or forgotten below.
            unsafe { state.receivers.push(&waiter) };
            drop(state);
            match park::block(task, deadline, Wait::Recv) {
                Outcome::TIMED_OUT => {
                    self.forget_receiver(&waiter);
                    Ended::TimedOut
                }
                Outcome::SHUTDOWN => {
                    self.forget_receiver(&waiter);
                    park::unwind();
                }
                // SAFETY: the wait is over, so the slot is its owner's again.
                _ if unsafe { slot.is_full() } => Ended::Done,
                _ => Ended::Closed,
            }
        })
    }

    // --- waiting with several arms, or as a future ---

    /// Puts `waiter` among the senders, unless the message could be sent at once.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until [`forget_sender`](Self::forget_sender)
    /// has returned or its wait was claimed with this arm; the slot holds a message.
    #[inline]
    pub(crate) unsafe fn register_sender(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> Registered {
        let mut held = self.lock();
        let state = &mut *held;
        // If the last sender is of the same wait, a receiver that came since has seen that one.
        if state.closed
            || state.ring.len() < state.ring.capacity()
            || !state.senders.ends_with(ticket) && state.receivers.has_open_but(ticket)
        {
            return Registered::Ready;
        }
        waiter.set(ticket, arm, slot);
        // SAFETY: by this function's contract.
        unsafe { state.senders.push(waiter) };
        Registered::Waiting(Deadline::NEVER)
    }

    /// Puts `waiter` among the receivers, unless a message could be received at once.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until
    /// [`forget_receiver`](Self::forget_receiver) has returned or its wait was claimed with this
    /// arm; the slot is empty.
    #[inline]
    pub(crate) unsafe fn register_receiver(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> Registered {
        let mut held = self.lock();
        let state = &mut *held;
        // As in `register_sender`.
        if state.closed
            || state.ring.len() > 0
            || !state.receivers.ends_with(ticket) && state.senders.has_open_but(ticket)
        {
            return Registered::Ready;
        }
        let due = match &state.timer {
            None => Deadline::NEVER,
            Some(timer) if timer.is_due() => return Registered::Ready,
            Some(timer) => timer.due(),
        };
        waiter.set(ticket, arm, slot);
        // SAFETY: by this function's contract.
        unsafe { state.receivers.push(waiter) };
        Registered::Waiting(due)
    }

    /// Takes a waiter whose wait is over off the list.
    pub(crate) fn forget_sender(&self, waiter: &Waiter<T>) {
        // SAFETY: it was put on no other list.
        unsafe { self.lock().senders.unlink(waiter) };
    }

    /// Takes a waiter whose wait is over off the list.
    pub(crate) fn forget_receiver(&self, waiter: &Waiter<T>) {
        // SAFETY: it was put on no other list.
        unsafe { self.lock().receivers.unlink(waiter) };
    }

    /// Gives a message back that was handed to a receiver which is not there to take it any more.
    /// It goes to another receiver that waits, or becomes the next one to be received, even if
    /// there is no capacity for it.
    #[cold]
    pub(crate) fn put_back(&self, message: T) {
        let slot = Slot::new(Some(message));
        loop {
            let mut state = self.lock();
            if let Some((claim, theirs)) = state.receivers.claim_first() {
                // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is
                // woken.
                let theirs = unsafe { &*theirs };
                // SAFETY: as above, and it is empty.
                unsafe { theirs.fill(slot.into_inner()) };
                drop(state);
                return claim.wake();
            }
            if !state.ring.is_out_of_slots() {
                if let Some(message) = slot.into_inner() {
                    // SAFETY: there is a free slot.
                    unsafe { state.ring.push_front(message) };
                }
                return;
            }
            self.grow(state);
        }
    }

    /// Gives the ring more slots, without the lock while it allocates.
    #[cold]
    #[inline(never)]
    fn grow(&self, state: Held<'_, T>) {
        let size = state.ring.next_size();
        drop(state);
        let slots = Box::new_uninit_slice(size);
        let unneeded = self.lock().ring.install(slots);
        drop(unneeded);
    }

    // --- the ends ---

    /// Closes the channel, and wakes everyone who waits for it.
    pub(super) fn close(&self) {
        {
            let mut state = self.lock();
            state.closed = true;
            state.ring.shut();
        }
        self.wake_all();
    }

    /// Closes the channel as its last receiver goes, and drops what nobody can receive any more.
    pub(super) fn abandon(&self) {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            state.ring.take()
        };
        self.wake_all();
        drop(left);
    }

    /// Wakes all waiters with their slots as they are, a handful at a time.
    fn wake_all(&self) {
        const HANDFUL: usize = 16;
        loop {
            let mut claims = [const { None }; HANDFUL];
            {
                let mut state = self.lock();
                debug_assert!(state.closed); // by I5, the lists only get shorter
                for claim in &mut claims {
                    let first = state.receivers.claim_first();
                    let first = first.or_else(|| state.senders.claim_first());
                    *claim = first.map(|(claim, _)| claim);
                }
            }
            let full = claims[HANDFUL - 1].is_some();
            claims.into_iter().flatten().for_each(Claim::wake);
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

    /// Is it worth trying to receive? A look without the lock, which may miss a message that has
    /// just been sent: for a select that looks again with the lock before it waits.
    #[inline(always)]
    pub(crate) fn looks_readable(&self) -> bool {
        self.readable.load(Relaxed)
    }

    /// Is it worth trying to send? As [`looks_readable`](Self::looks_readable).
    #[inline(always)]
    pub(crate) fn looks_writable(&self) -> bool {
        self.writable.load(Relaxed)
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
