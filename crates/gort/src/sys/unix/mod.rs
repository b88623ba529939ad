//! What all kinds of Unix have: descriptors, and signals.

mod descriptors;
pub(crate) mod signals;
mod sockets;

pub(crate) use descriptors::*;
pub(crate) use sockets::*;
