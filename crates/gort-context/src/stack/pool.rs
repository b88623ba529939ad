//! The pool: slabs of address space cut into stacks, and a last-in first-out list of those that came back.

use std::io;
use std::mem::size_of;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Header, Stack, sys};
use crate::overflow::registry::{Layout, Registered, register};

/// The smallest and the largest stack there is.
const SIZES: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 30;
/// A guard is at most this long, unless asked for: a frame without stack probes that is smaller cannot jump over it.
const GUARD: usize = 64 << 10;
/// The first slab has this many stacks; each further one is twice as large, within the limits below.
const FIRST_SLAB: usize = 64;
const FIRST_SLAB_BYTES: usize = 1 << 30;
const LAST_SLAB_BYTES: usize = 16 << 30;
/// So many guards are put in place at a time.
const BATCH: usize = 32;
/// Stack tops are spread over so many cache lines; a prime, so that no stride of use falls together with it.
const COLOURS: usize = 17;
const CACHE_LINE: usize = 64;

/// How guards are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// By `MADV_GUARD_INSTALL` where the kernel has it (Linux 6.13), else by `mprotect`.
    #[default]
    Auto,
    /// By `MADV_GUARD_INSTALL`, which costs no mapping; an error where the kernel does not have it.
    Madvise,
    /// By `mprotect`, on any kernel. Each stack then takes two of the kernel's mappings, of which a process may have
    /// `vm.max_map_count`: at its default, 32,750 stacks or so.
    Mprotect,
}

/// What the stacks of a pool are to be like.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use gort_context::{Guard, Options};
/// let pool = Options::new(64 << 10).guard(Guard::Mprotect).guard_len(4096).build()?;
/// let stack = pool.take()?;
/// assert_eq!(stack.guard().len(), 4096);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    size: usize,
    guard: Guard,
    guard_len: Option<usize>,
    colours: usize,
}

impl Options {
    /// Stacks that take up `size` bytes of address space each, guard included: 16 KiB to 1 GiB, rounded up to a power of two.
    pub fn new(size: usize) -> Options {
        Options { size, guard: Guard::Auto, guard_len: None, colours: COLOURS }
    }

    /// How guards are made; [`Guard::Auto`] unless said otherwise.
    pub fn guard(mut self, guard: Guard) -> Options {
        self.guard = guard;
        self
    }

    /// How long the guard is, rounded up to pages. Unless said otherwise 64 KiB, or a quarter of the stack if that is less.
    pub fn guard_len(mut self, len: usize) -> Options {
        self.guard_len = Some(len);
        self
    }

    /// Whether the tops of the stacks are spread over cache lines, as they are unless this says otherwise.
    pub fn coloured(mut self, yes: bool) -> Options {
        self.colours = if yes { COLOURS } else { 1 };
        self
    }

    /// Makes the pool. No memory is reserved before the first stack is taken.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a size outside 16 KiB to 1 GiB, or a guard that is empty or takes more than half of it.
    pub fn build(&self) -> io::Result<StackPool> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
        if !SIZES.contains(&self.size) {
            return Err(invalid(format!(
                "a stack of {} bytes: stacks are of 16 KiB to 1 GiB",
                self.size
            )));
        }
        let slot_size = self.size.next_power_of_two();
        let asked = self.guard_len.unwrap_or(GUARD.min(slot_size / 4));
        let guard_len = asked.checked_next_multiple_of(sys::page_size()).unwrap_or(usize::MAX);
        if guard_len == 0 || guard_len > slot_size / 2 {
            return Err(invalid(format!("a guard of {asked} bytes for a stack of {slot_size}")));
        }
        let list = List {
            free: None,
            free_count: 0,
            out: 0,
            closed: false,
            cheap_guards: self.guard != Guard::Mprotect,
            slabs: Vec::new(),
        };
        let shared = Shared {
            slot_size,
            guard_len,
            colours: self.colours,
            guard: self.guard,
            list: Mutex::new(list),
        };
        Ok(StackPool { shared: NonNull::from(Box::leak(Box::new(shared))) })
    }
}

