//! The poller: what the kernel tells of descriptors that have become readable or writable, and who waits for that;
//! after Go's `netpoll.go`.
//!
//! | room | what it has |
//! |---|---|
//! | [`readiness`](mod@readiness) | the word in which an event is kept, and who waits for one: states, invariants, models |
//! | [`record`](mod@record) | the two words of each source, in a table that is never given back |
//! | [`turn`](mod@turn) | who polls |
//! | [`driver`](mod@driver) | a runtime's view of the kernel's poller: the one file that knows which that is |
//!
//! A descriptor is registered once, edge-triggered, when somebody first has to wait for it: with the runtime of that
//! goroutine; for the other direction when somebody first waits for that. (Windows' poller tells one event, and has then to be asked
//! again: there a direction is registered anew when somebody has to wait who has seen that event.) Events go from the driver through the record to who waits, by
//! [`Claim::wake`](crate::park::Claim::wake) as from any other; so it does not matter which runtime's, or whether it
//! is a plain thread.
//!
//! On Linux this is shown by
//! - `.ci/gates tcp`: an echo takes no `epoll_ctl`, and a connection one for each end to register it;
//! - `cargo test -p gort --test net_registered`: nor are there more on several processors, or for who waits in both directions; all
//!   are edge-triggered;
//! - `.ci/gates outside`: a machine that sleeps in the poller is woken by one write, also if many are readied before it is back.
//!
//! Who polls is the scheduler's affair: see `sched/polling.rs`. Who tries, waits and tries again is in `net/source.rs`.

#[cfg(not(loom))]
pub(crate) mod driver;
pub(crate) mod readiness;
#[cfg(not(loom))]
pub(crate) mod record;
pub(crate) mod turn;

#[cfg(not(loom))]
pub(crate) use driver::Driver;
#[cfg(not(loom))]
pub(crate) use record::Record;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg(not(loom))]
pub(crate) enum Direction {
    Read = 1,
    Write = 2,
}

/// None, one or both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg(not(loom))]
pub(crate) struct Directions(u8);

#[cfg(not(loom))]
impl Directions {
    pub(crate) const NONE: Directions = Directions(0);

    pub(crate) fn has(self, direction: Direction) -> bool {
        self.0 & direction as u8 != 0
    }

    pub(crate) fn with(self, direction: Direction) -> Directions {
        Directions(self.0 | direction as u8)
    }

    pub(crate) fn without(self, direction: Direction) -> Directions {
        Directions(self.0 & !(direction as u8))
    }
}
