//! The pool: slabs of address space cut into stacks, and last-in first-out lists of those that came back.

use std::io;
use std::mem::size_of;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::options::{Guard, Options, Shape};
use super::slab::Slab;
use super::{Header, Stack, sys};

const CACHE_LINE: usize = 64;
/// So many stacks are trimmed at a time; meanwhile they are not to be had.
const TRIM_BATCH: usize = 64;

/// Where stacks come from and go back to.
///
/// Threads share it behind a lock; who needs it faster keeps a few stacks at hand and uses the batch forms.
/// Memory is given back to the system when the pool and all its stacks are gone, or by [`trim`](Self::trim).
///
/// Measured with 256 KiB stacks: 2 to 4 µs for a stack that was never used before, of which 0.5 to 1 µs are
/// its guard and the rest is the kernel's work for the page that is touched; 10 ns for one that was, and 4 ns
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
        let list = List {
            used: FreeList::default(),
            trimmed: FreeList::default(),
            cold: Vec::new(),
            out: 0,
            closed: false,
            cheap_guards: shape.guard != Guard::Mprotect,
            slabs: Vec::new(),
        };
        StackPool {
            shared: NonNull::from(Box::leak(Box::new(Shared { shape, list: Mutex::new(list) }))),
        }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: freed by this handle's drop or later.
        unsafe { self.shared.as_ref() }
    }

    /// The address space of each stack, guard included.
    pub fn stack_size(&self) -> usize {
        self.shared().shape.slot
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
        self.shared().lock().take(self.shared, 1)
    }

    /// Takes `n` stacks at once and appends them to `into`.
    ///
    /// # Errors
    /// As for [`take`](Self::take); the stacks had so far are in `into`.
    pub fn take_many(&self, into: &mut Vec<Stack>, n: usize) -> io::Result<()> {
        into.reserve(n);
        let mut list = self.shared().lock();
        for left in (1..=n).rev() {
            into.push(list.take(self.shared, left)?);
        }
        Ok(())
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
    /// For a thread that has time: it takes 0.5 to 1 µs per stack. The lock is not held over the system
    /// calls.
    pub fn trim(&self, keep: usize) -> usize {
        let shared = self.shared();
        let mut count = 0;
        loop {
            let batch = shared.lock().used.pop_many();
            let Some(batch) = batch.filled() else { break };
            count += batch.len();
            shared.give_back(batch, false);
            let mut list = shared.lock();
            // So that the one that came back last is again the first to go.
            batch.iter().rev().for_each(|&header| list.trimmed.push(header));
        }
        loop {
            let mut list = shared.lock();
            if list.trimmed.count <= keep {
                return count;
            }
            let mut batch = list.trimmed.pop_many();
            while list.trimmed.count < keep && batch.count > 1 {
                batch.count -= 1;
                list.trimmed.push(batch.headers[batch.count]);
            }
            drop(list);
            let Some(batch) = batch.filled() else { return count };
            count += batch.len();
            // The header goes with the page, so what it says is kept here.
            let cold = batch
                .iter()
                .map(|&header| Cold { header, slot: slot_of(header) })
                .collect::<Vec<_>>();
            shared.give_back(batch, true);
            shared.lock().cold.extend(cold);
        }
    }
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
    list: Mutex<List>,
}

#[derive(Debug)]
struct List {
    /// Came back and may have memory below the first page.
    used: FreeList,
    /// Came back, and have the first page only.
    trimmed: FreeList,
    /// Came back, and have no memory any more.
    cold: Vec<Cold>,
    /// Stacks out of the pool.
    out: usize,
    /// The `StackPool` is gone; the last stack to come back frees everything.
    closed: bool,
    /// Guards are tried by madvise.
    cheap_guards: bool,
    /// All but the last are used up.
    slabs: Vec<Slab>,
}

// SAFETY: the free stacks it points to are owned by the list.
unsafe impl Send for List {}

/// Free stacks, linked through their headers.
#[derive(Debug, Default)]
struct FreeList {
    first: Option<NonNull<Header>>,
    count: usize,
}

