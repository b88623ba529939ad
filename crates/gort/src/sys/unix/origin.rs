//! Processes that are forked off: they have the memory of the one that they come from, and none of its threads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many forks have led to this process since the first [`Origin`] was asked for.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// What else is done in a child, by the thread that has forked.
static IN_CHILD: OnceLock<fn()> = OnceLock::new();

/// Has `f` called in processes that are forked off, by their only thread. It must do with what is safe in a signal handler.
pub(crate) fn call_in_forked_children(f: fn()) {
    IN_CHILD.get_or_init(|| f);
}

/// The process in which something was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin(u32);

impl Origin {
    pub(crate) fn here() -> Origin {
        extern "C" fn in_child() {
            FORKS.fetch_add(1, Relaxed);
            if let Some(f) = IN_CHILD.get() {
                f();
            }
        }
        static COUNTED: OnceLock<()> = OnceLock::new();
        COUNTED.get_or_init(|| {
            // SAFETY: what is called after a fork counts, and does what is safe then. It is refused for want of memory alone; forks
            // are not told from threads then.
            let _refused = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        });
        Origin(FORKS.load(Relaxed))
    }

    /// Is this still that process?
    pub(crate) fn is_here(self) -> bool {
        self.0 == FORKS.load(Relaxed)
    }
}
