//! Free stacks: lists that go through the headers of those that have memory, and what is to be known of the rest.

use super::Header;
use std::ptr::NonNull;

/// So many stacks are trimmed at a time; meanwhile they are not to be had.
pub(super) const TRIM_BATCH: usize = 64;

/// Free stacks, linked through their headers.
#[derive(Debug, Default)]
pub(super) struct FreeList {
    first: Option<NonNull<Header>>,
    pub(super) count: usize,
}

/// A stack without memory: its header is still to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blank {
    pub(super) header: NonNull<Header>,
    pub(super) slot: *mut u8,
}

/// A stack that counts as out of the pool.
pub(super) enum Free {
    Used(NonNull<Header>),
    Blank(Blank),
}

/// Stacks that are in no list.
pub(super) struct Batch {
    pub(super) headers: [NonNull<Header>; TRIM_BATCH],
    pub(super) count: usize,
}

impl Batch {
    pub(super) fn filled(&self) -> Option<&[NonNull<Header>]> {
        (self.count > 0).then(|| &self.headers[..self.count])
    }
}

impl FreeList {
    /// Takes over a stack that is the caller's, and that has been out of the pool.
    pub(super) fn push(&mut self, header: NonNull<Header>) {
        // SAFETY: the stack is the list's from here on, and its header was written when it was first taken.
        unsafe { (*header.as_ptr()).next = self.first };
        self.first = Some(header);
        self.count += 1;
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<Header>> {
        let header = self.first?;
        // SAFETY: a stack in the list is the list's, and its header is written.
        self.first = unsafe { header.as_ref() }.next;
        self.count -= 1;
        Some(header)
    }

    pub(super) fn pop_many(&mut self) -> Batch {
        let mut batch = Batch { headers: [NonNull::dangling(); TRIM_BATCH], count: 0 };
        while batch.count < TRIM_BATCH
            && let Some(header) = self.pop()
        {
            batch.headers[batch.count] = header;
            batch.count += 1;
        }
        batch
    }
}
