//! One mapping for many stacks.

use std::io;
use std::ptr::NonNull;

use super::options::Shape;
use super::sys;
use crate::overflow::registry::{Layout, Registered, register};

/// The first slab has this many stacks; each further one is twice as large, within the limits below.
const FIRST_SLOTS: usize = 64;
const FIRST_BYTES: usize = 1 << 30;
const LAST_BYTES: usize = 16 << 30;

/// A mapping, cut into `slots` stacks. Those below `taken` have been handed out.
#[derive(Debug)]
pub(super) struct Slab {
    /// The whole mapping, which is larger by a slot than what is used of it.
    mapping: NonNull<u8>,
    /// The first slot, at a multiple of their size.
    base: *mut u8,
    slots: usize,
    taken: usize,
    shape: Shape,
    /// How the overflow handler knows the guards. None once the slab is on its way out.
    registered: Option<Registered>,
}

// SAFETY: it owns the memory it points to.
unsafe impl Send for Slab {}

impl Slab {
    /// A slab of that pool's that is larger than the last one, if the kernel has room for it, and smaller if not.
    pub(super) fn larger_than(last: Option<&Slab>, shape: Shape, pool: usize) -> io::Result<Slab> {
        let most = (LAST_BYTES / shape.slot).max(1);
        let mut slots = last
            .map_or(FIRST_SLOTS.min(FIRST_BYTES / shape.slot), |last| last.slots * 2)
            .clamp(1, most);
        let mapping = loop {
            match sys::reserve((slots + 1) * shape.slot) {
                Ok(mapping) => break mapping,
                Err(_) if slots > 1 => slots /= 2,
                Err(e) => return Err(e),
            }
        };
        let base = mapping.as_ptr().map_addr(|at| at.next_multiple_of(shape.slot));
        let len = slots * shape.slot;
        let Shape { slot, guard_len: guard, .. } = shape;
        let layout = Layout { base: base.addr(), len, slot, guard, pool };
        Ok(Slab { mapping, base, slots, taken: 0, shape, registered: Some(register(layout)) })
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.taken == self.slots
    }
}

/// The slots, with their numbers.
impl Iterator for Slab {
    type Item = (*mut u8, usize);

    fn next(&mut self) -> Option<(*mut u8, usize)> {
        let number = self.taken;
        if number == self.slots {
            return None;
        }
        self.taken += 1;
        Some((self.base.wrapping_add(number * self.shape.slot), number))
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.registered = None;
        // SAFETY: a slab goes when no stack is out of the pool.
        unsafe { sys::release(self.mapping, (self.slots + 1) * self.shape.slot) };
    }
}
