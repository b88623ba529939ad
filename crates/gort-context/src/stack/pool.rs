//! The pool: slabs of address space cut into stacks, and last-in first-out lists of those that came back.

use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::free::{Blank, Free, List, TRIM_BATCH, last_of};
use super::options::{Guard, Options, Shape};
use super::{Header, Stack, sys};
use crate::overflow::registry;

/// So many stacks get their guard and their first page by two system calls, at least and at most; growing with the number of
/// stacks. Who needs one waits for all of them: with 64, a hundredth of 10,000 sleepers were late by 130 µs.
const GUARD_BATCH: (usize, usize) = (8, 16);

/// Where stacks come from and go back to.
///
/// Threads share it behind a lock; who needs it faster keeps a few stacks at hand and uses the batch forms.
/// Memory is given back to the system when the pool and all its stacks are gone, or by [`trim`](Self::trim).
///
/// Measured with 256 KiB stacks: 1.5 to 3 µs for a stack that was never used before, of which 0.5 to 1 µs are
/// its guard and the rest is the kernel's work for its first page; 10 ns for one that was, and 4 ns
/// by the batch forms.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = gort_context::StackPool::new(256 << 10)?;
/// let first = pool.take()?;
/// let place = first.top();
/// drop(first);
/// assert_eq!(pool.take()?.top(), place, "the last one in is the first one out");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct StackPool {
    shared: NonNull<Shared>,
}

// SAFETY: all that changes in the shared part is behind its lock.
unsafe impl Send for StackPool {}
// SAFETY: as above.
unsafe impl Sync for StackPool {}

impl StackPool {
    /// A pool of stacks of `size` bytes; see [`Options`] for what `size` may be, and for more to choose.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] when `size` is outside 16 KiB to 1 GiB.
    pub fn new(size: usize) -> io::Result<StackPool> {
        Options::new(size).build()
    }

    pub(super) fn from_shape(shape: Shape) -> StackPool {
        let cheap_guards = AtomicBool::new(shape.guard != Guard::Mprotect);
        let shared = Shared { shape, cheap_guards, list: Mutex::new(List::default()) };
        StackPool { shared: NonNull::from(Box::leak(Box::new(shared))) }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: freed by this handle's drop or later.
        unsafe { self.shared.as_ref() }
    }

    /// The address space of each stack, guard included.
    pub fn stack_size(&self) -> usize {
        self.shared().shape.slot
    }

    /// The addresses of the stack of this pool that `address` lies in, its guard left out. `None`: it lies in none.
    ///
    /// Takes no lock.
    pub fn stack_at(&self, address: usize) -> Option<Range<usize>> {
        registry::stack_of(self.shared().number(), address)
    }

    /// How many stacks are out of the pool.
    pub fn live(&self) -> usize {
        self.shared().lock().out
    }

    /// Takes a stack out of the pool.
    ///
    /// # Errors
    /// When the kernel has no address space or, with `mprotect` guards, no mappings left; the message says
    /// which. A stack without a guard is never handed out.
    pub fn take(&self) -> io::Result<Stack> {
        // A statement of its own: the lock is not held while the kernel is asked for memory.
        let free = self.shared().lock().pop();
        free.map_or_else(|| self.fresh(1), Ok).map(|free| self.hand_out(free))
    }

