//! The monotonic clock as a count of nanoseconds, and points of time to wait for.
//!
//! To look at it costs 25 to 35 ns (on a virtual machine, where reading the time stamp counter is most of that),
//! which is much for an operation that takes 5. So it is looked at once in each, if at all; where it is enough to
//! know that a time is far away there is a clock of the kernel's that is read in 5 ns, and goes in steps of some
//! milliseconds.

#[cfg(not(loom))]
use crate::sys;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// In a model no time passes.
#[cfg(loom)]
mod sys {
    pub(super) fn time() -> u64 {
        0
    }

    pub(super) fn rough_time() -> u64 {
        0
    }
}

/// Nanoseconds since whenever the system's clock began.
#[inline]
pub(crate) fn now() -> u64 {
    sys::time()
}

/// The same, some milliseconds ago: cheap to read.
#[inline]
pub(crate) fn lately() -> u64 {
    sys::rough_time()
}

/// An instant of std's, which does not tell its number, and what [`now`] said then: between two looks that are as close
/// as looks can be. So it is wrong by less than a look takes, and whoever finds by the one that a time has come
/// and then looks at the other does not see it still to come.
fn anchor() -> (Instant, u64) {
    /// During one of so many the thread is not interrupted.
    const ATTEMPTS: u32 = 16;
    static ANCHOR: OnceLock<(Instant, u64)> = OnceLock::new();
    let attempt = |_| {
        let (before, instant) = (now(), Instant::now());
        let width = now() - before;
        (width, (instant, before + width / 2))
    };
    let best = || (0..ATTEMPTS).map(attempt).min().expect("there are attempts").1;
    *ANCHOR.get_or_init(best)
}

/// Up to as long as can be counted.
#[inline]
fn nanos_of(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

/// The rough clock may be behind by this.
const ROUGHNESS: u64 = 50_000_000;

/// A point of time up to which a wait may last; too far away to name is never.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) const NEVER: Deadline = Deadline(u64::MAX);
    pub(crate) const PAST: Deadline = Deadline(0);

    /// `duration` from now.
    #[inline]
    pub(crate) fn after(duration: Duration) -> Deadline {
        Deadline(now().saturating_add(nanos_of(duration)))
    }

    /// The time of `instant`.
    pub(crate) fn at(instant: Instant) -> Deadline {
        let (anchor, nanos) = anchor();
        Deadline(match instant.checked_duration_since(anchor) {
            Some(ahead) => nanos.saturating_add(nanos_of(ahead)),
            None => nanos.saturating_sub(nanos_of(anchor - instant)),
        })
    }

    /// The time at which [`clock::now`](now) says `nanos`.
    pub(crate) const fn from_nanos(nanos: u64) -> Deadline {
        Deadline(nanos)
    }

    /// As [`clock::now`](now) counts.
    #[inline(always)]
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// As std's clock tells it; not for [`NEVER`](Self::NEVER).
    pub(crate) fn instant(self) -> Instant {
        let (anchor, nanos) = anchor();
        match self.0.checked_sub(nanos) {
            Some(ahead) => anchor + Duration::from_nanos(ahead),
            None => anchor - Duration::from_nanos(nanos - self.0),
        }
    }

    /// The time left; `None`: it never comes.
    pub(crate) fn remaining(self) -> Option<Duration> {
        (self != Self::NEVER).then(|| Duration::from_nanos(self.0.saturating_sub(now())))
    }

    #[inline(always)]
    pub(crate) fn has_passed(self) -> bool {
        self != Self::NEVER && self.has_come()
    }

    fn has_come(self) -> bool {
        !self.is_far() && self.0 <= now()
    }

    /// Is it to come, by more than the rough clock may be wrong?
    fn is_far(self) -> bool {
        self.0 > lately().saturating_add(ROUGHNESS)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn instants_stay_what_they_are() {
        let now = Instant::now();
        // No more: a machine that was started just now has no earlier time.
        let moment = Duration::from_millis(1);
        for instant in [now - moment, now, now + moment] {
            assert_eq!(Deadline::at(instant).instant(), instant);
        }
    }

    #[test]
    fn a_time_that_has_come_by_one_clock_has_come_by_the_other() {
        for _ in 0..10_000 {
            let start = Instant::now();
            assert!(Deadline::after(Duration::ZERO).instant() >= start);
            let instant = Instant::now() + Duration::from_nanos(500);
            let deadline = Deadline::at(instant);
            while !deadline.has_passed() {}
            assert!(Instant::now() >= instant);
        }
    }
}
