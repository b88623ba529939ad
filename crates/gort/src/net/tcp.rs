//! TCP.

use super::accept::{accept, listener};
use super::half::{self, ReadHalf, WriteHalf};
use super::handle::{MOST_BUFFERS, handle, limits, stream};
use super::resolve::{ToSocketAddrs, each_address};
use super::source::{Source, take_out};
use crate::poll::Direction;
use crate::sys;
use socket2::{Domain, Protocol, SockRef, Type};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A TCP connection; like [`std::net::TcpStream`]. [Reads and writes](crate::net#reading-and-writing) park.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
/// use std::io::{ErrorKind, Read};
/// use std::time::Duration;
///
/// # gort::run(|| -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut stream = TcpStream::connect(listener.local_addr()?)?;
/// stream.set_read_timeout(Some(Duration::from_millis(5)))?;
/// let error = stream.read(&mut [0; 64]).unwrap_err(); // nobody has written
/// assert_eq!(error.kind(), ErrorKind::TimedOut);
/// # Ok(()) }).unwrap();
/// ```
pub struct TcpStream(Arc<Source<net::TcpStream>>);

handle!(TcpStream, net::TcpStream);
limits!(TcpStream);
stream!(TcpStream, net::TcpStream, shows_no_more);

/// A read takes what there is. (It stops short of urgent data, of which the poller tells.)
fn shows_no_more(count: usize, room: usize) -> bool {
    count > 0 && count < room
}

impl TcpStream {
    /// Connects to a host and port, and parks until it is connected: for minutes if nothing answers there. If the name has
    /// several addresses they are tried one after the other.
    ///
    /// # Errors
    /// That of the last address, `ConnectionRefused` if nobody listens there; `InvalidInput` if the name has none.
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::ErrorKind;
    ///
    /// # gort::run(|| {
    /// let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?; // closed again
    /// assert_eq!(TcpStream::connect(nobody).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let addresses = [nobody, listener.local_addr()?];
    /// let stream = TcpStream::connect(&addresses[..])?; // the second one answers
    /// assert_eq!(stream.peer_addr()?, addresses[1]);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
        each_address(address, |address| TcpStream::connect_to(address, None))
    }

    /// As [`connect`](Self::connect), until `deadline`: all addresses together. So that one that does not answer leaves
    /// time for those after it, each may take its share of what is left, but two seconds if there are so many. The time that a
    /// name takes to be resolved counts, but the system's resolver cannot be told to hurry.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut), and as there.
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::time::{Duration, Instant};
    ///
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let port = listener.local_addr()?.port();
    /// let deadline = Instant::now() + Duration::from_secs(5);
    /// let stream = TcpStream::connect_deadline(("127.0.0.1", port), deadline)?;
    /// stream.set_deadline(Some(deadline))?; // reads and writes have the rest of the time
    /// # std::io::Result::Ok(())
    /// ```
    pub fn connect_deadline(
        address: impl ToSocketAddrs,
        deadline: Instant,
    ) -> io::Result<TcpStream> {
        let addresses: Vec<_> = address.to_socket_addrs()?.collect();
        let mut untried = addresses.len() as u32;
        each_address(&addresses[..], |address| {
            let now = Instant::now();
            let share = share(deadline.saturating_duration_since(now), untried);
            untried -= 1;
            TcpStream::connect_to(address, Some(now + share))
        })
    }

    /// Connects to an address; parks until that has succeeded or failed, for at most `timeout`.
    ///
    /// # Errors
    /// [`TimedOut`](io::ErrorKind::TimedOut); `InvalidInput` for a time-out of zero, as std's; the system's, `ConnectionRefused` most
    /// often.
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    ///
    /// # gort::run(|| {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?; // reads may take longer
    /// let error = TcpStream::connect_timeout(&address, Duration::ZERO).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # drop(stream);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn connect_timeout(address: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a time-out of zero"));
        }
        TcpStream::connect_to(*address, Instant::now().checked_add(timeout))
    }

    fn connect_to(address: SocketAddr, deadline: Option<Instant>) -> io::Result<TcpStream> {
        let domain = Domain::for_address(address);
        let socket = sys::new_socket(domain, Type::STREAM, Some(Protocol::TCP))?;
        let is_under_way = match socket.connect(&address.into()) {
            Ok(()) => false,
            Err(error) if sys::is_under_way(&error) => true,
            // Interrupted by a signal it goes on all the same.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => return Err(error),
        };
        let source = Source::new(net::TcpStream::from(socket))?;
        if is_under_way {
            source.set_deadline(Direction::Write, deadline)?;
            source.run(Direction::Write, |socket| match socket.peer_addr() {
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    // Not yet, unless it has failed.
                    Err(socket.take_error()?.unwrap_or_else(|| io::ErrorKind::WouldBlock.into()))
                }
                Err(error) => Err(error),
            })?;
            source.set_deadline(Direction::Write, None)?;
        }
        Ok(TcpStream(Arc::new(source)))
    }

    /// The address of the other side.
    ///
    /// # Errors
    /// If it is not connected any more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.open()?.peer_addr()
    }

    /// The address of this side.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.open()?.local_addr()
    }

    /// Reads without taking what is read; parks until there is something. Zero at the end.
    ///
    /// # Errors
    /// As [reading](crate::net#reading-and-writing).
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{Read, Write};
    ///
    /// # gort::run(|| {
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut stream, _) = listener.accept()?;
    /// client.write_all(b"GET /")?;
    /// let mut method = [0];
    /// assert_eq!((stream.peek(&mut method)?, &method), (1, b"G"));
    /// let mut request = [0; 5];
    /// stream.read_exact(&mut request)?;
    /// assert_eq!(&request, b"GET /"); // it was still there
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.run(Direction::Read, |socket| socket.peek(buffer))
    }

    /// Sends small packets at once instead of waiting for more to send (`TCP_NODELAY`).
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// # use gort::net::{TcpListener, TcpStream};
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// assert!(!stream.nodelay()?); // unlike in Go
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.open()?.set_nodelay(nodelay)
    }

    /// What [`set_nodelay`](Self::set_nodelay) has set.
    ///
    /// # Errors
    /// The system's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.0.open()?.nodelay()
    }

    /// For how long the system goes on sending what was written when the socket is closed (`SO_LINGER`); zero: the
    /// connection is reset. `None`: it takes the time it takes, without anybody waiting for it.
    ///
    /// With a time, whoever closes the socket may have to wait for so long, until all has arrived: on Linux also of a socket that does
    /// not block, as these are. So [`close`](Self::close) and dropping the last handle may hold the thread,
    /// and the [monitor](crate::Preempt) takes its processor. To give that away at once, drop it in a
    /// [`blocking`](crate::blocking()) call; to know that all has arrived, shut writing down and read the end instead.
    ///
    /// # Errors
    /// The system's.
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// # gort::run(|| {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut peer, _) = listener.accept()?;
    /// stream.set_linger(Some(Duration::ZERO))?;
    /// drop(stream);
    /// let error = peer.read(&mut [0; 64]).unwrap_err(); // and not the end
    /// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self.0.open()?).set_linger(linger)
    }

    /// What [`set_linger`](Self::set_linger) has set.
    ///
    /// # Errors
    /// The system's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self.0.open()?).linger()
    }

    /// Sets how many routers a packet may pass (`IP_TTL`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.open()?.set_ttl(ttl)
    }

    /// What [`set_ttl`](Self::set_ttl) has set.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.open()?.ttl()
    }
}

