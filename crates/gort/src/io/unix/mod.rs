//! Pipes and standard input are polled, as sockets are, and the kernel copies.

mod splice;
mod spliced;

pub(super) use crate::net::source::Source;
pub(super) use splice::copy_in_kernel;
pub use splice::{copy_both, splice};
pub use spliced::Spliced;
