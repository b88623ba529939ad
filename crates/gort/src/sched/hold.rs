//! Whose a machine's processor is: its own while it is *inside* the runtime; while it is *outside*, running
//! code of the user's, the monitor may take it away. To the scheduler, user code is a system call.
//!
//! A machine goes inside and outside with every operation that touches its processor, so that must cost
//! next to nothing: two plain stores and a load. It is the monitor, who seldom takes anything, that pays
//! for the order between them with a [`barrier`] in all threads of the process.
//!
//! | claim | meaning | who moves it on |
//! |---|---|---|
//! | `NONE` | the machine has no processor | the machine, inside → `HELD` |
//! | `HELD` | it has one | the machine, inside → `NONE`; the monitor → `WANTED` |
//! | `WANTED` | the monitor would like to have it | the machine, inside → `HELD`, or `NONE` if it lays it down; the monitor → `HELD` or `TAKEN` |
//! | `TAKEN` | the monitor has taken it | the machine, when it next goes inside → `NONE` |
//!
//! **Never both.** The machine sets `inside`, then reads the claim. The monitor sets `WANTED`, has the barrier
//! executed, then reads `inside`. If it finds the machine outside, then that has not begun to go inside
//! before the barrier; it will find the claim not to be `HELD`, and the two settle it with a
//! compare-and-swap from `WANTED`. If the monitor finds it inside, it gives up.
//!
//! **Handing over.** What the machine wrote to its processor before it went outside is released by the
//! store to `inside`, and acquired by the monitor's load.

use super::barrier;
use crate::prim::atomic::{AtomicBool, AtomicU32, Ordering::*};

const NONE: u32 = 0;
const HELD: u32 = 1;
const WANTED: u32 = 2;
const TAKEN: u32 = 3;

pub(crate) struct Hold {
    inside: AtomicBool,
    claim: AtomicU32,
}

/// What a machine finds when it goes inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    /// It still has its processor.
    Kept,
    /// It has none, and has known so.
    Without,
    /// Its processor has been taken since it went outside.
    Lost,
}

impl Hold {
    /// Of a machine that begins inside and has no processor.
    pub(crate) fn new() -> Hold {
        Hold { inside: AtomicBool::new(true), claim: AtomicU32::new(NONE) }
    }

    // ---- the machine

    /// Goes inside.
    #[inline(always)]
    pub(crate) fn enter(&self) -> Entry {
        self.inside.store(true, Relaxed);
        barrier::light();
        if self.claim.load(Relaxed) == HELD { Entry::Kept } else { self.settle() }
    }

    #[cold]
    #[inline(never)]
    fn settle(&self) -> Entry {
        match self.claim.compare_exchange(WANTED, HELD, Relaxed, Acquire) {
            Ok(_) | Err(HELD) => Entry::Kept,
            Err(NONE) => Entry::Without,
            Err(_) => {
                self.claim.store(NONE, Relaxed);
                Entry::Lost
            }
        }
    }

    /// Goes outside.
    #[inline(always)]
    pub(crate) fn exit(&self) {
        self.inside.store(false, Release);
    }

    #[inline(always)]
    pub(crate) fn is_inside(&self) -> bool {
        self.inside.load(Relaxed)
    }

    /// Inside: the machine has a processor from now on, or none.
    #[inline(always)]
    pub(crate) fn set_held(&self, held: bool) {
        // A monitor that wants what was held before has seen, or will see, that the machine is inside;
        // its attempt to go from WANTED on fails then, or sets HELD where HELD is.
        self.claim.store(if held { HELD } else { NONE }, Release);
    }

    // ---- the monitor

    /// Takes the machine's processor, if that is outside and has one. The caller is the only one to try.
    /// `which` tells what the machine has; it is asked before the machine can know that it has lost it.
    pub(crate) fn try_take<P>(&self, which: impl FnOnce() -> P) -> Option<P> {
        if self.is_inside() {
            return None;
        }
        self.claim.compare_exchange(HELD, WANTED, Relaxed, Relaxed).ok()?;
        barrier::heavy();
        if self.inside.load(Acquire) {
            // If that fails the machine has settled it.
            let _ = self.claim.compare_exchange(WANTED, HELD, Relaxed, Relaxed);
            return None;
        }
        let processor = which();
        self.claim.compare_exchange(WANTED, TAKEN, AcqRel, Relaxed).ok().map(|_| processor)
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::atomic::AtomicUsize;
    use crate::prim::{Arc, UnsafeCell, thread};

    /// A machine, and two processors, each a number that only its owner may touch.
    struct World {
        hold: Hold,
        /// Which one the machine has; 0: none.
        which: AtomicUsize,
        processors: [UnsafeCell<u32>; 2],
    }

    impl World {
        /// The machine is outside, with processor 1.
        fn new() -> Arc<World> {
            let hold = Hold::new();
            hold.set_held(true);
            hold.exit();
            let processors = [UnsafeCell::new(0), UnsafeCell::new(0)];
            Arc::new(World { hold, which: AtomicUsize::new(1), processors })
        }

        fn touch(&self, which: usize) {
            // SAFETY: by what is to be shown, the caller owns it; loom checks that.
            self.processors[which - 1].with_mut(|processor| unsafe { *processor += 1 });
        }

        /// Returns which processor the monitor has taken, if it has.
        fn monitor(&self) -> Option<usize> {
            let taken = self.hold.try_take(|| self.which.load(Relaxed));
            if let Some(which) = taken {
                assert_ne!(which, 0, "what a machine holds is a processor");
                self.touch(which);
            }
            taken
        }

        /// As a machine goes inside: with which processor?
        fn enter(&self) -> usize {
            if self.hold.enter() == Entry::Lost {
                self.which.store(0, Relaxed);
            }
            self.which.load(Relaxed)
        }
    }

    /// If both had it, loom would report two who touch the processor at once. It does when `light` or
    /// `heavy` does nothing, when `exit` does not release, and when the monitor asks which processor it
    /// is only after it has taken it.
    #[test]
    fn a_processor_belongs_to_the_machine_or_the_monitor() {
        loom::model(|| {
            let world = World::new();
            let monitor = thread::spawn({
                let world = world.clone();
                move || world.monitor()
            });
            for _ in 0..2 {
                match world.enter() {
                    0 => {}
                    which => world.touch(which),
                }
                world.hold.exit();
            }
            let taken = monitor.join().unwrap();
            assert!(taken.is_none_or(|which| which == 1));
            assert_eq!(world.enter(), if taken.is_some() { 0 } else { 1 });
        });
    }

    /// The machine lays its processor down inside, and takes the other.
    #[test]
    fn a_machine_that_changes_its_processor_meanwhile() {
        loom::model(|| {
            let world = World::new();
            let monitor = thread::spawn({
                let world = world.clone();
                move || world.monitor()
            });
            let had = world.enter();
            if had == 1 {
                world.touch(1);
                world.which.store(0, Relaxed);
                world.hold.set_held(false);
                world.which.store(2, Relaxed);
                world.hold.set_held(true);
                world.touch(2);
            }
            world.hold.exit();
            let taken = monitor.join().unwrap();
            assert_eq!(world.enter(), if had == 1 && taken.is_none() { 2 } else { 0 });
            assert!(taken.is_none_or(|which| which == if had == 1 { 2 } else { 1 }));
        });
    }
}
