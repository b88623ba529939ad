//! Pipes.

use super::Source;
use crate::by_value::{read_by_value, write_by_value};
use crate::poll::Direction;
use crate::sys::{self, OwnedFile};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A pipe: what is written to the one end is read from the other, up to 64 KiB of it later, as Linux has it by default.
///
/// When the last writer is gone the reader gets the end; when the last reader is, writers get an error
/// ([`BrokenPipe`](io::ErrorKind::BrokenPipe)).
///
/// On Windows a thread waits for whoever reads or writes: time-outs, deadlines and closing are refused there
/// ([`Unsupported`](io::ErrorKind::Unsupported)).
///
/// Within the process a [channel](crate::chan()) does more for less; pipes are for other processes, and for what wants a
/// descriptor.
///
/// ```
/// use gort::process::Command;
/// use std::io::Read;
///
/// # gort::run(|| {
/// let (mut reader, writer) = gort::io::pipe()?;
/// let mut child = Command::new("sh").args(["-c", "echo out; echo err >&2"])
///     .stdout(writer.try_clone()?)
///     .stderr(writer)
///     .spawn()?;
/// let mut both = String::new();
/// reader.read_to_string(&mut both)?;
/// assert_eq!(both, "out\nerr\n");
/// child.wait()?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
/// The system's, if there are no descriptors to be had (`EMFILE`).
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((PipeReader::from_std(reader)?, PipeWriter::from_std(writer)?))
}

/// The end of a [pipe](pipe()) to read from; also the output of a [child process](crate::process::Child).
///
/// `&PipeReader` reads as well. A read parks until there is something; it returns 0 when the last writer is gone. Several may
/// read: each byte arrives at one of them.
///
/// ```
/// use std::io::{Read, Write};
///
/// # gort::run(|| {
/// let (mut reader, mut writer) = gort::io::pipe()?;
/// gort::go!(move || writer.write_all(b"hello")); // and is dropped
/// let mut text = String::new();
/// reader.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct PipeReader(Source<io::PipeReader>);

/// The end of a [pipe](pipe()) to write to; also the input of a [child process](crate::process::Child).
///
/// `&PipeWriter` writes as well. A write parks while the pipe is full; it fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe) when
/// the last reader is gone. What is written in one go is not mixed with what others write, if it is not more than 4 KiB.
///
/// ```
/// use std::io::{ErrorKind, Write};
///
/// let (reader, mut writer) = gort::io::pipe()?;
/// writer.write_all(b"there is room")?;
/// drop(reader);
/// assert_eq!(writer.write(b"for nobody").unwrap_err().kind(), ErrorKind::BrokenPipe);
/// # std::io::Result::Ok(())
/// ```
pub struct PipeWriter(Source<io::PipeWriter>);

impl PipeReader {
    /// Takes over a pipe's end of std's. The end does not block from then on, nor do its duplicates.
    ///
    /// ```
    /// use gort::io::PipeReader;
    /// use std::io::{Read, Write};
    ///
    /// # gort::run(|| {
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut reader = PipeReader::from_std(reader)?;
    /// writer.write_all(b"from anywhere")?;
    /// drop(writer);
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?; // parks the goroutine
    /// assert_eq!(text, "from anywhere");
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// If there are too many descriptors that are waited for.
    pub fn from_std(reader: io::PipeReader) -> io::Result<PipeReader> {
        sys::set_nonblocking(&reader, true)?;
        Source::new(reader).map(PipeReader)
    }

    /// Makes it an end of std's, which blocks, and so do its duplicates.
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// let (reader, mut writer) = gort::io::pipe()?;
    /// writer.write_all(b"hello")?;
    /// drop(writer);
    /// let mut reader: std::io::PipeReader = reader.into_std()?; // for a thread of std's
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// If it has been closed.
    pub fn into_std(self) -> io::Result<io::PipeReader> {
        self.0.check_open()?;
        let reader = self.0.into_io();
        sys::set_nonblocking(&reader, false)?;
        Ok(reader)
    }