    /// Takes a stack, and up to `most` others that are at hand, with which `more` is called.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub fn take_and(&self, most: usize, mut more: impl FnMut(Stack)) -> io::Result<Stack> {
        let stack = self.take()?;
        let others = self.shared().lock().pop_up_to(most);
        others.into_iter().for_each(|free| more(self.hand_out(free)));
        Ok(stack)
    }

    /// Takes `n` stacks at once and appends them to `into`.
    ///
    /// # Errors
    /// As for [`take`](Self::take); the stacks had so far are in `into`.
    pub fn take_many(&self, into: &mut Vec<Stack>, n: usize) -> io::Result<()> {
        let end = into.len() + n;
        into.reserve(n);
        while into.len() < end {
            let left = end - into.len();
            let mut batch = self.shared().lock().pop_up_to(left);
            if batch.is_empty() {
                batch.push(self.fresh(left)?);
            }
            into.extend(batch.into_iter().map(|free| self.hand_out(free)));
        }
        Ok(())
    }

    /// A stack that has not been used, if none has come back meanwhile. `wanted` is how many the caller
    /// is after.
    #[cold]
    fn fresh(&self, wanted: usize) -> io::Result<Free> {
        let shared = self.shared();
        let claimed = {
            let mut list = shared.lock();
            let at_once = wanted.max(list.out).clamp(GUARD_BATCH.0, GUARD_BATCH.1);
            let count = if shared.cheap_guards.load(Relaxed) { at_once } else { 1 };
            let claimed = list.claim(shared.shape, shared.number(), count);
            claimed.map_err(|e| no_memory(e, list.out))?
        };
        let guarded = shared.guard(&claimed);
        let mut list = shared.lock();
        let done = *guarded.as_ref().unwrap_or(&0);
        // So that they are taken in the order of their addresses.
        list.blank.extend(claimed[..done].iter().rev());
        list.bare.extend(claimed[done..].iter().rev());
        match (list.pop(), guarded) {
            (Some(free), _) => Ok(free),
            (None, Err(e)) => Err(no_memory(e, list.out)),
            (None, Ok(_)) => unreachable!("a call that succeeds has done one at least"),
        }
    }

    fn hand_out(&self, free: Free) -> Stack {
        match free {
            Free::Used(header) => Stack(header),
            Free::Blank(Blank { header, slot }) => {
                let pool = self.shared;
                // SAFETY: in a slot of our own, aligned as the colours are multiples of a cache line, and
                // nobody else has it. It takes a page from the kernel, so the lock is not held.
                unsafe { header.write(Header { pool, slot }) };
                Stack(header)
            }
        }
    }

    /// Gives a stack back: the same as dropping it.
    pub fn put(&self, stack: Stack) {
        drop(stack);
    }

    /// Gives many stacks back at once. The iterator runs under the pool's lock.
    ///
    /// # Panics
    /// If one of them is another pool's.
    pub fn put_many(&self, stacks: impl IntoIterator<Item = Stack>) {
        let headers = stacks.into_iter().map(|stack| {
            assert!(
                stack.header().pool == self.shared,
                "a stack is put back into a pool that is not its own"
            );
            stack.into_header()
        });
        // SAFETY: the handles are used up, so the pool is the only owner of these stacks.
        unsafe { Shared::put_back(self.shared, headers) };
    }

    /// Gives memory of stacks that lie in the pool back to the system: of those that came back since the last
    /// time all but the first page, and of all beyond `keep` that too. Returns how many stacks that were; one
    /// to which both was done counts twice.
    ///
    /// For a thread that has time: it takes 0.5 to 1 µs per stack that has something to give. The lock is not
    /// held over the system calls.
    pub fn trim(&self, keep: usize) -> usize {
        std::iter::from_fn(|| Some(self.trim_step(keep)).filter(|&count| count > 0)).sum()
    }

    /// A small part of [`trim`](Self::trim), 64 stacks or 16 MiB at most: for a thread that has other things to do, too.
    /// Zero: there is nothing left to do.
    pub fn trim_step(&self, keep: usize) -> usize {
        let shared = self.shared();
        let batch = last_of(&mut shared.lock().used, 0, shared.shape);
        if !batch.is_empty() {
            shared.give_back(&batch, false);
            // The one that came back last is again the first to go.
            shared.lock().trimmed.extend(&batch);
            return batch.len();
        }
        let batch = last_of(&mut shared.lock().trimmed, keep, shared.shape);
        if batch.is_empty() {
            return 0;
        }
        // The header goes with the page, so what it says is kept here.
        let blank =
            batch.iter().map(|&header| Blank { header, slot: slot_of(header) }).collect::<Vec<_>>();
        shared.give_back(&batch, true);
        shared.lock().blank.extend(blank);
        batch.len()
    }

    /// How many of the stacks that lie in the pool with memory have been out of it at some time since the
    /// last call: as many as [`trim`](Self::trim) had better keep.
    pub fn wanted(&self) -> usize {
        let mut list = self.shared().lock();
        let free = list.with_memory();
        free - std::mem::replace(&mut list.unwanted, free).min(free)
    }
}

