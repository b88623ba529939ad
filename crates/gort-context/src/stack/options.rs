//! What can be chosen about a pool's stacks.

use std::io;

use super::pool::StackPool;
use super::sys;

/// The smallest and the largest stack there is.
const SIZES: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 30;
/// A guard is this long, unless asked for otherwise or the stack is small.
const GUARD: usize = 16 << 10;
/// Stack tops are spread over so many cache lines, about 1 KiB: more would leave too little of the first
/// page. A prime, so that no stride of use falls together with it.
const COLOURS: usize = 17;

/// How guards are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// By `MADV_GUARD_INSTALL` where the kernel has it (Linux 6.13), else by `mprotect`.
    #[default]
    Auto,
    /// By `MADV_GUARD_INSTALL`, which costs no mapping; an error where the kernel does not have it.
    Madvise,
    /// By `mprotect`, on any kernel. Each stack then takes two of the kernel's mappings, of which a process
    /// may have `vm.max_map_count`: at its default, some 32,700 stacks. On Windows, the system's own guard
    /// pages for stacks, as with `Auto`.
    Mprotect,
}

/// What the stacks of a pool are to be like.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use gort_context::{Guard, Options};
/// let pool = Options::new(128 << 10).guard(Guard::Mprotect).guard_len(32 << 10).build()?;
/// let stack = pool.take()?;
/// assert_eq!(stack.guard().len(), 32 << 10);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    size: usize,
    guard: Guard,
    guard_len: Option<usize>,
    colours: usize,
}

/// The same, checked and rounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// The system's page.
    pub(super) page: usize,
    pub(super) slot: usize,
    pub(super) guard_len: usize,
    pub(super) guard: Guard,
    pub(super) colours: usize,
}

impl Options {
    /// Stacks that take up `size` bytes of address space each, guard included: 16 KiB to 1 GiB, rounded up to
    /// a power of two and to at least four of the system's pages; on Windows to at least 64 KiB.
    pub fn new(size: usize) -> Options {
        Options { size, guard: Guard::Auto, guard_len: None, colours: COLOURS }
    }

    /// How guards are made; [`Guard::Auto`] unless said otherwise.
    #[must_use]
    pub fn guard(mut self, guard: Guard) -> Options {
        self.guard = guard;
        self
    }

    /// How long the guard is, rounded up to pages. Unless said otherwise 16 KiB, or a quarter of the stack if
    /// that is less. On Windows it is 24 KiB at least, of which 20 are for whoever handles the overflow.
    ///
    /// A frame that is longer than the guard and was compiled without stack probes (as C often is, and Rust
    /// never) may jump over it. A longer guard takes longer to put in place, once in the life of a stack:
    /// measured, 0.5 µs for a page, 0.6 µs for 16 KiB, 0.95 µs for 64 KiB.
    #[must_use]
    pub fn guard_len(mut self, len: usize) -> Options {
        self.guard_len = Some(len);
        self
    }

    /// Whether the tops of the stacks are spread over cache lines, as they are unless this says otherwise.
    ///
    /// If they all lay at the same offset in their page, they would share a few sets of the first-level
    /// cache. Measured with rings of contexts that switch to each other in random order (`benches/ring.rs`):
    /// with 10 to 20 of them a switch takes 9 to 10 ns with colours and 12 to 17 without; with 30 and more
    /// there is no difference that could be told from noise, because what it waits for then is the branch
    /// predictor and the second-level cache.
    #[must_use]
    pub fn coloured(mut self, yes: bool) -> Options {
        self.colours = if yes { COLOURS } else { 1 };
        self
    }

    /// The address space of each stack, guard included: the size asked for, rounded up. What
    /// [`StackPool::stack_size`] will say.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use gort_context::Options;
    /// assert_eq!(Options::new(300_000).stack_size()?, 512 << 10);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a size outside 16 KiB to 1 GiB.
    pub fn stack_size(&self) -> io::Result<usize> {
        if SIZES.contains(&self.size) {
            return Ok(self.size.next_power_of_two().max(sys::least_size(sys::page_size())));
        }
        let what = format!("a stack of {} bytes: stacks are of 16 KiB to 1 GiB", self.size);
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }

    /// Makes the pool. No memory is reserved before the first stack is taken.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a size outside 16 KiB to 1 GiB, or a guard that is empty or takes
    /// more than half of it.
    pub fn build(&self) -> io::Result<StackPool> {
        let slot = self.stack_size()?;
        let page = sys::page_size();
        let asked = self.guard_len.unwrap_or(GUARD.min(slot / 4));
        let guard_len = asked.checked_next_multiple_of(page).unwrap_or(usize::MAX);
        if asked == 0 || guard_len > slot / 2 {
            let what =
                format!("a guard of {asked} bytes for a stack of {slot}: it may take half of it");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(StackPool::from_shape(Shape {
            page,
            slot,
            guard_len: guard_len.max(sys::least_guard(page)),
            guard: self.guard,
            colours: self.colours,
        }))
    }
}
