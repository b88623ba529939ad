//! Addresses and names; names are resolved by the system's resolver while others run.

use crate::blocking;
use std::io;
use std::net::{self, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::{iter, option, slice, vec};

/// What stands for one or more addresses: an address, or the name of a host and a port; as
/// [`std::net::ToSocketAddrs`].
///
/// It is a trait of its own because of how names are resolved: the system's resolver, which may take seconds,
/// blocks a thread, as [`blocking`](crate::blocking()) does, and no processor. Addresses, also those
/// that are written out, cost nothing of that. (So what is generic over std's trait cannot pass it on here, but the addresses that it
/// gets from it.)
///
/// ```
/// use gort::net::ToSocketAddrs;
///
/// let addresses: Vec<_> = ("127.0.0.1", 80).to_socket_addrs()?.collect();
/// assert_eq!(addresses, ["127.0.0.1:80".parse().unwrap()]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait ToSocketAddrs {
    /// The addresses.
    type Iter: Iterator<Item = SocketAddr>;

    /// The addresses. Parks while a name is resolved.
    ///
    /// # Errors
    /// `InvalidInput` if it is no address and no name with a port; the resolver's.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter>;
}

/// The addresses of a host and port: `"localhost:80"`, `("localhost", 80)`. Parks while a name is resolved; nothing ends that
/// but the resolver's own time-out.
///
/// ```
/// let addresses: Vec<_> = gort::net::lookup_host("127.0.0.1:80")?.collect();
/// assert_eq!(addresses, ["127.0.0.1:80".parse().unwrap()]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As for [`to_socket_addrs`](ToSocketAddrs::to_socket_addrs).
pub fn lookup_host<T: ToSocketAddrs>(host: T) -> io::Result<impl Iterator<Item = SocketAddr>> {
    host.to_socket_addrs()
}

/// Calls `f` with one address after the other until it succeeds.
pub(super) fn each_address<R>(
    host: impl ToSocketAddrs,
    mut f: impl FnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut last = None;
    for address in host.to_socket_addrs()? {
        match f(address) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name has no addresses")
}

/// The addresses of something that is a name, perhaps.
fn resolve(name: impl net::ToSocketAddrs) -> io::Result<vec::IntoIter<SocketAddr>> {
    let addresses: Vec<_> = blocking(|| name.to_socket_addrs().map(Iterator::collect))?;
    Ok(addresses.into_iter())
}

/// Implements it for what is one address.
macro_rules! address {
    ($($type:ty),*) => {$(
        impl ToSocketAddrs for $type {
            type Iter = option::IntoIter<SocketAddr>;

            fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
                Ok(Some(SocketAddr::from(*self)).into_iter())
            }
        }
    )*};
}

address!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for (&str, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        match self.0.parse::<IpAddr>() {
            Ok(address) => Ok(vec![SocketAddr::from((address, self.1))].into_iter()),
            Err(_) => resolve(*self),
        }
    }
}

impl ToSocketAddrs for (String, u16) {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

impl ToSocketAddrs for str {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        match self.parse::<SocketAddr>() {
            Ok(address) => Ok(vec![address].into_iter()),
            Err(_) => resolve(self),
        }
    }
}

impl ToSocketAddrs for String {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        self.as_str().to_socket_addrs()
    }
}

impl<'a> ToSocketAddrs for &'a [SocketAddr] {
    type Iter = iter::Copied<slice::Iter<'a, SocketAddr>>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.iter().copied())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    type Iter = T::Iter;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        (**self).to_socket_addrs()
    }
}
