//! What a port supplies: waiting on an address, settings of the threads that machines are, signals.

#[cfg(unix)]
pub(crate) mod signals;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{
    AtomicThreadId, barrier_in_all_threads, errno, prepare_machine_thread, register_barrier,
    rough_time, set_errno, thread_local_storage, wait_on_address, wake_one,
};
