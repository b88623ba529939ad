//! Sockets that park the goroutine, not the thread, with std's names.
//!
//! ```
//! use gort::net::{TcpListener, TcpStream};
//! use std::io::{Read, Write};
//!
//! # gort::run(|| -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! gort::go!(move || {
//!     for stream in listener.incoming().flatten() {
//!         gort::go!(move || std::io::copy(&mut &stream, &mut &stream)); // an echo for each client
//!     }
//! });
//!
//! let mut stream = TcpStream::connect(address)?;
//! stream.write_all(b"hello")?;
//! let mut answer = [0; 5];
//! stream.read_exact(&mut answer)?; // others run meanwhile
//! assert_eq!(&answer, b"hello");
//! # Ok(()) }).unwrap();
//! ```
//!
//! All types have std's methods, but for `set_nonblocking`, and implement [`Read`](std::io::Read) and [`Write`](std::io::Write), also for
//! references: one goroutine may read while another writes. They may be used from goroutines of any runtime and from
//! plain threads, which they block (the process's runtime polls for these, and is started if it has to be). Options that have no method are set through `socket2::SockRef::from(&socket)`.
//!
//! # Reading and writing
//!
//! | | returns | errors, besides those of a wait that is ended |
//! |---|---|---|
//! | a read | parks until there is something, and returns what there is, at least a byte; or 0 at the end, which is when the other side has shut its writing down, or is gone | `ConnectionReset` |
//! | a write | parks until there is room, and may take a part: `write_all` takes everything | `BrokenPipe`, `ConnectionReset` |
//! | to receive a datagram | parks until there is one; 0 is an empty one | |
//! | to send one | parks until there is room for all of it | |
//!
//! There is nothing to flush. An operation that fails has moved nothing; `read_exact` and `write_all` are several operations,
//! of which some may have succeeded before.
//!
//! # How long to wait
//!
//! | | applies to | |
//! |---|---|---|
//! | `set_read_timeout`, `set_write_timeout` | each operation that begins later, from when it has to wait | as std's |
//! | `set_read_deadline`, `set_write_deadline`, `set_deadline` | all operations, those that wait already among them | as Go's |
//!
//! Either ends in an error of the kind [`TimedOut`](std::io::ErrorKind::TimedOut) (std's kind for a time-out on Unix is
//! `WouldBlock`). When a deadline has passed every operation fails at once, until it is set anew; nothing that
//! has arrived is lost by that. A deadline in the past ends the waits of others: so does one stop a server's idle
//! connections and let the busy ones finish.
//!
//! A [context](crate::context) sets the deadline when it ends:
//!
//! ```
//! use gort::context::{Context, after_func, background, with_timeout};
//! use gort::net::TcpStream;
//! use std::io::{self, Read};
//! use std::time::{Duration, Instant};
//!
//! fn read(context: &Context, stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
//!     let other = stream.try_clone()?;
//!     let stop = after_func(context, move || drop(other.set_read_deadline(Some(Instant::now()))));
//!     let result = (&mut &*stream).read(buffer);
//!     stop.stop();
//!     result
//! }
//! # use gort::net::TcpListener;
//! # gort::run(|| {
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let stream = TcpStream::connect(listener.local_addr()?)?;
//! let (context, _cancel) = with_timeout(&background(), Duration::from_millis(5));
//! let error = read(&context, &stream, &mut [0; 64]).unwrap_err(); // nobody writes
//! assert_eq!(error.kind(), io::ErrorKind::TimedOut);
//! # io::Result::Ok(()) }).unwrap();
//! ```
//!
//! When its runtime is [shut down](crate::Runtime::shutdown), a goroutine that waits is unwound, and what it owns is closed.
//!
//! # Closing
//!
//! A socket is closed when its last handle is dropped. [`close`](TcpStream::close) closes it for all handles, and ends all
//! waits with an error for which [`is_closed`] is true. So ends whatever is asked of it from then on, its addresses and options
//! included; an `# Errors` section that names only the system's errors does not repeat that.
//!
//! # Where
//!
//! TCP and UDP on Linux, macOS and Windows; Unix sockets on Unix. Which errors there are is the system's affair, as with std. On
//! Windows a socket that was closed by `close` keeps its port until its last handle is dropped, a datagram for which the buffer has
//! no room is an error, and timers may be late by a millisecond or two in a program that waits for sockets as well.
//!
//! # What it costs
//!
//! A socket is registered with the runtime's poller when somebody first has to wait for it, once (on Windows with each wait). An operation tries first,
//! and waits only if that would block. After a read from a TCP stream that did not fill its buffer the next one
//! waits without trying. `cargo run --release -p harness -- table -j tcp` in `bench/` prints the figures.

mod accept;
mod examples;
mod half;
mod handle;
mod resolve;
pub(crate) mod source;
#[cfg(all(test, target_os = "linux", not(loom)))]
mod source_tests;
mod tcp;
mod udp;
#[cfg(unix)]
mod unix;

pub use half::{ReadHalf, ReuniteError, Stream, WriteHalf};
pub use resolve::{ToSocketAddrs, lookup_host};
pub use std::net::{Shutdown, SocketAddr};
pub use tcp::{Incoming, TcpListener, TcpStream};
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixIncoming, UnixListener, UnixStream};

use std::fmt;
use std::io;

/// The socket has been closed by somebody; see [`is_closed`].
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has been closed by another handle")
    }
}

impl std::error::Error for Closed {}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, Closed)
}

/// Does the error say that the socket was closed on this side, by its `close`?
///
/// ```
/// use gort::net::{TcpListener, is_closed};
/// use std::sync::Arc;
///
/// # gort::run(|| -> std::io::Result<()> {
/// let listener = Arc::new(TcpListener::bind("127.0.0.1:0")?);
/// let server = gort::spawn({
///     let listener = listener.clone();
///     move || listener.accept().map(drop)
/// });
/// listener.close()?;
/// assert!(is_closed(&server.join().unwrap().unwrap_err()));
/// # Ok(()) }).unwrap();
/// ```
pub fn is_closed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<Closed>())
}
