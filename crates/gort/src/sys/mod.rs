//! What a port supplies: waiting on an address, and settings of the threads that machines are.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{prepare_machine_thread, wait_on_address, wake_one};