#[derive(Debug)]
struct Cold {
    header: NonNull<Header>,
    slot: *mut u8,
}

struct Batch {
    headers: [NonNull<Header>; TRIM_BATCH],
    count: usize,
}

impl Batch {
    fn filled(&self) -> Option<&[NonNull<Header>]> {
        (self.count > 0).then(|| &self.headers[..self.count])
    }
}

impl FreeList {
    fn push(&mut self, header: NonNull<Header>) {
        // SAFETY: the stack is the list's from here on, and its header was written when it was first taken.
        unsafe { (*header.as_ptr()).next = self.first };
        self.first = Some(header);
        self.count += 1;
    }

    fn pop(&mut self) -> Option<NonNull<Header>> {
        let header = self.first?;
        // SAFETY: a stack in the list is the list's, and its header is written.
        self.first = unsafe { header.as_ref() }.next;
        self.count -= 1;
        Some(header)
    }

    fn pop_many(&mut self) -> Batch {
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

impl Shared {
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

    /// Of stacks that are in no list: the first page too, if `all`.
    fn give_back(&self, stacks: &[NonNull<Header>], all: bool) {
        let mut ranges = [sys::Range::EMPTY; TRIM_BATCH];
        for (range, &header) in ranges.iter_mut().zip(stacks) {
            // The handle is not dropped: the stack is not out.
            let mut stack = std::mem::ManuallyDrop::new(Stack(header));
            let end = if all {
                slot_of(header).wrapping_add(self.shape.slot)
            } else {
                stack.forget_depth()
            };
            *range = sys::Range::new(stack.limit(), end.addr() - stack.limit().addr());
        }
        // SAFETY: these stacks are nobody else's, and nothing on them is needed any more.
        unsafe { sys::give_back(&ranges[..stacks.len()]) };
    }
}

impl List {
    /// One stack, the warmest there is; or else a fresh one. `wanted` says how many the caller is after.
    fn take(&mut self, shared: NonNull<Shared>, wanted: usize) -> io::Result<Stack> {
        let header = match self.used.pop().or_else(|| self.trimmed.pop()) {
            Some(header) => header,
            None => self.cold_or_fresh(shared, wanted)?,
        };
        self.out += 1;
        Ok(Stack(header))
    }

    #[cold]
    fn cold_or_fresh(
        &mut self,
        shared: NonNull<Shared>,
        wanted: usize,
    ) -> io::Result<NonNull<Header>> {
        let (header, slot) = match self.cold.pop() {
            Some(Cold { header, slot }) => (header, slot),
            None => {
                // SAFETY: the caller holds a pool, which keeps it alive.
                let shape = unsafe { shared.as_ref() }.shape;
                let fresh = self.fresh_slot(shape, wanted);
                let (slot, number) = fresh.map_err(|e| {
                    let live = self.out;
                    io::Error::new(
                        e.kind(),
                        format!("no memory for another stack: {e}; {live} stacks are live"),
                    )
                })?;
                // Times seven, so that already a few stacks are far apart.
                let colour = number * 7 % shape.colours * CACHE_LINE;
                let header = slot.wrapping_add(shape.slot - colour - size_of::<Header>()).cast();
                (NonNull::new(header).expect("inside a mapping"), slot)
            }
        };
        // SAFETY: in a slot of our own, aligned as the colours are multiples of a cache line, and nobody has
        // it yet.
        unsafe { header.write(Header { next: None, pool: shared, slot }) };
        Ok(header)
    }

    fn fresh_slot(&mut self, shape: Shape, wanted: usize) -> io::Result<(*mut u8, usize)> {
        if self.slabs.last().is_none_or(Slab::is_used_up) {
            let slab = Slab::larger_than(self.slabs.last(), shape)?;
            self.slabs.push(slab);
        }
        let slab = self.slabs.last_mut().expect("there is one now");
        slab.take(&mut self.cheap_guards, wanted)
    }
}
