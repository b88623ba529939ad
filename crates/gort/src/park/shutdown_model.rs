//! In models: a shutdown. It finds the wait of a plain thread, which stands for a goroutine, as that of a runtime finds those
//! of its goroutines: by the task alone, at any moment.

use super::word::{Outcome, Task};
use crate::prim::Arc;
use loom::sync::Mutex;
use std::cell::RefCell;
use std::ptr::NonNull;

/// The task of a thread, while it has one. Locked as long as the shutdown is at it, so that the task is there.
pub(crate) struct Shutdown(Mutex<Option<NonNull<Task>>>);

// SAFETY: the task may be used by any thread.
unsafe impl Send for Shutdown {}
// SAFETY: as above.
unsafe impl Sync for Shutdown {}

loom::thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Arc<Shutdown>>> = RefCell::new(None);
}

impl Shutdown {
    /// For the waits of the calling thread from now on.
    pub(crate) fn of_this_thread() -> Arc<Shutdown> {
        let shutdown = Arc::new(Shutdown(Mutex::new(None)));
        OF_THIS_THREAD.with(|of_this| of_this.replace(Some(shutdown.clone())));
        shutdown
    }

    /// Ends the thread's wait, if it is parked.
    pub(crate) fn end_wait(&self) {
        let task = self.0.lock().unwrap();
        // SAFETY: it is there while this is locked.
        let ticket = task.and_then(|task| unsafe { task.as_ref() }.parked_ticket());
        // SAFETY: as above.
        let claim = ticket.and_then(|ticket| unsafe { ticket.claim(Outcome::SHUTDOWN) });
        if let Some(claim) = claim {
            claim.wake();
        }
    }
}

/// A task of the calling thread's, which a shutdown finds as long as this lives.
pub(super) struct Found(Option<Arc<Shutdown>>);

impl Found {
    pub(super) fn new(task: &Task) -> Found {
        let shutdown = OF_THIS_THREAD.with(|of_this| of_this.borrow().clone());
        if let Some(shutdown) = &shutdown {
            *shutdown.0.lock().unwrap() = Some(NonNull::from(task));
        }
        Found(shutdown)
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        if let Some(shutdown) = &self.0 {
            *shutdown.0.lock().unwrap() = None;
        }
    }
}