    /// Another handle of the same end, which has time-outs and deadlines of its own.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read, Write};
    /// use std::time::Duration;
    ///
    /// let (mut reader, mut writer) = gort::io::pipe()?;
    /// let mut other = reader.try_clone()?;
    /// other.set_read_timeout(Some(Duration::from_millis(5)))?;
    /// assert_eq!(other.read(&mut [0; 64]).unwrap_err().kind(), ErrorKind::TimedOut);
    /// let reading = gort::spawn(move || reader.read(&mut [0; 64])); // without limit
    /// writer.write_all(b"hello")?;
    /// assert_eq!(reading.join().unwrap()?, 5);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's, if there are no descriptors to be had.
    pub fn try_clone(&self) -> io::Result<PipeReader> {
        Source::new(self.0.open()?.try_clone()?).map(PipeReader)
    }

    /// For how long a read that begins from now on may wait; `None`: without limit. It ends in
    /// [`TimedOut`](io::ErrorKind::TimedOut).
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// let (mut reader, _writer) = gort::io::pipe()?;
    /// reader.set_read_timeout(Some(Duration::from_millis(5)))?;
    /// let error = reader.read(&mut [0; 64]).unwrap_err(); // nobody writes
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a time-out of zero; if it has been closed; `Unsupported` on Windows.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Read, timeout)
    }

    /// Up to when reads may wait, also those that wait already; `None`: without limit. Once it has passed, reads
    /// fail at once with [`TimedOut`](io::ErrorKind::TimedOut), until it is set anew.
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Instant;
    ///
    /// let (reader, _writer) = gort::io::pipe()?;
    /// gort::scope(|s| {
    ///     let waiting = s.go(|| (&reader).read(&mut [0; 64]));
    ///     reader.set_read_deadline(Some(Instant::now()))?;
    ///     assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
    ///     reader.set_read_deadline(None) // the next one may wait again
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// If it has been closed; `Unsupported` on Windows.
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Direction::Read, deadline)
    }

    /// Closes the handle: whoever waits for it gets an error for which [`is_closed`](crate::net::is_closed) is true, and so
    /// does every operation from now on.
    ///
    /// ```
    /// use gort::net::is_closed;
    /// use std::io::Read;
    ///
    /// let (reader, _writer) = gort::io::pipe()?;
    /// gort::scope(|s| {
    ///     let waiting = s.go(|| (&reader).read(&mut [0; 64]));
    ///     reader.close()?;
    ///     assert!(is_closed(&waiting.join().unwrap().unwrap_err()));
    ///     # std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// If there is no descriptor left to put in its place: all operations fail even so. `Unsupported` on Windows.
    pub fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    pub(super) fn source(&self) -> &Source<io::PipeReader> {
        &self.0
    }
}

impl PipeWriter {
    /// As [`PipeReader::from_std`].
    ///
    /// ```
    /// use gort::io::PipeWriter;
    /// use std::io::{Read, Write};
    ///
    /// let (mut reader, writer) = std::io::pipe()?;
    /// let mut writer = PipeWriter::from_std(writer)?;
    /// writer.write_all(b"hello")?; // parks the goroutine while there is no room
    /// drop(writer.into_std()?); // and back
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn from_std(writer: io::PipeWriter) -> io::Result<PipeWriter> {
        sys::set_nonblocking(&writer, true)?;
        Source::new(writer).map(PipeWriter)
    }

    /// As [`PipeReader::into_std`]. [`from_std`](Self::from_std) has an example.
    ///
    /// # Errors
    /// As there.
    pub fn into_std(self) -> io::Result<io::PipeWriter> {
        self.0.check_open()?;
        let writer = self.0.into_io();
        sys::set_nonblocking(&writer, false)?;
        Ok(writer)
    }

