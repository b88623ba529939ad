//! What is asked of descriptors, and std has no name for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Has operations that would wait fail instead, or wait. That goes for the open file, and so for all descriptors of it,
/// also those of other processes.
pub(crate) fn set_nonblocking(io: &impl AsFd, nonblocking: bool) -> io::Result<()> {
    let descriptor = io.as_fd().as_raw_fd();
    let mut setting = libc::c_int::from(nonblocking);
    // SAFETY: the setting is valid for the call, which reads it.
    match unsafe { libc::ioctl(descriptor, libc::FIONBIO, &raw mut setting) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Is there something to be read now, the end included?
pub(crate) fn is_readable(descriptor: impl AsFd) -> io::Result<bool> {
    // An error or the end of the other side counts: the operation that follows tells of it.
    poll(descriptor.as_fd(), libc::POLLIN).map(|found| found != 0)
}

/// Is there room to write something, or an error to be told?
pub(crate) fn is_writable(descriptor: impl AsFd) -> io::Result<bool> {
    poll(descriptor.as_fd(), libc::POLLOUT).map(|found| found != 0)
}

/// Which of these events there are now, and errors.
pub(in crate::sys) fn poll(
    descriptor: BorrowedFd<'_>,
    events: libc::c_short,
) -> io::Result<libc::c_short> {
    let mut asked = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    // SAFETY: one structure, valid for the call, which does not wait.
    match unsafe { libc::poll(&raw mut asked, 1, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(asked.revents),
    }
}

/// Reads what is there, as `read` does.
pub(crate) fn read(from: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is valid for the call, which writes not more than it holds.
    match unsafe { libc::read(from.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } {
        -1 => Err(io::Error::last_os_error()),
        count => Ok(count as usize),
    }
}

/// Receives what there is at a socket, and leaves it there.
pub(crate) fn peek(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (descriptor, to, len) = (socket.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the buffer is valid for the call, which writes not more than it holds.
    match unsafe { libc::recv(descriptor, to, len, libc::MSG_PEEK) } {
        -1 => Err(io::Error::last_os_error()),
        count => Ok(count as usize),
    }
}

/// Writes what there is room for, as `write` does.
pub(crate) fn write(to: BorrowedFd<'_>, buffer: &[u8]) -> io::Result<usize> {
    // SAFETY: the buffer is valid for the call, which reads not more than it holds.
    match unsafe { libc::write(to.as_raw_fd(), buffer.as_ptr().cast(), buffer.len()) } {
        -1 => Err(io::Error::last_os_error()),
        count => Ok(count as usize),
    }
}
