//! What is asked of descriptors, and std has no name for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;

/// Has operations that would wait fail instead, or wait. That goes for the open file, and so for all descriptors of it,
/// also those of other processes.
pub(crate) fn set_nonblocking(descriptor: BorrowedFd<'_>, nonblocking: bool) -> io::Result<()> {
    let mut setting = libc::c_int::from(nonblocking);
    // SAFETY: the setting is valid for the call, which reads it.
    match unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::FIONBIO, &raw mut setting) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
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

/// Is there something to be read now, the end included?
pub(crate) fn is_readable(descriptor: impl AsFd) -> io::Result<bool> {
    // An error or the end of the other side counts: the operation that follows tells of it.
    poll(descriptor.as_fd(), libc::POLLIN).map(|found| found != 0)
}

/// Is there room to write something, or an error to be told?
pub(crate) fn is_writable(descriptor: impl AsFd) -> io::Result<bool> {
    poll(descriptor.as_fd(), libc::POLLOUT).map(|found| found != 0)
}

/// Has the reading direction of a socket been shut down?
pub(crate) fn is_shut_to_read(socket: BorrowedFd<'_>) -> bool {
    poll(socket, libc::POLLRDHUP).is_ok_and(|found| found & libc::POLLRDHUP != 0)
}

/// Which of these events there are now, and errors.
fn poll(descriptor: BorrowedFd<'_>, events: libc::c_short) -> io::Result<libc::c_short> {
    let mut asked = libc::pollfd { fd: descriptor.as_raw_fd(), events, revents: 0 };
    // SAFETY: one structure, valid for the call, which does not wait.
    match unsafe { libc::poll(&raw mut asked, 1, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(asked.revents),
    }
}

/// Closes a descriptor and puts something in its place at which every operation fails, in one step.
///
/// # Errors
/// If there is no descriptor left for that; nothing has been closed then.
pub(crate) fn replace_by_nothing(descriptor: RawFd) -> io::Result<()> {
    // A socket without a name that is not connected.
    let nothing = std::os::unix::net::UnixDatagram::unbound()?;
    nothing.set_nonblocking(true)?;
    // SAFETY: both are open, and whoever owns the second finds it open and can close it, as before.
    match unsafe { libc::dup3(nothing.as_raw_fd(), descriptor, libc::O_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
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
    // SAFETY: touches no memory.
    let descriptor =
        unsafe { libc::syscall(libc::SYS_pidfd_open, number as libc::pid_t, libc::PIDFD_NONBLOCK) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has just been made, and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) })
}

/// Reads what is there, as `read` does.
pub(crate) fn read(from: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is valid for the call, which writes not more than it holds.
    match unsafe { libc::read(from.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } {
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
