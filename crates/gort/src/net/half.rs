//! The two directions of a stream, for two goroutines.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;

/// A stream that can be split: [`TcpStream`](super::TcpStream) and, on Unix, `UnixStream`.
///
/// ```
/// use gort::net::{ReadHalf, Stream};
/// use std::io::{self, Read};
///
/// fn read_all<S: Stream>(mut from: ReadHalf<S>) -> io::Result<Vec<u8>>
/// where
///     ReadHalf<S>: Read,
/// {
///     let mut all = Vec::new();
///     from.read_to_end(&mut all).map(|_| all)
/// }
/// # let _ = read_all::<gort::net::TcpStream>;
/// ```
pub trait Stream: sealed::Sealed {
    #[doc(hidden)]
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    #[doc(hidden)]
    fn is_same(&self, other: &Self) -> bool;
    #[doc(hidden)]
    fn another(&self) -> Self;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// The handle to read with that `split` makes. It dereferences to the stream.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// # gort::run(|| {
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let stream = TcpStream::connect(listener.local_addr()?)?;
/// # let (mut peer, _) = listener.accept()?;
/// # gort::go!(move || std::io::copy(&mut peer.try_clone().unwrap(), &mut peer));
/// let (mut reader, mut writer) = stream.split(); // to somebody who sends everything back
/// let sender = gort::spawn(move || {
///     writer.write_all(b"hello")?;
///     writer.shutdown()?;
///     std::io::Result::Ok(writer)
/// });
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// let stream = reader.reunite(sender.join().unwrap()?).unwrap();
/// # drop(stream);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct ReadHalf<S: Stream>(S);

/// The handle to write with that `split` makes. It dereferences to the stream. When it is dropped, writing is
/// shut down: the other side reads the end.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
/// use std::io::{Read, Write};
///
/// # gort::run(|| {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let (mut reader, mut writer) = TcpStream::connect(listener.local_addr()?)?.split();
/// let (mut peer, _) = listener.accept()?;
/// writer.write_all(b"a question")?;
/// drop(writer);
/// let mut text = String::new();
/// peer.read_to_string(&mut text)?; // up to the end
/// assert_eq!(text, "a question");
/// peer.write_all(b"an answer")?;
/// drop(peer);
/// text.clear();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "an answer");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct WriteHalf<S: Stream> {
    stream: S,
    /// Leave the stream as it is when this is dropped.
    stays: bool,
}

pub(super) fn split<S: Stream>(stream: S) -> (ReadHalf<S>, WriteHalf<S>) {
    let other = stream.another();
    (ReadHalf(stream), WriteHalf { stream: other, stays: false })
}

impl<S: Stream> ReadHalf<S> {
    /// Makes the two one stream again, as [`ReadHalf`] shows.
    ///
    /// # Errors
    /// With both, if they are not of one stream.
    pub fn reunite(self, mut writer: WriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !self.0.is_same(&writer.stream) {
            return Err(ReuniteError(self, writer));
        }
        writer.stays = true;
        Ok(self.0)
    }
}

impl<S: Stream> WriteHalf<S> {
    /// Ends this direction now: the other side reads the end. [`ReadHalf`] has an example.
    ///
    /// # Errors
    /// The system's, if the stream is not connected any more, most often.
    pub fn shutdown(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Gives the handle up and leaves the direction open, for other handles of the stream.
    ///
    /// ```
    /// use gort::net::{TcpListener, TcpStream};
    /// use std::io::Write;
    ///
    /// # gort::run(|| {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let stream = TcpStream::connect(listener.local_addr()?)?;
    /// let (reader, writer) = stream.split();
    /// writer.forget();
    /// (&*reader).write_all(b"still open")?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn forget(mut self) {
        self.stays = true;
    }
}

impl<S: Stream> Drop for WriteHalf<S> {
    fn drop(&mut self) {
        if !self.stays {
            // If it is not connected any more there is nothing to shut down.
            let _not_connected = self.stream.shutdown(Shutdown::Write);
        }
    }
}

impl<S: Stream> Deref for ReadHalf<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Stream> Deref for WriteHalf<S> {
    type Target = S;
    fn deref(&self) -> &S {
        &self.stream
    }
}

impl<S: Stream> Read for ReadHalf<S>
where
    for<'a> &'a S: Read,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&self.0).read_vectored(buffers)
    }
}

impl<S: Stream> Write for WriteHalf<S>
where
    for<'a> &'a S: Write,
{
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&self.stream).write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&self.stream).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.stream).flush()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadHalf").field(&self.0).finish()
    }
}

impl<S: Stream + fmt::Debug> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteHalf").field(&self.stream).finish()
    }
}

/// The two halves are of different streams; they come back with it.
///
/// ```
/// use gort::net::{TcpListener, TcpStream};
///
/// # gort::run(|| {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let (one, _its_writer) = TcpStream::connect(listener.local_addr()?)?.split();
/// let (_its_reader, other) = TcpStream::connect(listener.local_addr()?)?.split();
/// let error = one.reunite(other).unwrap_err();
/// println!("{error}");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct ReuniteError<S: Stream>(
    /// The one to read with.
    pub ReadHalf<S>,
    /// The one to write with.
    pub WriteHalf<S>,
);

impl<S: Stream> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves are not of one stream")
    }
}

impl<S: Stream> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError(..)")
    }
}

impl<S: Stream> std::error::Error for ReuniteError<S> {}
