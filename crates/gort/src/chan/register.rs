//! Waiting for a channel among others, as an arm of a select, or as a future: a waiter is registered, and
//! forgotten when its wait is over.

use super::core::Core;
use super::slot::{Slot, Waiter};
use super::state::State;
use crate::clock::Deadline;
use crate::park::Ticket;
use crate::prim::atomic::{AtomicBool, Ordering::*};

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
    /// Does `put`, which adds a waiter to a list, if nobody has the lock and nothing at all is going on: what most arms of a
    /// select find. False: it is not done. Compiled without the call that waits for the lock, for which registers would be
    /// saved.
    ///
    /// `ready` is what is shown of the waiter's own direction, `partner` of the other.
    #[inline(always)]
    fn put_if_idle(
        &self,
        ready: &AtomicBool,
        partner: &AtomicBool,
        put: impl FnOnce(&mut State<T>),
    ) -> bool {
        if ready.load(Relaxed) {
            return false;
        }
        let Some(mut state) = self.state.try_lock() else { return false };
        // With the lock that is the truth: there is no partner, no message or room, no timer, and the channel is open.
        let idle = !ready.load(Relaxed);
        if idle {
            put(&mut state);
            partner.store(true, Relaxed);
        }
        idle
    }

    /// Puts `waiter` among the senders, unless the message could be sent at once.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until [`forget_sender`](Self::forget_sender)
    /// has returned or its wait was claimed with this arm; the slot holds a message.
    #[inline(always)]
    pub(crate) unsafe fn register_sender(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> Registered {
        let put = |state: &mut State<T>| {
            waiter.set(ticket, arm, slot);
            // SAFETY: by this function's contract.
            unsafe { state.senders.push(waiter) };
        };
        if self.put_if_idle(&self.writable, &self.readable, put) {
            return Registered::Waiting;
        }
        // SAFETY: by this function's contract.
        unsafe { self.register_sender_slow(waiter, slot, ticket, arm) }
    }

    /// # Safety
    /// As for [`register_sender`](Self::register_sender).
    #[cold]
    #[inline(never)]
    unsafe fn register_sender_slow(
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

    /// Puts `waiter` among the receivers, unless a message could be received at once.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until
    /// [`forget_receiver`](Self::forget_receiver) has returned or its wait was claimed with this
    /// arm; the slot is empty.
    #[inline(always)]
    pub(crate) unsafe fn register_receiver(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> Registered {
        let put = |state: &mut State<T>| {
            waiter.set(ticket, arm, slot);
            // SAFETY: by this function's contract.
            unsafe { state.receivers.push(waiter) };
        };
        if self.put_if_idle(&self.readable, &self.writable, put) {
            return Registered::Waiting;
        }
        // SAFETY: by this function's contract.
        unsafe { self.register_receiver_slow(waiter, slot, ticket, arm) }
    }

    /// # Safety
    /// As for [`register_receiver`](Self::register_receiver).
    #[cold]
    #[inline(never)]
    unsafe fn register_receiver_slow(
        &self,
        waiter: &Waiter<T>,
        slot: &Slot<T>,
        ticket: Ticket,
        arm: usize,
    ) -> Registered {
        let mut held = self.lock();
        let state = &mut *held;
        // As in `register_sender_slow`.
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
