//! UDP.

use super::handle::{handle, limits};
use super::resolve::{ToSocketAddrs, each_address, no_address};
use super::source::{Source, take_out};
use crate::poll::Direction;
use std::fmt;
use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A UDP socket; like [`std::net::UdpSocket`].
///
/// Any number of goroutines may send and receive at once; each datagram is one's.
///
/// ```
/// use gort::net::UdpSocket;
///
/// # gort::run(|| -> std::io::Result<()> {
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"ping", server.local_addr()?)?;
/// let mut buffer = [0; 64];
/// let (len, from) = server.recv_from(&mut buffer)?; // parks until there is one
/// assert_eq!((&buffer[..len], from), (&b"ping"[..], client.local_addr()?));
/// # Ok(()) }).unwrap();
/// ```
pub struct UdpSocket(Arc<Source<net::UdpSocket>>);

handle!(UdpSocket, net::UdpSocket);
limits!(UdpSocket);

impl UdpSocket {
    /// A socket at an address; port 0 is for the system to choose. Does not wait, but for a name to be resolved.
    ///
    /// ```
    /// use gort::net::UdpSocket;
    /// use std::io::ErrorKind;
    ///
    /// let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    /// let address = socket.local_addr()?; // with the port that the system has chosen
    /// assert_eq!(UdpSocket::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    /// assert_eq!(socket.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `AddrInUse` if another has it, most often.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        UdpSocket::from_std(each_address(address, net::UdpSocket::bind)?)
    }

    /// Sends to, and receives from, this address only from now on: [`send`](Self::send) and [`recv`](Self::recv). Does not
    /// wait, but for a name to be resolved.
    ///
    /// ```
    /// use gort::net::UdpSocket;
    ///
    /// # gort::run(|| {
    /// let (one, other) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    /// one.connect(other.local_addr()?)?;
    /// other.connect(one.local_addr()?)?;
    /// one.send(b"ping")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(other.recv(&mut buffer)?, 4);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// That of the last address of the name; or if it has none.
    pub fn connect(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        each_address(address, |address| self.0.open()?.connect(address))
    }

    /// Parks until there is a datagram, and tells where it came from. What of it the buffer has no room for is lost, which Windows
    /// tells by an error.
    ///
    /// ```ignore-windows
    /// use gort::net::UdpSocket;
    ///
    /// # gort::run(|| {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let address = socket.local_addr()?;
    /// socket.send_to(b"one", address)?; // to itself
    /// socket.send_to(b"two", address)?;
    /// let mut buffer = [0; 2];
    /// assert_eq!(socket.recv_from(&mut buffer)?, (2, address)); // the `e` is lost
    /// assert_eq!((socket.recv_from(&mut buffer)?.0, &buffer), (2, b"tw"));
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut) after a time-out or deadline; if it has been closed.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Direction::Read, |socket| socket.recv_from(buffer))
    }

    /// As [`recv_from`](Self::recv_from), and leaves the datagram where it is.
    ///
    /// ```
    /// use gort::net::UdpSocket;
    ///
    /// # gort::run(|| {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let address = socket.local_addr()?;
    /// socket.send_to(b"ping", address)?; // to itself
    /// let mut buffer = [0; 64];
    /// assert_eq!(socket.peek_from(&mut buffer)?, (4, address));
    /// assert_eq!(socket.recv_from(&mut buffer)?, (4, address)); // the same one
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Direction::Read, |socket| socket.peek_from(buffer))
    }

    /// Sends a datagram, to the first address of the name; parks while the system has no room for it.
    ///
    /// ```
    /// use gort::net::UdpSocket;
    ///
    /// # gort::run(|| {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// let address = socket.local_addr()?;
    /// assert_eq!(socket.send_to(b"hello", address)?, 5); // whole, or not at all
    /// assert!(socket.send_to(&[0; 70_000], address).is_err()); // longer than a datagram can be
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` if the name has no address; [`TimedOut`](io::ErrorKind::TimedOut) after a time-out or deadline; if it has been
    /// closed; the system's, for one that is too long for instance.
    pub fn send_to(&self, buffer: &[u8], address: impl ToSocketAddrs) -> io::Result<usize> {
        let address = address.to_socket_addrs()?.next().ok_or_else(no_address)?;
        self.0.run(Direction::Write, |socket| socket.send_to(buffer, address))
    }

    /// As [`recv_from`](Self::recv_from), on a [connected](Self::connect) socket.
    ///
    /// # Errors
    /// As there; `ConnectionRefused` if the system was told that nobody receives there.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |socket| socket.recv(buffer))
    }

    /// As [`recv`](Self::recv), and leaves the datagram where it is.
    ///
    /// # Errors
    /// As there.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |socket| socket.peek(buffer))
    }

    /// As [`send_to`](Self::send_to), on a [connected](Self::connect) socket.
    ///
    /// # Errors
    /// As there; `ConnectionRefused` if the system was told that nobody receives there.
    pub fn send(&self, buffer: &[u8]) -> io::Result<usize> {
        self.0.run(Direction::Write, |socket| socket.send(buffer))
    }

    /// The address of this side.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.open()?.local_addr()
    }

    /// The address that it is [connected](Self::connect) to.
    ///
    /// # Errors
    /// `NotConnected` if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.open()?.peer_addr()
    }
}

/// Options that are set on the socket of std's, each with its error.
macro_rules! options {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl UdpSocket {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// The system's.
                pub fn $name(&self, $($argument: $type),*) -> io::Result<$result> {
                    self.0.open()?.$name($($argument),*)
                }
            )*
        }
    };
}

options! {
    /// Allows sending to broadcast addresses (`SO_BROADCAST`).
    set_broadcast(on: bool) -> ();
    /// May it send to broadcast addresses?
    broadcast() -> bool;
    /// Sets how many routers a datagram may pass (`IP_TTL`).
    set_ttl(ttl: u32) -> ();
    /// What [`set_ttl`](Self::set_ttl) has set.
    ttl() -> u32;
    /// Sets whether what is sent to a group comes back to this host (`IP_MULTICAST_LOOP`).
    set_multicast_loop_v4(on: bool) -> ();
    /// What [`set_multicast_loop_v4`](Self::set_multicast_loop_v4) has set.
    multicast_loop_v4() -> bool;
    /// Sets how many routers what is sent to a group may pass (`IP_MULTICAST_TTL`).
    set_multicast_ttl_v4(ttl: u32) -> ();
    /// What [`set_multicast_ttl_v4`](Self::set_multicast_ttl_v4) has set.
    multicast_ttl_v4() -> u32;
    /// As [`set_multicast_loop_v4`](Self::set_multicast_loop_v4), for IPv6.
    set_multicast_loop_v6(on: bool) -> ();
    /// What [`set_multicast_loop_v6`](Self::set_multicast_loop_v6) has set.
    multicast_loop_v6() -> bool;
    /// Receives what is sent to a group (`IP_ADD_MEMBERSHIP`).
    ///
    /// ```
    /// use gort::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// let socket = UdpSocket::bind("0.0.0.0:0")?;
    /// let (group, here) = (Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::LOCALHOST);
    /// socket.join_multicast_v4(&group, &here)?; // by the interface with this address
    /// socket.leave_multicast_v4(&group, &here)?;
    /// assert!(socket.leave_multicast_v4(&group, &here).is_err()); // it is not in the group
    /// # std::io::Result::Ok(())
    /// ```
    join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// As [`join_multicast_v4`](Self::join_multicast_v4), for IPv6.
    join_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
    /// Undoes [`join_multicast_v4`](Self::join_multicast_v4).
    leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> ();
    /// Undoes [`join_multicast_v6`](Self::join_multicast_v6).
    leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> ();
}
