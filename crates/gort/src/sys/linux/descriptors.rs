//! What Linux has for descriptors that others have not.

use crate::sys::poll;
use mio::Interest;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::ptr::null_mut;

/// A socket that does not block.
pub(crate) fn new_socket(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    Socket::new(domain, kind.nonblocking(), protocol)
}

/// Accepts a connection, which does not block, without a further system call to say so.
pub(crate) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let accept = |peer: *mut SockAddrStorage, len: *mut libc::socklen_t| {
        // SAFETY: there is room for an address of any kind, and `len` says how much.
        match unsafe { libc::accept4(listener.as_raw_fd(), peer.cast(), len, flags) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: it has just been made, and is nobody else's.
            descriptor => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        }
    };
    // SAFETY: the call has written the address and its length.
    let (socket, peer) = unsafe { SockAddr::try_init(accept) }?;
    let peer = peer.as_socket().ok_or_else(|| io::Error::other("a listener that is not TCP's"))?;
    Ok((TcpStream::from(socket), peer))
}

/// Receives from a stream.
///
/// By the system call itself: in a process with threads the C library's function also sees to it that the thread can be
/// cancelled meanwhile, which takes two locked instructions.
pub(crate) fn receive(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (descriptor, len) = (socket.as_fd().as_raw_fd(), buffer.len().min(isize::MAX as usize));
    let from = null_mut::<libc::c_void>();
    // SAFETY: the buffer is valid for the call, which writes at most `len` bytes to it, and no address.
    let received = unsafe {
        libc::syscall(libc::SYS_recvfrom, descriptor, buffer.as_mut_ptr(), len, 0, from, from)
    };
    if received < 0 { Err(io::Error::last_os_error()) } else { Ok(received as usize) }
}

/// Sends to a stream, without a signal if it is closed. As [`receive`].
pub(crate) fn send(socket: &impl AsFd, buffer: &[u8]) -> io::Result<usize> {
    let (descriptor, len) = (socket.as_fd().as_raw_fd(), buffer.len().min(isize::MAX as usize));
    let (flags, to) = (libc::MSG_NOSIGNAL, null_mut::<libc::c_void>());
    // SAFETY: the buffer is valid for the call, which reads `len` bytes from it, and no address.
    let sent =
        unsafe { libc::syscall(libc::SYS_sendto, descriptor, buffer.as_ptr(), len, flags, to, 0) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

/// Has the reading direction of a socket been shut down?
pub(crate) fn is_shut_to_read(socket: BorrowedFd<'_>) -> bool {
    poll(socket, libc::POLLRDHUP).is_ok_and(|found| found & libc::POLLRDHUP != 0)
}

/// Moves up to `most` bytes from one descriptor to the other, one of which is a pipe, in the kernel. Zero at the end.
pub(crate) fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
    let flags = libc::SPLICE_F_NONBLOCK | libc::SPLICE_F_MOVE;
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: without offsets it touches no memory of the process.
    match unsafe { libc::splice(from, null_mut(), to, null_mut(), most, flags) } {
        -1 => Err(io::Error::last_os_error()),
        moved => Ok(moved as usize),
    }
}

/// A descriptor that becomes readable when the process ends, which is a child of this one and was not waited for yet.
pub(crate) fn open_process(number: u32) -> io::Result<OwnedFd> {
    // Without a flag, as before 5.10 there is none: it is polled, and nothing else.
    // SAFETY: touches no memory.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, number as libc::pid_t, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has just been made, and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) })
}

/// Makes `to` a descriptor of what `from` is one of; what it was one of is closed, in one step.
pub(in crate::sys) fn duplicate_to(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both are open, and whoever owns the second finds it open and can close it, as before.
    match unsafe { libc::dup3(from.as_raw_fd(), to.as_raw_fd(), libc::O_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// What the poller is asked for by those who read: urgent data, too, which make a read stop short.
pub(crate) const READING: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// The abstract name of a Unix socket, if it has one.
pub(crate) fn abstract_name(address: &net::SocketAddr) -> Option<&[u8]> {
    address.as_abstract_name()
}
