//! Sockets of the Unix domain.

mod room;

use super::accept::{accept, listener};
use super::half::{self, ReadHalf, WriteHalf};
use super::handle::{MOST_BUFFERS, handle, limits, stream};
use super::source::{Source, take_out};
use crate::poll::Direction;
use crate::sys;
use crate::time;
use socket2::{Domain, SockAddr, Type};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::{self, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait when a listener's queue is full; doubled up to the longest. The system does not tell when there is room,
/// and a thread that waits in `connect` could not be woken by a shutdown.
const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A connection through a Unix socket; like [`std::os::unix::net::UnixStream`].
/// [Reads and writes](crate::net#reading-and-writing) park.
///
/// Descriptors are passed by the system's `sendmsg` and `recvmsg`, on the stream's (`as_fd`). These do not park, but say
/// `WouldBlock`: [`peek`](Self::peek) before parks until there is something to receive. A read stops at what comes with descriptors.
///
/// When the other side shuts only its *reading* down, a write that waits for room is not woken on Linux, whose poller tells nothing of
/// that; the next one fails with `BrokenPipe`. When that side is closed, or shuts both directions down, it is. A
/// [time-out](Self::set_write_timeout) sets a limit.
///
/// ```
/// use gort::net::UnixStream;
/// use std::io::{Read, Write};
///
/// # gort::run(|| -> std::io::Result<()> {
/// let (mut one, mut other) = UnixStream::pair()?;
/// gort::go!(move || one.write_all(b"hello")); // and is closed
/// let mut text = String::new();
/// other.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # Ok(()) }).unwrap();
/// ```
pub struct UnixStream(Arc<Source<net::UnixStream>>);

handle!(UnixStream, net::UnixStream);
limits!(UnixStream);
stream!(UnixStream, net::UnixStream, shows_no_more);

/// A read stops at what was sent with descriptors, or by another process if the socket is to tell by whom, whatever lies
/// behind it. Nothing is told of that.
fn shows_no_more(_count: usize, _room: usize) -> bool {
    false
}

impl UnixStream {
    /// Connects to the socket at a path. While the listener's queue is full the caller sleeps and tries again, from a tenth of
    /// a millisecond up to 50 ms later, as the system does not tell when there is room. (On macOS a full queue is
    /// `ConnectionRefused`.)
    ///
    /// ```
    /// use gort::net::{UnixListener, UnixStream};
    /// use std::io::ErrorKind;
    ///
    /// # gort::run(|| {
    /// # let path = std::env::temp_dir().join(format!("gort-unix-connect-{}", std::process::id()));
    /// assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
    /// let listener = UnixListener::bind(&path)?;
    /// let stream = UnixStream::connect(&path)?; // it need not have been accepted yet
    /// assert_eq!(stream.peer_addr()?.as_pathname(), Some(&*path));
    /// drop(listener); // the file stays
    /// assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    /// # std::fs::remove_file(path) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `NotFound`, or `ConnectionRefused` if nobody listens there.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        UnixStream::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// As [`connect`](Self::connect), until `deadline`.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut), and as there.
    pub fn connect_deadline(path: impl AsRef<Path>, deadline: Instant) -> io::Result<UnixStream> {
        UnixStream::connect_addr_deadline(&SocketAddr::from_pathname(path)?, deadline)
    }

    /// As [`connect`](Self::connect), to an address, which may be an abstract name
    /// ([`from_abstract_name`](std::os::linux::net::SocketAddrExt::from_abstract_name)).
    ///
    /// # Errors
    /// As there.
    pub fn connect_addr(address: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::connect_to(address, None)
    }

    /// As [`connect_addr`](Self::connect_addr), until `deadline`.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut), and as there.
    pub fn connect_addr_deadline(
        address: &SocketAddr,
        deadline: Instant,
    ) -> io::Result<UnixStream> {
        UnixStream::connect_to(address, Some(deadline))
    }

    fn connect_to(address: &SocketAddr, deadline: Option<Instant>) -> io::Result<UnixStream> {
        let socket = sys::new_socket(Domain::UNIX, Type::STREAM, None)?;
        let address = raw_address(address)?;
        let mut pause = FIRST_PAUSE;
        loop {
            match socket.connect(&address) {
                Ok(()) => return UnixStream::from_std(net::UnixStream::from(socket)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let next = now + pause;
            time::sleep_until(deadline.map_or(next, |deadline| deadline.min(next)));
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left most often.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((UnixStream::from_std(one)?, UnixStream::from_std(other)?))
    }

    /// Reads without taking what is read; parks until there is something. Zero at the end.
    ///
    /// ```
    /// use gort::net::UnixStream;
    /// use std::io::{Read, Write};
    ///
    /// # gort::run(|| {
    /// let (mut one, mut other) = UnixStream::pair()?;
    /// one.write_all(b"GET /")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(other.peek(&mut buffer)?, 5);
    /// assert_eq!(other.read(&mut buffer)?, 5); // it is still there
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [reading](crate::net#reading-and-writing).
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |socket| sys::peek(socket.as_fd(), buffer))
    }

    /// The address of this side.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.open()?.local_addr()
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// If it is not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.open()?.peer_addr()
    }
}

/// The same address, for a socket that is made in steps.
fn raw_address(address: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(name) = sys::abstract_name(address) {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let name: Vec<u8> = [&[0], name].concat();
        return SockAddr::unix(OsStr::from_bytes(&name));
    }
    let path = address
        .as_pathname()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an address without a name"))?;
    SockAddr::unix(path)
}

/// A socket that accepts connections in the Unix domain; like [`std::os::unix::net::UnixListener`].
///
/// The file at its path stays when it is closed, as with std's.
///
/// ```
/// use gort::net::{UnixListener, UnixStream};
/// use std::io::{Read, Write};
///
/// # gort::run(|| -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("gort-doc-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// gort::go!(move || listener.accept().and_then(|(mut stream, _)| stream.write_all(b"hi")));
/// let mut text = String::new();
/// UnixStream::connect(&path)?.read_to_string(&mut text)?;
/// assert_eq!(text, "hi");
/// # std::fs::remove_file(path)
/// # }).unwrap();
/// ```
pub struct UnixListener(Arc<Source<net::UnixListener>>);

handle!(UnixListener, net::UnixListener);
listener!(UnixListener, accept_unix, UnixStream, UnixIncoming);

fn accept_unix(listener: &net::UnixListener) -> io::Result<(net::UnixStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

impl UnixListener {
    /// Listens at a path, where there must be no file.
    ///
    /// ```
    /// use gort::net::UnixListener;
    /// use std::io::ErrorKind;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-unix-bind-{}", std::process::id()));
    /// drop(UnixListener::bind(&path)?);
    /// assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    /// std::fs::remove_file(&path)?; // what was left by the one before
    /// let listener = UnixListener::bind(&path)?;
    /// # drop(listener);
    /// # std::fs::remove_file(path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `AddrInUse` if there is a file.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::from_std(net::UnixListener::bind(path)?)
    }

    /// Listens at an address, which may be an abstract name
    /// ([`from_abstract_name`](std::os::linux::net::SocketAddrExt::from_abstract_name)).
    ///
    /// ```ignore-macos
    /// use gort::net::{UnixListener, UnixStream};
    /// use std::os::linux::net::SocketAddrExt;
    /// use std::os::unix::net::SocketAddr;
    ///
    /// # gort::run(|| {
    /// let name = format!("gort-abstract-{}", std::process::id());
    /// let address = SocketAddr::from_abstract_name(&name)?;
    /// let listener = UnixListener::bind_addr(&address)?; // makes no file
    /// let stream = UnixStream::connect_addr(&address)?;
    /// assert_eq!(stream.peer_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// drop(listener);
    /// let again = UnixListener::bind_addr(&address)?; // the name is free with that
    /// # drop(again);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `AddrInUse` if somebody listens there.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::from_std(net::UnixListener::bind_addr(address)?)
    }
}

/// A socket for datagrams in the Unix domain; like [`std::os::unix::net::UnixDatagram`].
///
/// ```
/// use gort::net::UnixDatagram;
///
/// # gort::run(|| -> std::io::Result<()> {
/// let (one, other) = UnixDatagram::pair()?;
/// one.send(b"ping")?;
/// let mut buffer = [0; 64];
/// assert_eq!(other.recv(&mut buffer)?, 4);
/// # Ok(()) }).unwrap();
/// ```
pub struct UnixDatagram(Arc<Source<net::UnixDatagram>>);

handle!(UnixDatagram, net::UnixDatagram);
limits!(UnixDatagram);

impl UnixDatagram {
    /// A socket at a path, where there must be no file.
    ///
    /// # Errors
    /// `AddrInUse` if there is a file.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind(path)?)
    }

    /// A socket at an address, which may be an abstract name.
    ///
    /// # Errors
    /// `AddrInUse` if another has it.
    pub fn bind_addr(address: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::bind_addr(address)?)
    }

    /// A socket without an address: nobody can send to it.
    ///
    /// # Errors
    /// The system's.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// The system's.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = net::UnixDatagram::pair()?;
        Ok((UnixDatagram::from_std(one)?, UnixDatagram::from_std(other)?))
    }

    /// Sends to the socket at this path from now on: [`send`](Self::send).
    ///
    /// ```
    /// use gort::net::UnixDatagram;
    /// use std::io::ErrorKind;
    ///
    /// # gort::run(|| {
    /// # let path = std::env::temp_dir().join(format!("gort-unix-to-{}", std::process::id()));
    /// let socket = UnixDatagram::unbound()?;
    /// assert_eq!(socket.send(b"ping").unwrap_err().kind(), ErrorKind::NotConnected);
    /// let server = UnixDatagram::bind(&path)?;
    /// socket.connect(&path)?;
    /// socket.send(b"ping")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(server.recv(&mut buffer)?, 4);
    /// # std::fs::remove_file(path) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `NotFound`, or `ConnectionRefused` if nobody has it open.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.0.open()?.connect(path)
    }

    /// Sends to this address from now on: [`send`](Self::send).
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn connect_addr(&self, address: &SocketAddr) -> io::Result<()> {
        self.0.open()?.connect_addr(address)
    }

    /// Parks until there is a datagram, and tells where it came from. What of it the buffer has no room for is lost.
    ///
    /// ```
    /// use gort::net::UnixDatagram;
    ///
    /// # gort::run(|| {
    /// # let path = std::env::temp_dir().join(format!("gort-unix-from-{}", std::process::id()));
    /// let (socket, client) = (UnixDatagram::bind(&path)?, UnixDatagram::unbound()?);
    /// client.send_to(b"one", &path)?;
    /// let mut buffer = [0; 2];
    /// let (len, from) = socket.recv_from(&mut buffer)?;
    /// assert_eq!((len, &buffer), (2, b"on")); // the `e` is lost
    /// assert!(from.is_unnamed()); // nobody can answer
    /// # std::fs::remove_file(path) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut) after a time-out or deadline; if it has been closed.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.run(Direction::Read, |socket| match socket.recv_from(buffer) {
            Err(error) if is_the_end(socket, &error) => Ok((0, SocketAddr::from_pathname("")?)),
            result => result,
        })
    }

    /// As [`recv_from`](Self::recv_from), without the address.
    ///
    /// # Errors
    /// As there.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |socket| match socket.recv(buffer) {
            Err(error) if is_the_end(socket, &error) => Ok(0),
            result => result,
        })
    }

    /// As [`recv`](Self::recv), and leaves the datagram where it is.
    ///
    /// ```
    /// use gort::net::UnixDatagram;
    ///
    /// # gort::run(|| {
    /// let (one, other) = UnixDatagram::pair()?;
    /// one.send(b"ping")?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(other.peek(&mut buffer)?, 4);
    /// assert_eq!(other.recv(&mut buffer)?, 4); // it is still there
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |socket| match sys::peek(socket.as_fd(), buffer) {
            Err(error) if is_the_end(socket, &error) => Ok(0),
            result => result,
        })
    }

    /// Sends a datagram to the socket at a path; parks while that has no room for it. It then takes one more descriptor
    /// while it waits. (On macOS the system does not say that there is no room, but fails.)
    ///
    /// # Errors
    /// `NotFound`, or `ConnectionRefused` if nobody has it open, also if that comes to be so while this waits;
    /// [`TimedOut`](io::ErrorKind::TimedOut) after a time-out or deadline; if it has been closed; if there is no descriptor to
    /// wait with.
    ///
    /// ```
    /// use gort::net::UnixDatagram;
    ///
    /// # gort::run(|| {
    /// # let path = std::env::temp_dir().join(format!("gort-datagram-{}", std::process::id()));
    /// let log = UnixDatagram::bind(&path)?;
    /// UnixDatagram::unbound()?.send_to(b"started", &path)?;
    /// let mut buffer = [0; 64];
    /// assert_eq!(log.recv(&mut buffer)?, 7);
    /// # std::fs::remove_file(path) }).unwrap();
    /// ```
    pub fn send_to(&self, buffer: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.send_to_addr(buffer, &SocketAddr::from_pathname(path)?)
    }

    /// As [`send_to`](Self::send_to), to an address.
    ///
    /// # Errors
    /// As there.
    pub fn send_to_addr(&self, buffer: &[u8], address: &SocketAddr) -> io::Result<usize> {
        room::send_to(&self.0, buffer, address)
    }

    /// As [`send_to`](Self::send_to), on a [connected](Self::connect) socket; takes no further descriptor.
    ///
    /// # Errors
    /// As there; `NotConnected` if it is not.
    pub fn send(&self, buffer: &[u8]) -> io::Result<usize> {
        room::send(&self.0, buffer)
    }

    /// Ends one direction, or both: whoever waits to receive gets an empty datagram, as do those who would have to; whoever waits
    /// to send gets an error (`BrokenPipe`).
    ///
    /// ```
    /// use gort::net::{Shutdown, UnixDatagram};
    ///
    /// # gort::run(|| {
    /// let (one, _other) = UnixDatagram::pair()?;
    /// let receiver = one.try_clone()?;
    /// let waiting = gort::spawn(move || receiver.recv(&mut [0; 64]));
    /// one.shutdown(Shutdown::Both)?;
    /// assert_eq!(waiting.join().unwrap()?, 0);
    /// assert_eq!(one.send(b"ping").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.open()?.shutdown(how)?;
        self.0.shut(how);
        Ok(())
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

/// Nothing has come, and nothing is going to, as it has been shut down? Those who do not block are not told so.
fn is_the_end(socket: &net::UnixDatagram, error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock && sys::is_shut_to_read(socket.as_fd())
}
