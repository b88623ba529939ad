//! Room at a receiver of datagrams that the sender is not connected to.
//!
//! The system tells a sender that there is room in its *own* buffer, and at the receiver that it is connected to. Of
//! another receiver it tells nothing; on the contrary, Linux reports the sender as writable each time that a datagram
//! was refused, as that has given its memory back. So a sender that finds no room connects a second socket to the
//! receiver, waits for that one, and tries again only when both can be written to.
//!
//! Rejected: to try again after a pause, which is late, and unfair beside those who are connected; a thread that waits
//! in `sendto`, as whether that waits is a property of the socket, not of the call.

use crate::net::source::Source;
use crate::poll::{Direction, Directions, Driver};
use crate::runtime;
use crate::sys::{self, Polled};
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;

/// Sends a datagram to a receiver that the socket need not be connected to.
pub(super) fn send_to(
    source: &Source<UnixDatagram>,
    buffer: &[u8],
    address: &SocketAddr,
) -> io::Result<usize> {
    let mut scout: Option<Scout> = None;
    // One that has been shut down fails, whatever room there is.
    let is_shut = || source.record().readiness(Direction::Write).look().is_shut();
    run(source, |socket| {
        if let Some(scout) = &scout
            && !is_shut()
            && !(scout.sees_room()? && sys::is_writable(socket)?)
        {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = socket.send_to_addr(buffer, address);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            // A new one each time: another receiver may have taken that address.
            scout = Scout::new(source, address)?;
        }
        result
    })
}

/// Sends a datagram to whom the socket is connected to.
pub(super) fn send(source: &Source<UnixDatagram>, buffer: &[u8]) -> io::Result<usize> {
    run(source, |socket| socket.send(buffer))
}

/// Tries whether somebody waits or not, as that may be for room at another receiver.
fn run(
    source: &Source<UnixDatagram>,
    attempt: impl FnMut(&UnixDatagram) -> io::Result<usize>,
) -> io::Result<usize> {
    source.run_if(|_, _| true, Direction::Write, attempt, |_| false)
}

/// A socket that is connected to the receiver. As long as it is there those who wait to write to the source are told when
/// there is room, too.
struct Scout {
    driver: Arc<Driver>,
    socket: UnixDatagram,
}

impl Scout {
    /// `None` if nobody else may send to the receiver, which is connected to the source: there is no room in the source's
    /// own buffer then.
    ///
    /// # Errors
    /// That nobody receives there any more; that there are no descriptors left.
    fn new(source: &Source<UnixDatagram>, address: &SocketAddr) -> io::Result<Option<Scout>> {
        let socket = UnixDatagram::unbound()?;
        match socket.connect_addr(address) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            Err(error) => return Err(error),
        }
        let driver = runtime::driver()?;
        let directions = Directions::NONE.with(Direction::Write);
        driver.register(sys::descriptor_of(&socket), source.record(), directions)?;
        Ok(Some(Scout { driver, socket }))
    }

    fn sees_room(&self) -> io::Result<bool> {
        sys::is_writable(&self.socket)
    }
}

impl Drop for Scout {
    fn drop(&mut self) {
        self.driver.deregister(Polled::new(sys::descriptor_of(&self.socket)));
    }
}
