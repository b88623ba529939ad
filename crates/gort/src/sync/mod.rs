//! What goroutines coordinate with, besides channels.

#[cfg(all(test, loom))]
mod lock_models;
mod mapped;
mod mutex;
mod poison;
mod raw_lock;
mod rw_lock;
mod wait_group;

pub use mapped::MappedGuard;
pub use mutex::{MappedMutexGuard, Mutex, MutexGuard};
pub use rw_lock::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use wait_group::WaitGroup;
