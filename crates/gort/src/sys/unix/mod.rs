//! What all kinds of Unix have: descriptors, and signals.

mod descriptors;
mod files;
mod processes;
pub(crate) mod signals;
mod sockets;

pub(crate) use descriptors::*;
pub(crate) use files::*;
pub(crate) use processes::ProcessWatch;
pub(crate) use sockets::*;
