//! What loom models have in common.

use super::{Arc, UnsafeCell, thread};

/// Checks `f` in all interleavings with up to so many preemptions as `LOOM_MAX_PREEMPTIONS` says, or three.
pub(crate) fn model(f: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(f);
}

/// Has another thread of the model call `f` with what is shared with it.
pub(crate) fn spawn<S: 'static, T: 'static>(
    shared: &Arc<S>,
    f: impl FnOnce(&S) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || f(&shared))
}

/// A number that something guards: loom sees it being read and written, and fails where nothing does.
pub(crate) struct Number(UnsafeCell<u32>);

// SAFETY: the cell is what the models are about: loom checks who touches it when.
unsafe impl Sync for Number {}
// SAFETY: as above.
unsafe impl Send for Number {}

impl Number {
    pub(crate) fn new() -> Number {
        Number(UnsafeCell::new(0))
    }

    pub(crate) fn add(&self) {
        // SAFETY: nobody else touches it meanwhile, as loom checks.
        self.0.with_mut(|number| unsafe { *number += 1 });
    }

    pub(crate) fn get(&self) -> u32 {
        // SAFETY: nobody writes to it meanwhile, as loom checks.
        self.0.with(|number| unsafe { *number })
    }
}

/// A part of something that is gone when this is dropped: loom fails if somebody is still at it.
pub(crate) struct Life(UnsafeCell<()>);

// SAFETY: the cell is what the models are about: loom checks who touches it when.
unsafe impl Sync for Life {}
// SAFETY: as above.
unsafe impl Send for Life {}

impl Life {
    pub(crate) fn new() -> Life {
        Life(UnsafeCell::new(()))
    }

    pub(crate) fn touch(&self) {
        self.0.with(|_| ());
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.with_mut(|_| ());
    }
}
