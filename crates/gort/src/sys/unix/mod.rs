//! What all kinds of Unix have: descriptors, signals, and forks.

mod descriptors;
mod files;
mod origin;
mod processes;
pub(crate) mod signals;
mod sockets;

pub(crate) use descriptors::*;
pub(crate) use files::*;
pub(crate) use origin::{Origin, call_in_forked_children};
pub(crate) use processes::ProcessWatch;
pub(crate) use sockets::*;
