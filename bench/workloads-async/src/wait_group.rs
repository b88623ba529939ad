//! Counting tasks until they are done: an atomic and what the peer has to wake one task.

use crate::{AsyncRuntime, Notify};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::*};

pub struct WaitGroup<R: AsyncRuntime>(Arc<Inner<R::Notify>>);

struct Inner<N> {
    /// One more than there are tasks, until somebody waits.
    left: AtomicUsize,
    done: N,
}

impl<R: AsyncRuntime> WaitGroup<R> {
    pub fn new() -> Self {
        WaitGroup(Arc::new(Inner { left: AtomicUsize::new(1), done: Notify::new() }))
    }

    pub fn add(&self, tasks: usize) {
        self.0.left.fetch_add(tasks, Relaxed);
    }

    pub fn done(&self) {
        if self.0.left.fetch_sub(1, AcqRel) == 1 {
            self.0.done.notify();
        }
    }

    /// Called once.
    pub async fn wait(&self) {
        self.done();
        self.0.done.notified().await;
    }
}

impl<R: AsyncRuntime> Clone for WaitGroup<R> {
    fn clone(&self) -> Self {
        WaitGroup(self.0.clone())
    }
}
