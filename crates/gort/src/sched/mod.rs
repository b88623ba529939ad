//! The scheduler: goroutines on machines that hold processors, after Go's G, M and P.
#[cfg(not(loom))]
mod doze;
#[cfg(not(loom))]
mod find;
#[cfg(not(loom))]
mod global;
mod idle;
#[cfg(not(loom))]
mod machine;
#[cfg(not(loom))]
mod park;
#[cfg(not(loom))]
mod processor;
mod run_queue;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod shutdown;
#[cfg(not(loom))]
mod spawn;
mod timer;
#[cfg(not(loom))]
mod worker;

#[cfg(not(loom))]
pub(crate) use machine::Machine;
#[cfg(not(loom))]
pub(crate) use park::{
    checkpoint, current_goroutine, park, resume_goroutine, shielded, unwind_for_shutdown, yield_now,
};
#[cfg(not(loom))]
pub(crate) use processor::Processor;
#[cfg(not(loom))]
pub(crate) use shared::{MAX_PROCESSORS, Shared};
#[cfg(not(loom))]
pub(crate) use spawn::Attributes;
