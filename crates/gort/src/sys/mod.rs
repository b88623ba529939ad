//! What a port supplies: waiting on an address, and settings of the threads that machines are.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{
    AtomicThreadId, barrier_in_all_threads, errno, install_handler, prepare_machine_thread,
    register_barrier, rough_time, set_errno, thread_local_storage, wait_on_address, wake_one,
};
