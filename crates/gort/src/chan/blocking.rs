//! Sending and receiving: at once, or parked until it can be done.

use super::core::{Core, Ended, Held};
use super::slot::{Slot, Waiter};
use super::state::{Received, Sent};
use crate::clock::Deadline;
use crate::park::{self, Outcome, Wait};

impl<T> Core<T> {
    // --- sending ---

    /// Sends at once if that can be done without blocking or growing.
    #[inline(always)]
    fn send_fast(&self, message: T) -> Result<(), (T, Held<'_, T>)> {
        let mut state = self.lock();
        if state.can_push() {
            // SAFETY: there is room.
            let place = unsafe { state.ring.push() };
            // SAFETY: that is a free slot.
            unsafe { place.write(message) };
            return Ok(());
        }
        Err((message, state))
    }

    /// Sends, waiting for room or a receiver. If it is not done, the message comes back.
    #[inline(always)]
    pub(super) fn send(&self, message: T) -> Result<(), T> {
        self.send_or(message, |state, slot| self.send_slow(state, slot, Deadline::NEVER))
            .map_err(|(message, _)| message)
    }

    /// As [`send`](Self::send), until the deadline that `deadline` gives.
    #[inline(always)]
    pub(super) fn send_until(
        &self,
        message: T,
        deadline: impl FnOnce() -> Deadline,
    ) -> Result<(), (T, Ended)> {
        self.send_or(message, |state, slot| {
            // Not under the lock, as it takes a look at the clock.
            drop(state);
            let deadline = deadline();
            self.send_slow(self.lock(), slot, deadline)
        })
    }

    /// Sends if that can be done without waiting.
    #[inline(always)]
    pub(super) fn try_send(&self, message: T) -> Result<(), (T, Ended)> {
        self.send_or(message, |state, slot| {
            if state.would_block_send() {
                return Ended::TimedOut;
            }
            drop(state);
            // SAFETY: the slot is `send_or`'s own, and full.
            unsafe { self.send_now(slot) }
        })
    }

    #[inline(always)]
    fn send_or(
        &self,
        message: T,
        otherwise: impl FnOnce(Held<'_, T>, &Slot<T>) -> Ended,
    ) -> Result<(), (T, Ended)> {
        let Err((message, state)) = self.send_fast(message) else { return Ok(()) };
        let slot = Slot::new(Some(message));
        gort_context::wipe_below();
        let ended = otherwise(state, &slot);
        match slot.into_inner() {
            None => Ok(()),
            Some(message) => Err((message, ended)),
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
        park::with_room(|task, place| {
            let waiter = Waiter::armed_in(place, task.arm(), 0, slot);
            // SAFETY: the waiter stays here until it is off the list: claimed, or forgotten below.
            unsafe { state.senders.push(waiter) };
            drop(state);
            match park::block(task, deadline, Wait::Send) {
                Outcome::TIMED_OUT => {
                    self.forget_sender(waiter);
                    Ended::TimedOut
                }
                Outcome::SHUTDOWN => {
                    self.forget_sender(waiter);
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
            // SAFETY: the message was just counted off.
            return Ok(unsafe { message.read() });
        }
        Err(state)
    }

    /// Receives, waiting for a message. `None`: there will be none.
    #[inline(always)]
    pub(super) fn recv(&self) -> Option<T> {
        self.recv_or(|state, slot| self.recv_slow(state, slot, Deadline::NEVER)).ok()
    }

    /// As [`recv`](Self::recv), until the deadline that `deadline` gives.
    #[inline(always)]
    pub(super) fn recv_until(&self, deadline: impl FnOnce() -> Deadline) -> Result<T, Ended> {
        self.recv_or(|state, slot| {
            // Not under the lock, as it takes a look at the clock.
            drop(state);
            let deadline = deadline();
            self.recv_slow(self.lock(), slot, deadline)
        })
    }

    /// Receives if that can be done without waiting.
    #[inline(always)]
    pub(super) fn try_recv(&self) -> Result<T, Ended> {
        self.recv_or(|state, slot| {
            if state.would_block_recv() {
                return Ended::TimedOut;
            }
            drop(state);
            // SAFETY: the slot is `recv_or`'s own, and empty.
            unsafe { self.recv_now(slot) }
        })
    }

    #[inline(always)]
    fn recv_or(&self, otherwise: impl FnOnce(Held<'_, T>, &Slot<T>) -> Ended) -> Result<T, Ended> {
        self.recv_fast().or_else(|state| {
            let slot = Slot::new(None);
            gort_context::wipe_below();
            let ended = otherwise(state, &slot);
            slot.into_inner().ok_or(ended)
        })
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
        let mut is_last = false;
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
                Received::Empty(_) if is_last => return Ended::TimedOut,
                Received::Empty(due) => due,
            };
            let wake = due.map_or(deadline, |due| deadline.min(due));
            let ended = self.recv_parked(state, slot, wake);
            if ended != Ended::TimedOut || due.is_none() {
                return ended;
            }
            // The timer is due, but another receiver may get there first; or it was set anew. What was due
            // no later than the deadline is received, however late it is now.
            is_last = deadline.has_passed();
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
        park::with_room(|task, place| {
            let waiter = Waiter::armed_in(place, task.arm(), 0, slot);
            // SAFETY: the waiter stays here until it is off the list: claimed, or forgotten below.
            unsafe { state.receivers.push(waiter) };
            drop(state);
            match park::block(task, deadline, Wait::Recv) {
                Outcome::TIMED_OUT => {
                    self.forget_receiver(waiter);
                    Ended::TimedOut
                }
                Outcome::SHUTDOWN => {
                    self.forget_receiver(waiter);
                    park::unwind();
                }
                // SAFETY: the wait is over, so the slot is its owner's again.
                _ if unsafe { slot.is_full() } => Ended::Done,
                _ => Ended::Closed,
            }
        })
    }
}
