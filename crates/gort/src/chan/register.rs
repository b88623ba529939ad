//! Waiting for a channel among others, as an arm of a select, or as a future: a waiter is registered, and
//! forgotten when its wait is over.

use super::core::Core;
use super::slot::{Slot, Waiter};
use crate::clock::Deadline;
use crate::park::Ticket;
use crate::prim::atomic::Ordering::*;

/// What a select's arm found when it was to be registered.
pub(crate) enum Registered {
    /// The arm is off.
    Off,
    /// It waits.
    Waiting,
    /// It waits; it is worth another look at the deadline.
    Until(Deadline),
    /// It does not wait, as it could go ahead at once.
    Ready,
}

impl<T> Core<T> {
    /// As [`register_sender`](Self::register_sender), if nobody has the lock and nothing at all is going on: what
    /// most arms of a select find. False: it is not done.
    ///
    /// # Safety
    /// As for [`register_sender`](Self::register_sender).
    #[inline(always)]
    pub(crate) unsafe fn register_idle_sender(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> bool {
        if self.looks_writable() {
            return false;
        }
        let Some(mut state) = self.state.try_lock() else { return false };
        // With the lock that is the truth: there is no room and no receiver, and the channel is open.
        let idle = !self.looks_writable();
        if idle {
            waiter.set(ticket, arm, slot);
            // SAFETY: by this function's contract.
            unsafe { state.senders.push(waiter) };
            self.readable.store(true, Relaxed);
        }
        idle
    }

    /// Puts `waiter` among the senders, unless the message could be sent at once.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until [`forget_sender`](Self::forget_sender)
    /// has returned or its wait was claimed with this arm; the slot holds a message.
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
        Registered::Waiting
    }

    /// As [`register_idle_sender`](Self::register_idle_sender), of [`register_receiver`](Self::register_receiver).
    ///
    /// # Safety
    /// As for [`register_receiver`](Self::register_receiver).
    #[inline(always)]
    pub(crate) unsafe fn register_idle_receiver(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> bool {
        if self.looks_readable() {
            return false;
        }
        let Some(mut state) = self.state.try_lock() else { return false };
        // With the lock that is the truth: there is no message, no sender and no timer, and the channel is open.
        let idle = !self.looks_readable();
        if idle {
            waiter.set(ticket, arm, slot);
            // SAFETY: by this function's contract.
            unsafe { state.receivers.push(waiter) };
            self.writable.store(true, Relaxed);
        }
        idle
    }

    /// Puts `waiter` among the receivers, unless a message could be received at once.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until
    /// [`forget_receiver`](Self::forget_receiver) has returned or its wait was claimed with this
    /// arm; the slot is empty.
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
        let due = state.timer.as_ref().map(|timer| (timer.is_due(), timer.due()));
        if let Some((true, _)) = due {
            return Registered::Ready;
        }
        waiter.set(ticket, arm, slot);
        // SAFETY: by this function's contract.
        unsafe { state.receivers.push(waiter) };
        due.map_or(Registered::Waiting, |(_, due)| Registered::Until(due))
    }

    /// Takes a waiter whose wait is over off the list.
    #[inline]
    pub(crate) fn forget_sender(&self, waiter: &Waiter<T>) {
        if waiter.is_off() {
            return;
        }
        self.state.with(|state| {
            // SAFETY: it was put on no other list.
            unsafe { state.senders.unlink(waiter) };
            self.show_readable(state);
        });
    }

    /// Takes a waiter whose wait is over off the list.
    #[inline]
    pub(crate) fn forget_receiver(&self, waiter: &Waiter<T>) {
        if waiter.is_off() {
            return;
        }
        self.state.with(|state| {
            // SAFETY: it was put on no other list.
            unsafe { state.receivers.unlink(waiter) };
            self.show_writable(state);
        });
    }
}
