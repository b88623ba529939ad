//! A store-load barrier between two sides of which one is in a hurry: `light` on that side, `heavy` on
//! the other. For any two threads that call one of each, what was stored before the call is seen by
//! what is loaded after it, by one of the two at least.
//!
//! On Linux and Windows `light` only keeps the compiler from reordering, and `heavy` has all threads of the
//! process execute a barrier (`membarrier`, 1 to 4 µs, and `FlushProcessWriteBuffers`). Where the system does
//! not do that, or with `GORT_BARRIER=fence` in the environment, both are fences.

#[cfg(loom)]
mod choice {
    use crate::prim::atomic::{Ordering::SeqCst, fence};

    pub(crate) fn light() {
        fence(SeqCst);
    }

    pub(crate) fn heavy() {
        fence(SeqCst);
    }
}

#[cfg(not(loom))]
mod choice {
    use crate::sys;
    use crate::tell::tell;
    use std::sync::Once;
    use std::sync::atomic::{AtomicBool, Ordering::*, compiler_fence, fence};

    /// The system executes barriers in other threads. Set before the first machine starts.
    static ASYMMETRIC: AtomicBool = AtomicBool::new(false);

    #[inline(always)]
    pub(crate) fn light() {
        if ASYMMETRIC.load(Relaxed) {
            compiler_fence(SeqCst);
        } else {
            fence(SeqCst);
        }
    }

    pub(crate) fn heavy() {
        fence(SeqCst);
        if ASYMMETRIC.load(Relaxed) {
            sys::barrier_in_all_threads();
        }
    }

    /// Chooses, once in a process.
    pub(crate) fn choose() {
        static CHOSEN: Once = Once::new();
        CHOSEN.call_once(|| {
            let asymmetric = match std::env::var_os("GORT_BARRIER") {
                Some(value) if value == "fence" => false,
                Some(value) if value != "membarrier" => {
                    tell(format_args!(
                        "GORT_BARRIER={value:?} is neither membarrier nor fence: ignored"
                    ));
                    true
                }
                _ => true,
            };
            ASYMMETRIC.store(asymmetric && sys::register_barrier(), Relaxed);
        });
    }
}

#[cfg(not(loom))]
pub(crate) use choice::choose;
pub(crate) use choice::{heavy, light};
