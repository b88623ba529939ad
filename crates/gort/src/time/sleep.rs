//! Letting a goroutine sleep.

use crate::clock::Deadline;
use crate::park::{self, Outcome, Wait};
use std::time::{Duration, Instant};

/// Lets the caller sleep for at least `duration`.
///
/// A goroutine gives its processor to others meanwhile, and is unwound if its runtime is [shut down](crate::Runtime::shutdown);
/// a plain thread is blocked. Zero only yields. `Duration::MAX` is for ever.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// gort::run(|| {
///     let start = Instant::now();
///     gort::sleep(Duration::from_millis(5));
///     assert!(start.elapsed() >= Duration::from_millis(5));
/// });
/// ```
pub fn sleep(duration: Duration) {
    if duration.is_zero() {
        return crate::yield_now();
    }
    gort_context::wipe_below();
    sleep_to(Deadline::after(duration));
}

/// Lets the caller sleep until `instant`; one that has passed only yields.
///
/// A goroutine gives its processor to others meanwhile, and is unwound if its runtime is [shut down](crate::Runtime::shutdown);
/// a plain thread is blocked.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// gort::run(|| {
///     let next = Instant::now() + Duration::from_millis(5);
///     gort::sleep_until(next);
///     assert!(Instant::now() >= next);
/// });
/// ```
pub fn sleep_until(instant: Instant) {
    let deadline = Deadline::at(instant);
    if deadline.has_passed() {
        return crate::yield_now();
    }
    gort_context::wipe_below();
    sleep_to(deadline);
}

fn sleep_to(deadline: Deadline) {
    let outcome = park::with_task(|task| {
        // The only tickets are the timer's and the shutdown's.
        let _ticket = task.arm();
        park::block(task, deadline, Wait::Sleep)
    });
    if outcome == Outcome::SHUTDOWN {
        park::unwind();
    }
}
