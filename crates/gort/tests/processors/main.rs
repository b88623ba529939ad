//! Processors: fairness on them, their number, and that no goroutine waits while one is idle.

#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod asleep;
mod fairness;
mod idle;
mod number;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::{LIMIT, compute_until, within};

const TOO_LATE: Duration = Duration::from_secs(5);

/// As many goroutines run at once as there are processors: each computes until all do.
fn meets(processors: usize) -> bool {
    let here = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..processors)
        .map(|_| {
            let here = here.clone();
            gort::spawn(move || {
                here.fetch_add(1, SeqCst);
                compute_until(TOO_LATE, || here.load(SeqCst) == processors)
            })
        })
        .collect();
    handles.into_iter().all(|handle| handle.join().unwrap())
}

/// Where a goroutine whose thread the kernel puts aside for long keeps its processor even so.
#[track_caller]
fn on_without_preemption<R: Send + 'static>(
    processors: usize,
    f: impl FnOnce() -> R + Send + 'static,
) -> R {
    let builder = gort::Runtime::builder().processors(processors).preempt(gort::Preempt::Off);
    within(LIMIT, move || builder.build().unwrap().run(f))
}
