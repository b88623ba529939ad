//! Who waits for a channel: a list in order of arrival, linked through the waiters' own stacks.
//!
//! A [`Waiter`] is a node on the stack of a blocked call (or within a select's arm, or a future).
//! Its links belong to the list, that is, to whoever holds the channel's lock. What passes between
//! the two sides is a [`Slot`]: a blocked receiver's is empty, and a sender fills it; a blocked
//! sender's is full, and a receiver empties it. A slot that is as it was when the waiter is woken
//! tells it that the channel was closed.

use crate::park::{Claim, Outcome, Ticket};
use crate::prim::UnsafeCell;
use std::cell::Cell;
use std::ptr;

/// A place for one message on its way between two tasks.
///
/// The waiter owns it; while its wait is claimed, the claimer does, until it calls `Claim::wake`.
pub(crate) struct Slot<T>(UnsafeCell<Option<T>>);

impl<T> Slot<T> {
    #[inline(always)]
    pub(crate) fn new(message: Option<T>) -> Self {
        Self(UnsafeCell::new(message))
    }

    /// Takes the message out.
    ///
    /// # Safety
    /// The caller owns the slot at this moment.
    #[inline(always)]
    pub(crate) unsafe fn take(&self) -> Option<T> {
        // SAFETY: the owner is the only one to touch it.
        self.0.with_mut(|slot| unsafe { (*slot).take() })
    }

    /// Is there a message?
    ///
    /// # Safety
    /// The caller owns the slot at this moment.
    #[inline(always)]
    pub(crate) unsafe fn is_full(&self) -> bool {
        // SAFETY: the owner is the only one to touch it.
        self.0.with(|slot| unsafe { (*slot).is_some() })
    }

    /// Puts the message at `from` into the empty slot.
    ///
    /// # Safety
    /// The caller owns the slot at this moment, and it is empty; it also owns the message, which is
    /// here from now on.
    #[inline(always)]
    pub(crate) unsafe fn fill_from(&self, from: *const T) {
        self.0.with_mut(|slot| {
            // SAFETY: by this function's contract.
            let message = unsafe { from.read() };
            // SAFETY: the owner is the only one to touch it; what is overwritten is an empty slot.
            unsafe { slot.write(Some(message)) }
        });
    }

    /// Moves the message to `to`.
    ///
    /// # Safety
    /// The caller owns the slot at this moment, and there is a message in it; `to` is free memory
    /// for a message.
    #[inline(always)]
    pub(crate) unsafe fn empty_to(&self, to: *mut T) {
        self.0.with_mut(|slot| {
            // SAFETY: the owner is the only one to touch it.
            let message = unsafe { (*slot).as_ref() };
            debug_assert!(message.is_some());
            // SAFETY: by this function's contract.
            let message = unsafe { message.unwrap_unchecked() };
            // By pointer: a message may be large, and this is called on small stacks.
            // SAFETY: both are places for a message, and `to` is free.
            unsafe { ptr::copy_nonoverlapping(message, to, 1) };
            // SAFETY: the owner is the only one to touch it; what is overwritten has moved on.
            unsafe { slot.write(None) }
        });
    }

    /// Moves what is in this slot over to `to`.
    ///
    /// # Safety
    /// The caller owns both slots at this moment, and `to` is empty.
    #[inline(always)]
    pub(crate) unsafe fn move_to(&self, to: &Slot<T>) {
        self.0.with_mut(|from| {
            // SAFETY: the owner is the only one to touch them, and an empty one needs no drop.
            to.0.with_mut(|to| unsafe { ptr::copy_nonoverlapping(from, to, 1) });
            // SAFETY: as above; what is overwritten has moved on.
            unsafe { from.write(None) }
        });
    }

    #[inline(always)]
    pub(crate) fn into_inner(self) -> Option<T> {
        // SAFETY: whoever has it by value owns it.
        unsafe { self.take() }
    }
}

/// One wait of one task at one end of one channel.
pub(crate) struct Waiter<T> {
    next: Cell<*const Waiter<T>>,
    prev: Cell<*const Waiter<T>>,
    /// What to claim; `None` before the first wait.
    ticket: Cell<Option<Ticket>>,
    slot: Cell<*const Slot<T>>,
    /// The outcome to claim with: the number of the arm in a select.
    arm: Cell<u32>,
    /// Is it in the list?
    linked: Cell<bool>,
}

