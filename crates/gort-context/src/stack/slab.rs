//! One mapping for many stacks.

use std::io;
use std::ptr::NonNull;

use super::options::{Guard, Shape};
use super::sys;
use crate::overflow::registry::{Layout, Registered, register};

/// The first slab has this many stacks; each further one is twice as large, within the limits below.
const FIRST_SLOTS: usize = 64;
const FIRST_BYTES: usize = 1 << 30;
const LAST_BYTES: usize = 16 << 30;
/// So many guards are put in place by one system call, at least and at most; growing with the slab, so that
/// who needs one stack does not wait for 64.
const BATCH: (usize, usize) = (8, 64);

/// A mapping, cut into `slots` stacks. Slots below `taken` have been handed out; those below `guarded` have a
/// guard.
#[derive(Debug)]
pub(super) struct Slab {
    base: NonNull<u8>,
    slots: usize,
    guarded: usize,
    taken: usize,
    shape: Shape,
    /// How the overflow handler knows the guards. None once the slab is on its way out.
    registered: Option<Registered>,
}

// SAFETY: it owns the memory it points to.
unsafe impl Send for Slab {}

impl Slab {
    /// A slab that is larger than the last one, if the kernel has room for it, and smaller if not.
    pub(super) fn larger_than(last: Option<&Slab>, shape: Shape) -> io::Result<Slab> {
        let most = (LAST_BYTES / shape.slot).max(1);
        let mut slots = last
            .map_or(FIRST_SLOTS.min(FIRST_BYTES / shape.slot), |last| last.slots * 2)
            .clamp(1, most);
        let base = loop {
            match sys::reserve(slots * shape.slot) {
                Ok(base) => break base,
                Err(_) if slots > 1 => slots /= 2,
                Err(e) => return Err(e),
            }
        };
        let len = slots * shape.slot;
        let layout =
            Layout { base: base.addr().get(), len, slot: shape.slot, guard: shape.guard_len };
        Ok(Slab { base, slots, guarded: 0, taken: 0, shape, registered: Some(register(layout)) })
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.taken == self.slots
    }

    /// The next slot, which has a guard, and its number.
    ///
    /// `cheap` says whether guards are tried by madvise; this turns it off when the kernel does not have
    /// them. `wanted` is how many slots the caller is after.
    pub(super) fn take(&mut self, cheap: &mut bool, wanted: usize) -> io::Result<(*mut u8, usize)> {
        debug_assert!(!self.is_used_up());
        if self.taken == self.guarded {
            if *cheap && let Err(e) = self.guard_cheaply(wanted) {
                if self.shape.guard != Guard::Auto {
                    return Err(io::Error::new(e.kind(), format!("guard pages by madvise: {e}")));
                }
                *cheap = false;
            }
            if !*cheap {
                // SAFETY: the slot is in the slab and has not been handed out.
                unsafe { sys::guard_mapped(self.slot(self.guarded), self.shape.guard_len) }?;
                self.guarded += 1;
            }
        }
        let number = self.taken;
        self.taken += 1;
        Ok((self.slot(number), number))
    }

    fn slot(&self, number: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(number * self.shape.slot)
    }

    /// Puts guards below at least one of the next stacks, and below as many as make sense at once.
    fn guard_cheaply(&mut self, wanted: usize) -> io::Result<()> {
        let (least, most) = BATCH;
        let batch = wanted.max(self.taken).clamp(least, most).min(self.slots - self.guarded);
        let mut ranges = [sys::Range::EMPTY; BATCH.1];
        for (n, range) in ranges[..batch].iter_mut().enumerate() {
            *range = sys::Range::new(self.slot(self.guarded + n), self.shape.guard_len);
        }
        // SAFETY: the slots are in the slab and have not been handed out.
        self.guarded += unsafe { sys::guard_many(&ranges[..batch]) }?;
        Ok(())
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.registered = None;
        // SAFETY: a slab goes when no stack is out of the pool.
        unsafe { sys::release(self.base, self.slots * self.shape.slot) };
    }
}
