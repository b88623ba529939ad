//! The scheduler: goroutines on machines that hold processors, after Go's G, M and P.
mod find;
mod global;
mod idle;
mod machine;
mod park;
mod processor;
mod run_queue;
mod shared;
mod shutdown;
mod spawn;
mod timer;
mod worker;

pub(crate) use machine::Machine;
pub(crate) use park::{
    checkpoint, current_goroutine, park, resume_goroutine, shielded, unwind_for_shutdown, yield_now,
};
pub(crate) use processor::Processor;
pub(crate) use shared::{MAX_PROCESSORS, Shared};
pub(crate) use spawn::Attributes;