/// How long the first of so many addresses may take to answer, of the time that there is for all.
fn share(time: Duration, addresses: u32) -> Duration {
    /// Enough for the first packet to be sent again, as it may have been lost.
    const LEAST: Duration = Duration::from_secs(2);
    (time / addresses).max(LEAST).min(time)
}

/// A socket that accepts TCP connections; like [`std::net::TcpListener`].
///
/// Several goroutines may accept from one.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
///
/// # gort::run(|| -> std::io::Result<()> {
/// let listener = TcpListener::bind(("127.0.0.1", 0))?;
/// let address = listener.local_addr()?;
/// let client = gort::spawn(move || TcpStream::connect(address));
/// let (stream, peer) = listener.accept()?; // parks until there is one
/// assert_eq!(stream.peer_addr()?, peer);
/// assert_eq!(client.join().unwrap()?.local_addr()?, peer);
/// # Ok(()) }).unwrap();
/// ```
pub struct TcpListener(Arc<Source<net::TcpListener>>);

handle!(TcpListener, net::TcpListener);
listener!(TcpListener, sys::accept, TcpStream, Incoming);

impl TcpListener {
    /// Listens at an address; port 0 is for the system to choose. If the name has several addresses the first that can
    /// be had is taken. As many connections as the system allows may wait to be accepted. Does not wait, but for a name to be resolved.
    ///
    /// # Errors
    /// `AddrInUse` if another socket listens there, most often.
    ///
    /// ```
    /// use gort::net::TcpListener;
    /// use std::io::ErrorKind;
    ///
    /// let listener = TcpListener::bind(("127.0.0.1", 0))?;
    /// let address = listener.local_addr()?; // with the port that the system has chosen
    /// assert_eq!(TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
        let listener = each_address(address, net::TcpListener::bind)?;
        // std lets 128 wait to be accepted. Those who find no room are not told, and try again after a second.
        SockRef::from(&listener).listen(i32::MAX)?;
        TcpListener::from_std(listener)
    }

    /// Sets how many routers a packet of its connections may pass (`IP_TTL`).
    ///
    /// # Errors
    /// The system's.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.open()?.set_ttl(ttl)
    }

    /// What [`set_ttl`](Self::set_ttl) has set.
    ///
    /// # Errors
    /// The system's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.0.open()?.ttl()
    }
}
