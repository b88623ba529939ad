//! What goroutines coordinate with, besides channels.

mod wait_group;

pub use wait_group::WaitGroup;