impl<T> Waiter<T> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            ticket: Cell::new(None),
            slot: Cell::new(ptr::null()),
            arm: Cell::new(0),
            linked: Cell::new(false),
        }
    }

    /// Makes it ready for a wait. It is in no list.
    #[inline(always)]
    pub(crate) fn set(&self, ticket: Ticket, arm: usize, slot: &Slot<T>) {
        debug_assert!(!self.linked.get());
        self.ticket.set(Some(ticket));
        self.slot.set(slot);
        self.arm.set(arm as u32);
    }
}

/// A list of waiters in order of arrival.
///
/// Invariant: whatever is linked is alive and stays in place (the promise made to
/// [`push`](Self::push)), so that who holds the list may follow its links.
pub(super) struct WaitList<T> {
    head: *const Waiter<T>,
    tail: *const Waiter<T>,
}

impl<T> WaitList<T> {
    pub(super) fn new() -> Self {
        Self { head: ptr::null(), tail: ptr::null() }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends `waiter`, which was [`set`](Waiter::set) and is in no list.
    ///
    /// # Safety
    /// The waiter and its slot stay alive and in place until the waiter is off the list (which
    /// [`claim_first`](Self::claim_first) or [`unlink`](Self::unlink) see to), and the slot until
    /// its wait is over.
    #[inline(always)]
    pub(super) unsafe fn push(&mut self, waiter: &Waiter<T>) {
        waiter.next.set(ptr::null());
        waiter.prev.set(self.tail);
        waiter.linked.set(true);
        // SAFETY: the tail is null or linked, and so alive.
        match unsafe { self.tail.as_ref() } {
            Some(tail) => tail.next.set(waiter),
            None => self.head = waiter,
        }
        self.tail = waiter;
    }

    /// Takes `waiter` off the list, if it is still on it.
    ///
    /// # Safety
    /// It is on no other list.
    #[inline]
    pub(super) unsafe fn unlink(&mut self, waiter: &Waiter<T>) {
        if !waiter.linked.replace(false) {
            return;
        }
        let (prev, next) = (waiter.prev.get(), waiter.next.get());
        // SAFETY: neighbours are null or linked, and so alive.
        match unsafe { prev.as_ref() } {
            Some(prev) => prev.next.set(next),
            None => self.head = next,
        }
        // SAFETY: as above.
        match unsafe { next.as_ref() } {
            Some(next) => next.prev.set(prev),
            None => self.tail = prev,
        }
    }

    /// Takes waiters off the front up to the first whose wait can be claimed. The slot is the
    /// caller's until it wakes the claim.
    #[inline]
    pub(super) fn claim_first(&mut self) -> Option<(Claim, *const Slot<T>)> {
        // SAFETY: the head is null or linked, and so alive.
        while let Some(first) = unsafe { self.head.as_ref() } {
            let (slot, arm) = (first.slot.get(), first.arm.get());
            let ticket = first.ticket.get();
            // SAFETY: it is on this list.
            unsafe { self.unlink(first) };
            // SAFETY: the waiter cannot go on before it has locked this list to unlink itself, or
            // has been woken by whoever claims it, so its task is alive.
            let claim = ticket.and_then(|t| unsafe { t.claim(Outcome::arm(arm as usize)) });
            if let Some(claim) = claim {
                return Some((claim, slot));
            }
        }
        None
    }

    /// Is there a waiter other than those of the wait `me` that could be claimed?
    pub(super) fn has_open_but(&mut self, me: Ticket) -> bool {
        let mut at = self.head;
        // SAFETY: what is linked is alive.
        while let Some(waiter) = unsafe { at.as_ref() } {
            at = waiter.next.get();
            let Some(ticket) = waiter.ticket.get().filter(|t| *t != me) else { continue };
            // SAFETY: as in `claim_first`.
            if unsafe { ticket.is_open() } {
                return true;
            }
            // SAFETY: it is on this list.
            unsafe { self.unlink(waiter) };
        }
        false
    }

    /// Is the last waiter one of the wait `me`?
    pub(super) fn ends_with(&self, me: Ticket) -> bool {
        // SAFETY: the tail is null or linked, and so alive.
        unsafe { self.tail.as_ref() }.is_some_and(|last| last.ticket.get() == Some(me))
    }
}
