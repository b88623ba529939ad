//! The audit: reports goroutines that block while a word on their stack equals a pointer that is stored in
//! the thread's own storage.
//!
//! That is how it looks when an `Rc`, or a handle, that came out of a thread-local is held over an operation that
//! blocks: the clone on the stack and the one in the storage are the same pointer. It need not be wrong (the
//! stack may hold what it has done with), and what is wrong need not look so; hence a report and no more.
//! Each place is reported once.
//!
//! It reads the thread's storage and the goroutine's stack at every wait, which takes some microseconds: for
//! tests.

use super::machine::Machine;
use crate::goroutine::GoroutineRef;
use crate::tell::tell;
use gort_context::StackPool;
use std::backtrace::Backtrace;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Pointers to less than that are none.
const LOWEST: usize = 1 << 16;
/// How much of a stack is looked at: what lies near the wait matters.
const MOST: usize = 64 << 10;

/// Places that have been reported.
#[derive(Default)]
pub(crate) struct Audit {
    reported: Mutex<HashSet<u64>>,
}

impl Audit {
    /// The goroutine, which runs on `machine`, is about to wait.
    #[cold]
    #[inline(never)]
    pub(crate) fn look(&self, machine: &Machine, goroutine: GoroutineRef) {
        let storage = machine.thread_local_storage().range();
        let here = 0_usize;
        let stack_here = |pool: &StackPool| pool.stack_at((&raw const here).addr());
        let workers = &goroutine.shared().workers;
        // On another than its own, to which it has switched by itself, nothing is looked at.
        let Some(stack) = workers.with_pool(goroutine.stack_size(), stack_here) else { return };
        let mut owned: Vec<usize> = words(storage.clone())
            .filter(|word| *word >= LOWEST && !storage.contains(word) && !stack.contains(word))
            .filter(|word| word % align_of::<usize>() == 0)
            // The runtime's own thread-local, which it asks for anew after each wait.
            .filter(|word| *word != std::ptr::from_ref(machine).addr())
            .collect();
        owned.sort_unstable();
        let live = (&raw const here).addr()..stack.end.min((&raw const here).addr() + MOST);
        let found = words(live).find(|word| owned.binary_search(word).is_ok());
        if let Some(pointer) = found {
            self.report(goroutine, pointer);
        }
    }

    fn report(&self, goroutine: GoroutineRef, pointer: usize) {
        let backtrace = Backtrace::force_capture().to_string();
        let mut hasher = DefaultHasher::new();
        backtrace.hash(&mut hasher);
        let place = hasher.finish();
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if !reported.insert(place) {
            return;
        }
        let name = goroutine.name().map_or(String::new(), |name| format!(" '{name}'"));
        tell(format_args!(
            "audit: goroutine {}{name} blocks with {pointer:#x} on its stack, a pointer that is stored in \
             its thread's thread-local storage, too: it must not be used on another thread\n{backtrace}",
            goroutine.id.get(),
        ));
    }
}

/// The words of readable memory.
fn words(range: Range<usize>) -> impl Iterator<Item = usize> {
    let start = range.start.next_multiple_of(align_of::<usize>());
    (start..range.end).step_by(size_of::<usize>()).map(|address| {
        // SAFETY: the calling thread's own storage, or its stack above the caller's frame: readable, and
        // nobody else writes there. What lies there is looked at as numbers.
        unsafe { std::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
    })
}
