//! What goroutines coordinate with, besides channels.
//!
//! | to | use | after |
//! |---|---|---|
//! | let one at a time touch a value | [`Mutex`] | std |
//! | let one write it, or many read it | [`RwLock`] | std |
//! | wait until a value is as it should be | [`Condvar`] | std |
//! | do something once, or make a value once | [`Once`], [`OnceLock`], [`LazyLock`] | std |
//! | wait for goroutines | [`WaitGroup`]; [`ErrGroup`] if they may fail | Go |
//! | wait for each other | [`Barrier`] | std |
//! | let so many at a time do something | [`Semaphore`] | Go's x/sync |
//! | tell one that something has happened | [`Notify`] | Tokio |
//! | do work once for all who want it at the same time | [`SingleFlight`] | Go's x/sync |
//! | use things again that are dear to make | [`Pool`] | Go |
//!
//! All of it may be used from goroutines and plain threads at once: a goroutine that waits gives its processor to
//! others, a thread is blocked. Those of std work in goroutines, too, but there a thread waits, and the
//! processor with it, until the monitor moves its goroutines elsewhere.
//!
//! A wait can be given up: most that wait have a `_timeout`, a `_deadline` and a `_context` form. Nothing is lost then:
//! what was about to be given to one that gives up goes to another, or it does not give up.
//!
//! Waiting for goroutines of a runtime that is shut down ends, too; waiting in one of its goroutines unwinds it.

mod barrier;
mod condvar;
#[cfg(not(loom))]
mod err_group;
mod lazy_lock;
#[cfg(all(test, loom))]
mod lock_models;
mod mapped;
mod mutex;
mod notify;
mod once;
mod once_lock;
mod permit;
mod poison;
#[cfg(not(loom))]
mod pool;
mod raw_lock;
mod rw_guards;
mod rw_lock;
mod semaphore;
#[cfg(not(loom))]
mod single_flight;
mod wait_group;

pub use barrier::{Barrier, BarrierWaitResult};
pub use condvar::{Condvar, WaitTimeoutResult};
#[cfg(not(loom))]
pub use err_group::ErrGroup;
pub use lazy_lock::LazyLock;
pub use mapped::MappedGuard;
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard};
pub use notify::Notify;
pub use once::{Once, OnceState};
pub use once_lock::OnceLock;
pub use permit::{OwnedPermit, Permit};
#[cfg(not(loom))]
pub use pool::{Pool, PoolGuard};
pub use rw_guards::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use rw_lock::RwLock;
pub use semaphore::Semaphore;
#[cfg(not(loom))]
pub use single_flight::SingleFlight;
pub use wait_group::WaitGroup;
