//! What passes between a channel's two sides when one of them waits.
//!
//! A [`Waiter`] is on the channel's list with a pointer to its [`Slot`]: a blocked receiver's is
//! empty, and a sender fills it; a blocked sender's is full, and a receiver empties it. A slot that
//! is as it was when the waiter is woken tells it that the channel was closed.

use crate::park::queue;
use crate::prim::UnsafeCell;
use std::ptr;

/// One wait of one task at one end of one channel.
pub(crate) type Waiter<T> = queue::Waiter<*const Slot<T>>;

/// The waiters at one end, in order of arrival.
pub(super) type WaitList<T> = queue::WaitQueue<*const Slot<T>>;

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

    /// The message, if there is one.
    ///
    /// # Safety
    /// The caller owns the slot, and does nothing else with it, as long as it has the reference.
    pub(super) unsafe fn peek(&self) -> Option<&T> {
        // SAFETY: the owner is the only one to touch it.
        self.0.with(|slot| unsafe { (*slot).as_ref() })
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
