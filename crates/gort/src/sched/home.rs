//! Where a goroutine may go on: anywhere, as a rule; or only on the machine that it left, its *home*.
//!
//! | stays | because |
//! |---|---|
//! | `PINNED` | its machine waits with it: it unwinds from a panic, which std counts by thread, or has locked its thread |
//! | `BOUND` | it was spawned to stay, or the runtime lets nobody migrate; the machine runs others meanwhile |
//! | with pointers | a word on its stack points into thread-local storage of the thread that it left |
//! | elsewhere | it waits on another stack than its own, to which it has switched by itself, as some crates do to have more room: nothing is known of what lies there, nor of where its own is left |
//!
//! The third is what this check is for: a reference into a `thread_local!` that is held over an operation
//! that blocks, or the address of one that the compiler has kept in a register over a call, in code that
//! looks innocent. It is made when a goroutine is about to go on on another machine than it left,
//! by whoever is about to run it. All registers are on the stack by then, so that is all there is to look at.
//! A word that looks like such a pointer and is none costs a detour; and if somebody computes or blocks at home, a wait
//! for that. Calls that have returned leave such words, and a later frame may have a slot there that it does not write to. So
//! what lies below is wiped before a goroutine begins and before what blocks (`gort_context::wipe_below`): on AArch64, where code has
//! the pointer to the thread's storage in a general register, and in unoptimized builds, where a server's `main` stayed with a
//! request that computed for minutes because it had made a `HashMap`, and half of all waits for a Tokio timer ended in a
//! detour. This check leaves no such word itself, on the stack that it is made on ([`gort_context::Addresses`]). What goes from
//! stack to stack has no word without a value, which would be copied, too: a `JoinHandle`, and what one flow leaves for
//! the next ([`switch`](super::machine), [`worker`](super::worker)). And the C library's own storage, which its allocator points
//! to, is not looked for (`sys::thread_local_storage`).
//!
//! Measured (`cargo test --release -p gort-context --test switch -- --nocapture pointers`): 10 ns for a
//! goroutine that waits in a shallow place, and 0.3 ns for each word of stack beyond; on the same thread
//! nothing but a comparison.
//!
//! Who must go home is put into its home's own list, `bound`, and the machine is roused with a processor
//! if it sleeps; if it is busy it looks at its list at every pick, and whenever its goroutine has done some operations. A
//! machine whose thread ends takes its storage with it: it does not end while a goroutine is alive that has started there, or is
//! to start there and nowhere else.

use super::Shared;
use super::machine::Machine;
use crate::goroutine::{BOUND, GoroutineRef, PINNED};
use crate::prim::atomic::{Ordering::*, fence};
use gort_context::{StackPool, points_into};

/// Where goroutines may go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Migration {
    /// Anywhere, unless that is seen to be wrong.
    Checked,
    /// Anywhere: the user has promised that it is right.
    Unchecked,
    /// Where they have started.
    Never,
}

impl Machine {
    /// A goroutine that is to run here has left another machine: must it go on there?
    #[inline(never)]
    pub(crate) fn belongs_elsewhere(&self, goroutine: GoroutineRef) -> bool {
        let shared = self.shared();
        if goroutine.has_flag(PINNED | BOUND) {
            return true;
        }
        match shared.migration {
            Migration::Unchecked => false,
            Migration::Never => true,
            Migration::Checked => {
                let storage = shared.home_of(goroutine).thread_local_storage();
                // SAFETY: it is off its CPU and this machine's to run.
                let context = unsafe { goroutine.context() };
                // SAFETY: as above.
                let points = |pool: &StackPool| unsafe { points_into(context, pool, storage) };
                shared.workers.with_pool(goroutine.stack_size(), points)
            }
        }
    }

    /// On the system stack, with a processor: sends a goroutine that was picked here to its home.
    #[cold]
    pub(crate) fn send_home(&self, goroutine: GoroutineRef) {
        let shared = self.shared();
        let home = shared.home_of(goroutine);
        if goroutine.has_flag(PINNED) {
            // It waits there for a processor.
            let processor = self.processor();
            self.set_processor(None);
            return home.rouse(Some(processor), false);
        }
        home.bound.push(goroutine);
        // The goroutine was put there before; the lists are read after. The machine enters them, then
        // looks.
        fence(SeqCst);
        if shared.idle.remove(home.as_static()) {
            let idle = shared.idle.take_processor();
            let processor = idle.unwrap_or_else(|| {
                let processor = self.processor();
                self.set_processor(None);
                processor
            });
            home.rouse(Some(processor), false);
        }
    }

    /// Idle, in the lists, with goroutines that only this machine can run, and no processor for them:
    /// others have one, and will bring them back with it.
    #[cold]
    pub(crate) fn send_bound_out(&self) {
        let shared = self.shared();
        while let Some(goroutine) = self.bound.pop_batch(0, drop) {
            shared.global.push(goroutine);
        }
        shared.notify();
    }

    /// May its thread end? Not while somebody may have to go on on it, or to begin there: also one that was sent out.
    pub(crate) fn is_nobodys_home(&self) -> bool {
        let mut nobodys = self.bound.len() == 0;
        self.shared().arena.for_each(|goroutine| {
            let is_bound = || goroutine.is_new() && goroutine.has_flag(BOUND);
            let has_a_home = goroutine.is_started() || is_bound();
            nobodys &= !has_a_home || goroutine.home() != self.number;
        });
        nobodys
    }
}

impl Shared {
    /// The machine that a goroutine has run on last.
    pub(crate) fn home_of(&self, goroutine: GoroutineRef) -> &'static Machine {
        self.machine_at(goroutine.home()).expect("machines' records stay as long as the runtime")
    }
}

#[cfg(all(test, not(loom), not(feature = "threads")))]
mod tests {
    use crate::{Runtime, spawn_local, tls};

    /// Sent out, as its machine had no processor, and not picked by anybody yet: its thread was taken to be of no use, and
    /// nobody ran it.
    #[test]
    fn a_local_goroutine_that_has_not_begun_has_its_home() {
        let runtime = Runtime::builder().processors(1).build().unwrap();
        let starter = runtime.spawn(|| {
            drop(spawn_local(|| ()));
            let machine = tls::machine().expect("a goroutine runs on a machine");
            machine.bound.pop_batch(0, drop).expect("it has just been put there")
        });
        let local = starter.join().unwrap();
        assert!(!local.shared().home_of(local).is_nobodys_home());
        local.shared().inject_from_outside(local);
    }
}
