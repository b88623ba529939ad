//! What a port supplies: waiting on an address, settings of the threads that machines are, descriptors, signals.

#[cfg(unix)]
mod descriptors;
#[cfg(unix)]
pub(crate) mod signals;
#[cfg(unix)]
mod unix;
#[cfg(target_os = "linux")]
mod wake_timer;
#[cfg(unix)]
pub(crate) use descriptors::{
    is_readable, is_writable, open_process, read, receive, send, set_nonblocking, splice, write,
};
#[cfg(unix)]
pub(crate) use unix::{
    AtomicThreadId, barrier_in_all_threads, errno, is_shut_to_read, prepare_machine_thread,
    register_barrier, replace_by_nothing, rough_time, set_errno, thread_local_storage,
    wait_on_address, wake_one,
};
#[cfg(target_os = "linux")]
pub(crate) use wake_timer::WakeTimer;