    /// Another handle of the same end, which has time-outs and deadlines of its own. The reader gets the end when
    /// all are gone.
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// let (mut reader, mut writer) = gort::io::pipe()?;
    /// let mut other = writer.try_clone()?;
    /// gort::go!(move || writer.write_all(b"one"));
    /// gort::go!(move || other.write_all(b"two"));
    /// let mut text = String::new();
    /// reader.read_to_string(&mut text)?; // up to the end: both are gone
    /// assert!(text == "onetwo" || text == "twoone");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's, if there are no descriptors to be had.
    pub fn try_clone(&self) -> io::Result<PipeWriter> {
        Source::new(self.0.open()?.try_clone()?).map(PipeWriter)
    }

    /// As [`PipeReader::set_read_timeout`], for writes.
    ///
    /// ```
    /// use std::io::{ErrorKind, Write};
    /// use std::time::Duration;
    ///
    /// let (_reader, mut writer) = gort::io::pipe()?;
    /// writer.set_write_timeout(Some(Duration::from_millis(5)))?;
    /// let error = writer.write_all(&[0; 4 << 20]).unwrap_err(); // nobody reads
    /// assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.0.set_timeout(Direction::Write, timeout)
    }

    /// As [`PipeReader::set_read_deadline`], for writes. [`close`](Self::close) has an example.
    ///
    /// # Errors
    /// As there.
    pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(Direction::Write, deadline)
    }

    /// As [`PipeReader::close`].
    ///
    /// ```
    /// use std::io::{ErrorKind, Write};
    /// use std::time::Instant;
    ///
    /// let (_reader, mut writer) = gort::io::pipe()?;
    /// writer.set_write_deadline(Some(Instant::now()))?; // it has passed
    /// assert_eq!(writer.write(b"late").unwrap_err().kind(), ErrorKind::TimedOut);
    /// writer.close()?;
    /// assert!(gort::net::is_closed(&writer.write(b"later").unwrap_err()));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    pub(super) fn source(&self) -> &Source<io::PipeWriter> {
        &self.0
    }
}

impl Read for &PipeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A short read does not show that there is no more: a pipe may be one of packets.
        if buffer.is_empty() {
            return self.source().check(Direction::Read).map(|()| 0);
        }
        self.source().run(Direction::Read, |mut reader| reader.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return self.source().check(Direction::Read).map(|()| 0);
        }
        self.source().run(Direction::Read, |mut reader| reader.read_vectored(buffers))
    }
}

impl Write for &PipeWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return self.source().check(Direction::Write).map(|()| 0);
        }
        self.source().run(Direction::Write, |mut writer| writer.write(buffer))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if buffers.iter().all(|buffer| buffer.is_empty()) {
            return self.source().check(Direction::Write).map(|()| 0);
        }
        self.source().run(Direction::Write, |mut writer| writer.write_vectored(buffers))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

read_by_value!(PipeReader);
write_by_value!(PipeWriter);

/// The conversions that both ends have.
macro_rules! conversions {
    ($end:ident, $std:ty) => {
        sys::borrowed_file!($end.0);

        impl TryFrom<$std> for $end {
            type Error = io::Error;

            fn try_from(end: $std) -> io::Result<$end> {
                $end::from_std(end)
            }
        }

        impl TryFrom<$end> for $std {
            type Error = io::Error;

            fn try_from(end: $end) -> io::Result<$std> {
                end.into_std()
            }
        }

        impl TryFrom<$end> for OwnedFile {
            type Error = io::Error;

            fn try_from(end: $end) -> io::Result<OwnedFile> {
                end.into_std().map(Into::into)
            }
        }

        impl TryFrom<OwnedFile> for $end {
            type Error = io::Error;

            /// Takes over the descriptor, which is that of such an end, or a FIFO.
            fn try_from(descriptor: OwnedFile) -> io::Result<$end> {
                $end::from_std(descriptor.into())
            }
        }

        impl From<$end> for Stdio {
            /// The end as a stream of another process. It blocks from then on, as other programs expect, and so do its duplicates.
            fn from(end: $end) -> Stdio {
                let end = end.0.into_io();
                // It is open, and is of a kind that can be set; if that failed the program would see errors.
                let _set = sys::set_nonblocking(&end, false);
                end.into()
            }
        }

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

conversions!(PipeReader, io::PipeReader);
conversions!(PipeWriter, io::PipeWriter);