fn no_memory(e: io::Error, live: usize) -> io::Error {
    io::Error::new(e.kind(), format!("no memory for another stack: {e}; {live} stacks are live"))
}

fn slot_of(header: NonNull<Header>) -> *mut u8 {
    // SAFETY: of a stack that is the caller's, and written when it was first taken.
    unsafe { header.as_ref() }.slot
}

impl Drop for StackPool {
    fn drop(&mut self) {
        let mut list = self.shared().lock();
        list.closed = true;
        let unused = list.out == 0;
        drop(list);
        if unused {
            // SAFETY: closed and with no stack out, nobody else has a pointer to it.
            drop(unsafe { Box::from_raw(self.shared.as_ptr()) });
        }
    }
}

/// What a pool and its stacks share; it lives until both are gone, and takes the slabs with it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) shape: Shape,
    /// Guards are tried by madvise.
    cheap_guards: AtomicBool,
    list: Mutex<List>,
}

impl Shared {
    /// By which its slabs are known to be its own.
    fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // No code of a user's runs under the lock but an iterator's, between two consistent states.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Safety
    /// The headers are of stacks of this pool that are out of it and have no handle any more.
    pub(super) unsafe fn put_back(
        this: NonNull<Shared>,
        headers: impl IntoIterator<Item = NonNull<Header>>,
    ) {
        // SAFETY: the stacks that come back have kept it alive.
        let shared = unsafe { this.as_ref() };
        let mut list = shared.lock();
        for header in headers {
            list.used.push(header);
            list.out -= 1;
        }
        let unused = list.closed && list.out == 0;
        drop(list);
        if unused {
            // SAFETY: closed and with no stack out, nobody else has a pointer to it.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }

    /// Puts guards below slots that have been claimed: below the first ones, as many as it says and at
    /// least one.
    fn guard(&self, claimed: &[Blank]) -> io::Result<usize> {
        let len = self.shape.guard_len;
        if self.cheap_guards.load(Relaxed) {
            let mut ranges = [sys::Range::EMPTY; GUARD_BATCH.1];
            for (range, blank) in ranges.iter_mut().zip(claimed) {
                *range = sys::Range::new(blank.slot, len);
            }
            // SAFETY: the slots are the caller's, who has claimed them.
            match unsafe { sys::guard_many(&ranges[..claimed.len()]) } {
                Err(e) if self.shape.guard != Guard::Auto => {
                    return Err(io::Error::new(e.kind(), format!("guard pages by madvise: {e}")));
                }
                // The kernel does not have them.
                Err(_) => self.cheap_guards.store(false, Relaxed),
                Ok(done) => {
                    self.fill(&claimed[..done]);
                    return Ok(done);
                }
            }
        }
        // SAFETY: as above.
        unsafe { sys::guard_mapped(claimed[0].slot, self.shape.slot, len) }.map(|()| 1)
    }

    /// Has the kernel put memory behind the first pages of slots that have been claimed.
    fn fill(&self, claimed: &[Blank]) {
        let page = self.shape.page;
        let mut ranges = [sys::Range::EMPTY; GUARD_BATCH.1];
        for (range, blank) in ranges.iter_mut().zip(claimed) {
            *range = sys::Range::new(blank.slot.wrapping_add(self.shape.slot - page), page);
        }
        // SAFETY: the slots are the caller's, who has claimed them.
        unsafe { sys::fill(&ranges[..claimed.len()]) };
    }

    /// Of stacks that are in no list: the first page too, if `all`.
    fn give_back(&self, stacks: &[NonNull<Header>], all: bool) {
        let mut ranges = [sys::Range::EMPTY; TRIM_BATCH];
        let mut count = 0;
        for &header in stacks {
            // The handle is not dropped: the stack is not out.
            let mut stack = std::mem::ManuallyDrop::new(Stack(header));
            if !all && !stack.used_deep(0) {
                continue;
            }
            let end = if all {
                slot_of(header).wrapping_add(self.shape.slot)
            } else {
                stack.forget_depth()
            };
            ranges[count] = sys::Range::new(stack.limit(), end.addr() - stack.limit().addr());
            count += 1;
        }
        // SAFETY: these stacks are nobody else's, and nothing on them is needed any more.
        unsafe { sys::give_back(&ranges[..count]) };
    }
}
