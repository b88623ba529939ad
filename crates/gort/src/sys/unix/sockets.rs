//! Sockets, where they are descriptors.

use crate::sys::{Trouble, duplicate_to};
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;

pub(crate) use std::os::fd::AsFd as OwnsDescriptor;

/// What owns a socket of any kind.
pub(crate) use std::os::fd::OwnedFd as OwnedSocket;

/// What the poller knows a socket by.
pub(crate) type Descriptor = RawFd;

/// The descriptor that `io` owns.
pub(crate) fn descriptor_of(io: &impl OwnsDescriptor) -> Descriptor {
    io.as_fd().as_raw_fd()
}

/// A descriptor that is registered with the poller, or is to be.
#[derive(Debug)]
pub(crate) struct Polled(Descriptor);

impl Polled {
    pub(crate) fn new(descriptor: Descriptor) -> Polled {
        Polled(descriptor)
    }
}

impl Source for Polled {
    fn register(&mut self, with: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0).register(with, token, interest)
    }

    fn reregister(&mut self, with: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0).reregister(with, token, interest)
    }

    fn deregister(&mut self, with: &Registry) -> io::Result<()> {
        SourceFd(&self.0).deregister(with)
    }
}

/// Once registered a descriptor stays so: epoll and kqueue tell of each change.
pub(crate) const FORGETS_WHEN_TOLD: bool = false;

/// Lends the descriptor out, by the traits that std has for that. `$owner` has a method `io` that gives what owns it.
macro_rules! borrowed {
    ($handle:ident.$owner:tt) => {
        impl std::os::fd::AsFd for $handle {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                std::os::fd::AsFd::as_fd(self.$owner.io())
            }
        }

        impl std::os::fd::AsRawFd for $handle {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(self))
            }
        }
    };
}

pub(crate) use borrowed;

/// Closes what `io` owns and puts something in its place at which every operation fails, in one step: the number stays
/// taken.
///
/// # Errors
/// If there is no descriptor left for that; nothing has been closed then.
pub(crate) fn close_in_place(io: &impl OwnsDescriptor) -> io::Result<()> {
    // A socket without a name that is not connected.
    let nothing = UnixDatagram::unbound()?;
    nothing.set_nonblocking(true)?;
    // Or who sends to a path just now would succeed, from nobody. (Not to read: that would be the end, and no error.) macOS wants
    // a connection for that, and there it may happen.
    let _refused = nothing.shutdown(Shutdown::Write);
    duplicate_to(nothing.as_fd(), io.as_fd())
}

/// Does the error of a `connect` that does not wait say that it is under way?
pub(crate) fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// What an error of `accept` is about.
pub(crate) fn trouble_of(error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        // The last is a firewall's, of one connection; or a filter of system calls', of all: who tried the next at once would not end.
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::EPERM) => {
            Trouble::Shortage
        }
        // Those of the network that accept(2) passes on from a connection.
        Some(
            libc::ECONNABORTED
            | libc::EPROTO
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ENETUNREACH,
        ) => Trouble::OfTheConnection,
        _ => Trouble::OfTheListener,
    }
}
