//! Names, resolved by the system's resolver while others run.

use crate::blocking;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

/// The addresses of a host and port: `"localhost:80"`, `("localhost", 80)`, or an address.
///
/// The system's resolver is asked, which may take seconds; it blocks a thread, as [`blocking`](crate::blocking())
/// does, and no processor.
///
/// ```
/// let addresses: Vec<_> = gort::net::lookup_host("127.0.0.1:80")?.collect();
/// assert_eq!(addresses, ["127.0.0.1:80".parse().unwrap()]);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of [`ToSocketAddrs::to_socket_addrs`].
pub fn lookup_host(host: impl ToSocketAddrs) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(host).map(Vec::into_iter)
}

pub(super) fn resolve(host: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    blocking(|| host.to_socket_addrs().map(Iterator::collect))
}

/// Calls `f` with one address after the other until it succeeds.
pub(super) fn each_address<R>(
    host: impl ToSocketAddrs,
    mut f: impl FnMut(SocketAddr) -> io::Result<R>,
) -> io::Result<R> {
    let mut last = None;
    for address in resolve(host)? {
        match f(address) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the name has no addresses")
    }))
}
