//! The monotonic clock as a count of nanoseconds, and points of time to wait for.
//!
//! To look at it costs 25 to 35 ns (on a virtual machine, where reading the time stamp counter is most of that),
//! which is much for an operation that takes 5. So it is looked at once in each, if at all; where it is enough to
//! know that a time is far away there is a clock of the kernel's that is read in 5 ns, and goes in steps of some
//! milliseconds.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds since the runtime first looked at the clock.
#[inline]
pub(crate) fn now() -> u64 {
    nanos_of(epoch().0.elapsed())
}

/// Up to as long as the process can last.
#[inline]
fn nanos_of(duration: Duration) -> u64 {
    duration.as_secs().wrapping_mul(1_000_000_000).wrapping_add(duration.subsec_nanos().into())
}

/// When the runtime first looked at the clock, and what the rough one said.
#[inline]
fn epoch() -> (Instant, u64) {
    static EPOCH: OnceLock<(Instant, u64)> = OnceLock::new();
    *EPOCH.get_or_init(|| (Instant::now(), rough()))
}

#[cfg(not(loom))]
#[inline]
fn rough() -> u64 {
    nanos_of(crate::sys::rough_time())
}

#[cfg(loom)]
fn rough() -> u64 {
    0
}

/// The rough clock may be behind by this, or ahead, as it was when the two were first looked at.
const ROUGHNESS: u64 = 50_000_000;

/// A point of time up to which a wait may last; too far away to name is never.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Deadline(u64);

impl Deadline {
    pub(crate) const NEVER: Deadline = Deadline(u64::MAX);

    /// `duration` from now.
    pub(crate) fn after(duration: Duration) -> Deadline {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Deadline(now().saturating_add(nanos))
    }

    /// The time of `instant`; one that has passed is due at once.
    pub(crate) fn at(instant: Instant) -> Deadline {
        let nanos = instant.saturating_duration_since(epoch().0).as_nanos();
        Deadline(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The time at which [`clock::now`](now) says `nanos`.
    pub(crate) const fn from_nanos(nanos: u64) -> Deadline {
        Deadline(nanos)
    }

    /// As [`clock::now`](now) counts.
    #[inline(always)]
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    /// As std's clock tells it; not for [`NEVER`](Self::NEVER).
    pub(crate) fn instant(self) -> Instant {
        epoch().0 + Duration::from_nanos(self.0)
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
        let rough_now = rough().saturating_sub(epoch().1);
        self.0 > rough_now.saturating_add(ROUGHNESS)
    }
}
