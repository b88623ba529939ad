//! Streams of bytes, where there is no shorter way than the one that std goes.

use super::OwnsDescriptor;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A socket that does not block.
pub(crate) fn new_socket(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Accepts a connection, which does not block.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

/// Receives from a stream.
pub(crate) fn receive(socket: &impl OwnsDescriptor, buffer: &mut [u8]) -> io::Result<usize> {
    (&*SockRef::from(socket)).read(buffer)
}

/// Sends to a stream.
pub(crate) fn send(socket: &impl OwnsDescriptor, buffer: &[u8]) -> io::Result<usize> {
    SockRef::from(socket).send(buffer)
}