/// Where stacks come from and go back to.
///
/// Threads share it behind a lock; who needs it faster keeps a few stacks at hand and uses the batch forms. Memory is
/// given back to the system when the pool and all its stacks are gone.
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

    fn shared(&self) -> &Shared {
        // SAFETY: freed by this handle's drop or later.
        unsafe { self.shared.as_ref() }
    }

    /// The address space of each stack, guard included.
    pub fn stack_size(&self) -> usize {
        self.shared().slot_size
    }

    /// How many stacks are out of the pool.
    pub fn live(&self) -> usize {
        self.shared().lock().out
    }

    /// Takes a stack out of the pool.
    ///
    /// # Errors
    /// When the kernel has no address space or, with `mprotect` guards, no mappings left; the message says which. A stack
    /// without a guard is never handed out.
    pub fn take(&self) -> io::Result<Stack> {
        let mut list = self.shared().lock();
        list.take(self.shared, 1)
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

    /// Gives many stacks back at once.
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

/// What a pool and its stacks share; it lives until both are gone.
#[derive(Debug)]
pub(super) struct Shared {
    slot_size: usize,
    guard_len: usize,
    colours: usize,
    guard: Guard,
    list: Mutex<List>,
}

#[derive(Debug)]
struct List {
    free: Option<NonNull<Header>>,
    free_count: usize,
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

/// One mapping, cut into `slots` stacks. Slots below `taken` have been handed out at least once; those below `guarded` have a guard.
#[derive(Debug)]
struct Slab {
    base: NonNull<u8>,
    slots: usize,
    guarded: usize,
    taken: usize,
    /// How the overflow handler knows the guards.
    registered: Registered,
}

impl Shared {
    pub(super) fn slot_size(&self) -> usize {
        self.slot_size
    }

    pub(super) fn guard_len(&self) -> usize {
        self.guard_len
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
            // SAFETY: the stack is ours alone, and its header was written when it was first taken.
            unsafe { (*header.as_ptr()).next = list.free };
            list.free = Some(header);
            list.free_count += 1;
            list.out -= 1;
        }
        let unused = list.closed && list.out == 0;
        drop(list);
        if unused {
            // SAFETY: closed and with no stack out, nobody else has a pointer to it.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let list = self.list.get_mut().unwrap_or_else(PoisonError::into_inner);
        for slab in list.slabs.drain(..) {
            drop(slab.registered);
            // SAFETY: no stack is out, so nothing uses the slab.
            unsafe { sys::release(slab.base, slab.slots * self.slot_size) };
        }
    }
}

impl List {
    /// One stack: the one that came back last, or else a fresh one. `wanted` says how many the caller is after.
    fn take(&mut self, shared: NonNull<Shared>, wanted: usize) -> io::Result<Stack> {
        if let Some(header) = self.free {
            // SAFETY: a stack in the list is the list's, and its header is written.
            self.free = unsafe { header.as_ref() }.next;
            self.free_count -= 1;
            self.out += 1;
            return Ok(Stack(header));
        }
        // SAFETY: the caller holds a pool, which keeps it alive.
        let pool = unsafe { shared.as_ref() };
        let (slot, index) = self.fresh_slot(pool, wanted)?;
        let colour = index % pool.colours * CACHE_LINE;
        let header =
            slot.wrapping_add(pool.slot_size - colour - size_of::<Header>()).cast::<Header>();
        // SAFETY: the slot is memory of our own, its end is aligned to a page, and nobody has it yet.
        unsafe { header.write(Header { next: None, pool: shared, slot, asked: 0 }) };
        self.out += 1;
        Ok(Stack(NonNull::new(header).expect("inside a mapping")))
    }

    fn fresh_slot(&mut self, pool: &Shared, wanted: usize) -> io::Result<(*mut u8, usize)> {
        if self.slabs.last().is_none_or(|slab| slab.taken == slab.slots) {
            let slab = self.new_slab(pool)?;
            self.slabs.push(slab);
        }
        let live = self.out;
        let slab = self.slabs.last_mut().expect("there is one now");
        if slab.taken == slab.guarded {
            slab.add_guards(pool, &mut self.cheap_guards, wanted, live)?;
        }
        let index = slab.taken;
        slab.taken += 1;
        Ok((slab.base.as_ptr().wrapping_add(index * pool.slot_size), index))
    }

    fn new_slab(&self, pool: &Shared) -> io::Result<Slab> {
        let most = (LAST_SLAB_BYTES / pool.slot_size).max(1);
        let mut slots = match self.slabs.last() {
            None => FIRST_SLAB.min(FIRST_SLAB_BYTES / pool.slot_size),
            Some(slab) => slab.slots * 2,
        };
        slots = slots.clamp(1, most);
        loop {
            match sys::reserve(slots * pool.slot_size) {
                Ok(base) => {
                    let len = slots * pool.slot_size;
                    let layout = Layout {
                        base: base.addr().get(),
                        len,
                        slot: pool.slot_size,
                        guard: pool.guard_len,
                    };
                    return Ok(Slab {
                        base,
                        slots,
                        guarded: 0,
                        taken: 0,
                        registered: register(layout),
                    });
                }
                Err(_) if slots > 1 => slots /= 2,
                Err(e) => {
                    let live = self.out;
                    return Err(io::Error::new(
                        e.kind(),
                        format!("no address space for another stack ({live} stacks are live): {e}"),
                    ));
                }
            }
        }
    }
}

impl Slab {
    /// Puts guards below the next stacks: at least one, and as many as make sense at once.
    fn add_guards(
        &mut self,
        pool: &Shared,
        cheap: &mut bool,
        wanted: usize,
        live: usize,
    ) -> io::Result<()> {
        let most = self.slots - self.guarded;
        if *cheap {
            let end = self.guarded + most.min(wanted.max(BATCH));
            while self.guarded < end {
                let slot = self.base.as_ptr().wrapping_add(self.guarded * pool.slot_size);
                // SAFETY: the slot is in the slab and has not been handed out.
                match unsafe { sys::guard_cheap(slot, pool.guard_len) } {
                    Ok(()) => self.guarded += 1,
                    Err(_) if self.guarded > self.taken => return Ok(()),
                    Err(_) if pool.guard == Guard::Auto => {
                        *cheap = false;
                        break;
                    }
                    Err(e) => {
                        return Err(io::Error::new(
                            e.kind(),
                            format!("guard pages by madvise: {e}"),
                        ));
                    }
                }
            }
            if *cheap {
                return Ok(());
            }
        }
        let slot = self.base.as_ptr().wrapping_add(self.guarded * pool.slot_size);
        // SAFETY: the slot is in the slab and has not been handed out.
        match unsafe { sys::guard_mapped(slot, pool.guard_len) } {
            Ok(()) => {
                self.guarded += 1;
                Ok(())
            }
            Err(e) => Err(io::Error::new(
                e.kind(),
                format!(
                    "guard pages: the kernel's limit of mappings (vm.max_map_count) is reached; {live} stacks are live: {e}"
                ),
            )),
        }
    }
}
