//! What Linux has for descriptors, as far as it can be had elsewhere.

use mio::Interest;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;

/// Makes `to` a descriptor of what `from` is one of; what it was one of is closed, in one step.
pub(in crate::sys) fn duplicate_to(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both are open, and whoever owns the second finds it open and can close it, as before.
    let done = unsafe { libc::dup2(from.as_raw_fd(), to.as_raw_fd()) };
    // A program that is started in between has it as well: it is good for nothing there, either.
    // SAFETY: a flag of a descriptor that is open.
    if done == -1 || unsafe { libc::fcntl(to.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// What the poller is asked for by those who read.
pub(crate) const READING: Interest = Interest::READABLE;

/// There are none.
pub(crate) fn abstract_name(_address: &SocketAddr) -> Option<&[u8]> {
    None
}

/// Has the reading direction of a socket been shut down? Whoever receives is told so here.
pub(crate) fn is_shut_to_read(_socket: BorrowedFd<'_>) -> bool {
    false
}

/// The kernel moves nothing: whoever asks copies.
///
/// # Errors
/// `Unsupported`.
pub(crate) fn splice(
    _from: BorrowedFd<'_>,
    _to: BorrowedFd<'_>,
    _most: usize,
) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no descriptors for processes.
///
/// # Errors
/// `Unsupported`.
pub(crate) fn open_process(_number: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
