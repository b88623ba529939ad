//! Processes that are forked off: they have the memory of the one that they come from, and none of its threads.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many forks have led to this process since the first [`Origin`] was asked for.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process in which something was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin(u32);

impl Origin {
    pub(crate) fn here() -> Origin {
        extern "C" fn in_child() {
            FORKS.fetch_add(1, Relaxed);
        }
        static COUNTED: Once = Once::new();
        COUNTED.call_once(|| {
            // SAFETY: what is called after a fork only counts. It is refused for want of memory alone; forks are not told from
            // threads then.
            let _refused = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        });
        Origin(FORKS.load(Relaxed))
    }

    /// Is this still that process?
    pub(crate) fn is_here(self) -> bool {
        self.0 == FORKS.load(Relaxed)
    }
}
