//! Sockets, as Windows has them: no descriptors, and not of one kind with files and pipes.

use crate::sys::Trouble;
use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::SockRef;
use std::io;
use std::mem::ManuallyDrop;
use std::net::Shutdown;
use std::os::windows::io::{AsRawSocket, FromRawSocket, IntoRawSocket, RawSocket};
use windows_sys::Win32::Networking::WinSock::{WSAECONNRESET, WSAEMFILE, WSAENOBUFS, WSAENOTCONN};

pub(crate) use std::os::windows::io::AsSocket as OwnsDescriptor;

/// What owns a socket of any kind.
pub(crate) use std::os::windows::io::OwnedSocket;

/// What the poller knows a socket by.
pub(crate) type Descriptor = RawSocket;

/// The socket that `io` owns.
pub(crate) fn descriptor_of(io: &impl OwnsDescriptor) -> Descriptor {
    io.as_socket().as_raw_socket()
}

/// A socket that is registered with the poller, or is to be.
///
/// mio registers nothing but sockets of its own types, with what it keeps of them. It does not look at their kind. This one
/// does not own the socket.
#[derive(Debug)]
pub(crate) struct Polled(ManuallyDrop<UdpSocket>);

impl Polled {
    pub(crate) fn new(socket: Descriptor) -> Polled {
        // SAFETY: nothing is done with it besides registering it, and it is never closed.
        Polled(ManuallyDrop::new(unsafe { UdpSocket::from_raw_socket(socket) }))
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        // SAFETY: it is not used any more.
        let socket = unsafe { ManuallyDrop::take(&mut self.0) };
        let _its_owners = socket.into_raw_socket();
    }
}

impl Source for Polled {
    fn register(&mut self, with: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.register(with, token, interest)
    }

    fn reregister(&mut self, with: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.reregister(with, token, interest)
    }

    fn deregister(&mut self, with: &Registry) -> io::Result<()> {
        self.0.deregister(with)
    }
}

/// The system is asked for one event at a time. It tells at once if things are so already when it is asked, so nothing is
/// missed by asking again only when somebody waits again.
pub(crate) const FORGETS_WHEN_TOLD: bool = true;

/// What the poller is asked for by those who read.
pub(crate) const READING: Interest = Interest::READABLE;

/// Lends the socket out, by the traits that std has for that. `$owner` has a method `io` that gives what owns it.
macro_rules! borrowed {
    ($handle:ident.$owner:tt) => {
        impl std::os::windows::io::AsSocket for $handle {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                std::os::windows::io::AsSocket::as_socket(self.$owner.io())
            }
        }

        impl std::os::windows::io::AsRawSocket for $handle {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                std::os::windows::io::AsRawSocket::as_raw_socket(self.$owner.io())
            }
        }
    };
}

pub(crate) use borrowed;

/// Has the other side of a connection read the end. A number cannot be kept without the socket here: what else the socket
/// has, its address above all, it has until it is dropped.
///
/// Reading is not shut down: who is at it would take that for the end.
///
/// # Errors
/// None: one that is not connected has nothing to be ended.
pub(crate) fn close_in_place(io: &impl OwnsDescriptor) -> io::Result<()> {
    let _not_connected = SockRef::from(io).shutdown(Shutdown::Write);
    Ok(())
}

/// Does the error of a `connect` that does not wait say that it is under way?
pub(crate) fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// What an error of `accept` is about.
pub(crate) fn trouble_of(error: &io::Error) -> Trouble {
    match error.raw_os_error() {
        Some(WSAEMFILE | WSAENOBUFS) => Trouble::Shortage,
        // The other side has given up before; Wine finds that out when it is asked for the address.
        Some(WSAECONNRESET | WSAENOTCONN) => Trouble::OfTheConnection,
        _ => Trouble::OfTheListener,
    }
}
