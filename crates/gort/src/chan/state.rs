//! What a channel's lock guards, and what happens under it.
//!
//! No user code runs here and nothing is allocated (I1). What is sent and received goes from slot to
//! slot by pointer, as messages may be large and stacks are small.

use super::ring::Ring;
use super::slot::{Slot, WaitList};
use super::timer::Timer;
use crate::clock::Deadline;
use crate::park::Claim;
use std::mem::ManuallyDrop;

/// What the lock guards; see `mod.rs` for its invariants.
pub(super) struct State<T> {
    pub(super) ring: Ring<T>,
    pub(super) receivers: WaitList<T>,
    pub(super) senders: WaitList<T>,
    pub(super) closed: bool,
    /// What makes messages by itself in a receiver made by `after`, `at` or `tick`.
    pub(super) timer: Option<Timer<T>>,
}

// SAFETY: the list's pointers lead to waiters that are only touched under the channel's lock, and
// to slots that one task at a time owns; the rest is messages, which are `Send`.
unsafe impl<T: Send> Send for State<T> {}

/// What came of an attempt to send the message in a slot.
#[must_use]
pub(super) enum Sent {
    /// It is gone; if there is a claim, wake it after unlocking.
    Done(Option<Claim>),
    Full,
    /// There is capacity, but the ring has to grow first.
    OutOfSlots,
    Closed,
}

/// What came of an attempt to fill a slot with a message.
#[must_use]
pub(super) enum Received {
    /// There it is; if there is a claim, wake it after unlocking.
    Done(Option<Claim>),
    /// Nothing. Time will bring something at the deadline, in a receiver that time sends to, unless that
    /// is changed meanwhile.
    Empty(Option<Deadline>),
    Closed,
}

impl<T> State<T> {
    /// Can a message go into the buffer just like that?
    #[inline(always)]
    pub(super) fn can_push(&self) -> bool {
        // False if the channel is closed, as the ring is shut then (by I5).
        self.ring.has_room() && self.receivers.is_empty()
    }

    /// Can a message come out of the buffer just like that?
    #[inline(always)]
    pub(super) fn can_pop(&self) -> bool {
        self.ring.len() > 0 && self.senders.is_empty()
    }

    /// Is there nobody to send to, and no room? False means to try.
    #[inline(always)]
    pub(super) fn would_block_send(&self) -> bool {
        self.ring.len() >= self.ring.capacity() && self.receivers.is_empty() && !self.closed
    }

    /// Is there nothing to receive? False means to try.
    #[inline(always)]
    pub(super) fn would_block_recv(&self) -> bool {
        let is_lasting = self.closed || self.timer.is_some();
        self.ring.len() == 0 && self.senders.is_empty() && !is_lasting
    }

    /// # Safety
    /// The caller owns the slot, and there is a message in it.
    #[inline(always)]
    pub(super) unsafe fn send(&mut self, slot: &Slot<T>) -> Sent {
        if self.closed {
            return Sent::Closed;
        }
        if let Some((claim, theirs)) = self.receivers.claim_first() {
            // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is woken.
            let theirs = unsafe { &*theirs };
            // SAFETY: by this function's contract; a receiver's slot is empty while it waits.
            unsafe { slot.move_to(theirs) };
            return Sent::Done(Some(claim));
        }
        if self.ring.has_room() {
            // SAFETY: there is room.
            let place = unsafe { self.ring.push() };
            // SAFETY: by this function's contract.
            unsafe { slot.empty_to(place) };
            return Sent::Done(None);
        }
        if self.ring.len() < self.ring.capacity() { Sent::OutOfSlots } else { Sent::Full }
    }

    /// # Safety
    /// The caller owns the slot, and it is empty.
    #[inline(always)]
    pub(super) unsafe fn recv(&mut self, slot: &Slot<T>) -> Received {
        if let Some(message) = self.ring.pop() {
            // SAFETY: by this function's contract.
            unsafe { slot.fill_from(message) };
            return Received::Done(self.refill());
        }
        if let Some((claim, theirs)) = self.senders.claim_first() {
            // SAFETY: the slot of a claimed waiter is there, and is the claimer's, until it is woken.
            let theirs = unsafe { &*theirs };
            // SAFETY: as above, and by this function's contract.
            unsafe { theirs.move_to(slot) };
            return Received::Done(Some(claim));
        }
        if self.closed {
            return Received::Closed;
        }
        if self.timer.is_none() {
            return Received::Empty(None);
        }
        // SAFETY: by this function's contract.
        unsafe { self.recv_from_timer(slot) }
    }

    /// # Safety
    /// The caller owns the slot, and it is empty.
    #[cold]
    #[inline(never)]
    unsafe fn recv_from_timer(&mut self, slot: &Slot<T>) -> Received {
        let Some(timer) = &mut self.timer else { return Received::Empty(None) };
        let Some(message) = timer.fire() else { return Received::Empty(Some(timer.due())) };
        // SAFETY: by this function's contract; the message is not used otherwise.
        unsafe { slot.fill_from(&*ManuallyDrop::new(message)) };
        Received::Done(None)
    }

    /// Closes the channel. True if there is nobody to be woken.
    pub(super) fn close(&mut self) -> bool {
        self.closed = true;
        self.ring.shut();
        self.receivers.is_empty() && self.senders.is_empty()
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
        // SAFETY: the ring held as many messages as the capacity while this sender waited (by I3),
        // so it has that many slots, and now there are fewer messages.
        let place = unsafe { self.ring.push() };
        // SAFETY: as above; a sender's slot is full while it waits.
        unsafe { theirs.empty_to(place) };
        Some(claim)
    }
}
