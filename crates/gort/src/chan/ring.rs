//! The buffer of a channel: a ring of slots that grows up to the capacity.
//!
//! The number of slots is a power of two, so that a position is found with a mask. A small ring has
//! all its slots from the start. A large one starts with none and doubles, so a channel with a huge
//! capacity costs what it holds; the new slots are allocated by the caller, who can do that without
//! the channel's lock.

use std::mem::{self, MaybeUninit};
use std::{fmt, ptr};

/// A ring of up to this many bytes is allocated at once; a larger one starts at this size.
const SMALL: usize = 1024;

pub(super) type Slots<T> = Box<[MaybeUninit<T>]>;

/// Invariants:
/// - `slots.len()` is zero or a power of two, and `len <= slots.len()`;
/// - the `len` slots from `head` on, wrapping around, hold messages, and the others do not;
/// - `room` is the lesser of `limit` and `slots.len()`; `limit` is the capacity, or zero once the
///   ring is shut.
pub(super) struct Ring<T> {
    slots: Slots<T>,
    /// Where the oldest message is, modulo the number of slots.
    head: usize,
    len: usize,
    /// A push is allowed while `len` is less.
    room: usize,
    limit: usize,
    capacity: usize,
}

impl<T> Ring<T> {
    pub(super) fn new(capacity: usize) -> Self {
        let wanted = capacity.checked_next_power_of_two().filter(|_| capacity > 0);
        let slots = match wanted {
            Some(slots) if slots <= Self::first_slots() => slots,
            _ => 0,
        };
        let slots = Box::new_uninit_slice(slots);
        Self { room: capacity.min(slots.len()), slots, head: 0, len: 0, limit: capacity, capacity }
    }

    /// As many slots as a ring starts with if it needs more than that.
    fn first_slots() -> usize {
        let fit = SMALL / mem::size_of::<T>().max(1);
        1 << fit.max(1).ilog2()
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// May [`push`](Self::push) be called?
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.len < self.room
    }

    /// From now on there is no room.
    pub(super) fn shut(&mut self) {
        self.limit = 0;
        self.room = 0;
    }

    /// Shuts the ring and gives its contents away.
    pub(super) fn take(&mut self) -> Ring<T> {
        self.shut();
        let Ring { room, limit, capacity, .. } = *self;
        let empty = Ring { slots: Box::new([]), head: 0, len: 0, room, limit, capacity };
        mem::replace(self, empty)
    }

    /// Are all slots taken?
    pub(super) fn is_out_of_slots(&self) -> bool {
        self.len == self.slots.len()
    }

    /// Counts one message more at the back, which the caller writes at once to where this points.
    ///
    /// # Safety
    /// Not all slots are taken.
    #[inline(always)]
    pub(super) unsafe fn push(&mut self) -> *mut T {
        debug_assert!(!self.is_out_of_slots());
        let slot = self.slot(self.head.wrapping_add(self.len));
        self.len += 1;
        slot
    }

    /// As [`push`](Self::push), at the front.
    ///
    /// # Safety
    /// Not all slots are taken.
    pub(super) unsafe fn push_front(&mut self) -> *mut T {
        debug_assert!(!self.is_out_of_slots());
        self.head = self.head.wrapping_sub(1);
        self.len += 1;
        self.slot(self.head)
    }

    /// Counts the oldest message off, which the caller reads at once from where this points.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<*const T> {
        if self.len == 0 {
            return None;
        }
        let slot = self.slot(self.head);
        self.head = self.head.wrapping_add(1);
        self.len -= 1;
        Some(slot)
    }

    /// A pointer to the slot at `position` modulo the number of slots, which is not zero.
    #[inline(always)]
    fn slot(&mut self, position: usize) -> *mut T {
        let index = position & self.slots.len().wrapping_sub(1);
        // SAFETY: the number of slots is a power of two, so masked with one less it is an index.
        unsafe { self.slots.as_mut_ptr().add(index) }.cast()
    }

    /// How many slots to have next when all are taken.
    pub(super) fn next_size(&self) -> usize {
        match self.slots.len() {
            0 => self.capacity.clamp(1, Self::first_slots()).next_power_of_two(),
            slots => slots.checked_mul(2).expect("a channel's buffer outgrew the address space"),
        }
    }

    /// Moves the messages over into `slots`, if these are more, and gives back what is not needed.
    pub(super) fn install(&mut self, mut slots: Slots<T>) -> Slots<T> {
        debug_assert!(slots.len().is_power_of_two());
        if slots.len() <= self.slots.len() {
            return slots;
        }
        let (front, back) = self.parts();
        let to = slots.as_mut_ptr().cast::<T>();
        // SAFETY: both ranges are within their slots, and the new slots are another allocation.
        unsafe { ptr::copy_nonoverlapping(front.cast::<T>(), to, front.len()) };
        // SAFETY: the front part is shorter than the new slots.
        let to = unsafe { to.add(front.len()) };
        // SAFETY: as above; `front` and `back` together are `len`, less than the new slots.
        unsafe { ptr::copy_nonoverlapping(back.cast::<T>(), to, back.len()) };
        self.head = 0;
        self.room = self.limit.min(slots.len());
        mem::replace(&mut self.slots, slots)
    }

    /// The messages in order, as two runs of slots.
    fn parts(&mut self) -> (*mut [T], *mut [T]) {
        if self.len == 0 {
            let none = ptr::slice_from_raw_parts_mut(ptr::dangling_mut(), 0);
            return (none, none);
        }
        let first = self.slot(self.head);
        let to_end = self.slots.len() - (self.head & (self.slots.len() - 1));
        let front = self.len.min(to_end);
        (
            ptr::slice_from_raw_parts_mut(first, front),
            ptr::slice_from_raw_parts_mut(self.slots.as_mut_ptr().cast(), self.len - front),
        )
    }
}

impl<T> Drop for Ring<T> {
    /// Drops what is left, oldest first; all of it, even if one panics.
    fn drop(&mut self) {
        struct Rest<T>(*mut [T]);
        impl<T> Drop for Rest<T> {
            fn drop(&mut self) {
                // SAFETY: the ring was dropped with these messages in it, and nobody else has them.
                unsafe { self.0.drop_in_place() };
            }
        }
        let (front, back) = self.parts();
        self.len = 0;
        let _back = Rest(back);
        drop(Rest(front));
    }
}

impl<T> fmt::Debug for Ring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .field("slots", &self.slots.len())
            .finish_non_exhaustive()
    }
}
