//! The monotonic clock as a count of nanoseconds, and points of time to wait for.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds since the runtime first looked at the clock.
#[inline]
pub(crate) fn now() -> u64 {
    epoch().elapsed().as_nanos() as u64
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

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
        let nanos = instant.saturating_duration_since(epoch()).as_nanos();
        Deadline(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The time at which [`clock::now`](now) says `nanos`.
    pub(crate) fn from_nanos(nanos: u64) -> Deadline {
        Deadline(nanos)
    }

    /// As [`clock::now`](now) counts.
    #[inline(always)]
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    /// As std's clock tells it; not for [`NEVER`](Self::NEVER).
    pub(crate) fn instant(self) -> Instant {
        epoch() + Duration::from_nanos(self.0)
    }

    /// The time left; `None`: it never comes.
    pub(crate) fn remaining(self) -> Option<Duration> {
        (self != Self::NEVER).then(|| Duration::from_nanos(self.0.saturating_sub(now())))
    }

    pub(crate) fn has_passed(self) -> bool {
        self != Self::NEVER && self.0 <= now()
    }
}
