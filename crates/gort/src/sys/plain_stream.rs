//! Streams of bytes, where there is no shorter way than the one that std goes.

use super::OwnsDescriptor;
use socket2::SockRef;
use std::io::{self, Read};

/// Receives from a stream.
pub(crate) fn receive(socket: &impl OwnsDescriptor, buffer: &mut [u8]) -> io::Result<usize> {
    (&*SockRef::from(socket)).read(buffer)
}

/// Sends to a stream.
pub(crate) fn send(socket: &impl OwnsDescriptor, buffer: &[u8]) -> io::Result<usize> {
    SockRef::from(socket).send(buffer)
}
