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
//! So far that is Linux. Elsewhere no runtime ever has a driver (`no_driver.rs`), and the scheduler need not know.
//!
//! A descriptor is registered once, edge-triggered, when somebody first has to wait for it: with the runtime of that
//! goroutine; for the other direction when somebody first waits for that. Events go from the driver through the record to who waits, by
//! [`Claim::wake`](crate::park::Claim::wake) as from any other; so it does not matter which runtime's, or whether it
//! is a plain thread.
//!
//! Who polls is the scheduler's affair: see `sched/polling.rs`. Who tries, waits and tries again is in `net/source.rs`.

#[cfg(all(target_os = "linux", not(loom)))]
pub(crate) mod driver;
#[cfg(all(not(target_os = "linux"), not(loom)))]
#[path = "no_driver.rs"]
pub(crate) mod driver;
pub(crate) mod readiness;
#[cfg(all(target_os = "linux", not(loom)))]
pub(crate) mod record;
pub(crate) mod turn;

#[cfg(not(loom))]
pub(crate) use driver::Driver;
#[cfg(all(target_os = "linux", not(loom)))]
pub(crate) use record::Record;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg(not(loom))]
pub(crate) enum Direction {
    Read = 1,
    Write = 2,
}
