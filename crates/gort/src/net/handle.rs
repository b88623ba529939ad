//! What the handles of all kinds of sockets have in common.

/// So many buffers go into one operation, as the system takes no more (`IOV_MAX`): were more counted, it would look as if
/// there had been nothing to fill the others with.
pub(super) const MOST_BUFFERS: usize = 1024;

/// The methods and traits that do not depend on the kind. `$handle` is a tuple of an `Arc<Source<$std>>`.
macro_rules! handle {
    ($handle:ident, $std:ty) => {
        impl $handle {
            /// Another handle of the same socket, which takes no further descriptor. Time-outs, deadlines and
            /// [`close`](Self::close), which has an example, are for all of them.
            ///
            /// # Errors
            /// None today.
            pub fn try_clone(&self) -> io::Result<$handle> {
                Ok($handle(self.0.clone()))
            }

            /// Takes over a socket of std's, which does not block from then on, nor do its duplicates.
            /// [`into_std`](Self::into_std) has an example.
            ///
            /// # Errors
            /// If it cannot be made not to block, or there are too many sockets.
            pub fn from_std(socket: $std) -> io::Result<$handle> {
                socket.set_nonblocking(true)?;
                Ok($handle(Arc::new(Source::new(socket)?)))
            }

            /// Makes it a socket of std's, which blocks. Time-outs are not taken along.
            ///
            /// ```
            #[doc = concat!("use gort::net::", stringify!($handle), ";")]
            /// use std::io::ErrorKind;
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// let other = socket.try_clone()?;
            /// let error = socket.into_std().unwrap_err(); // and this handle is gone
            /// assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            /// let of_std = other.into_std()?;
            #[doc = concat!("let socket = ", stringify!($handle), "::from_std(of_std)?; // and back")]
            /// # drop(socket);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// `ResourceBusy` if there are other handles of it, and an error if it has been closed.
            pub fn into_std(self) -> io::Result<$std> {
                let socket = take_out(self.0)?;
                socket.set_nonblocking(false)?;
                Ok(socket)
            }

            /// Closes the socket for all handles. Whoever waits for it gets an error for which
            /// [`is_closed`](crate::net::is_closed) is true, and so does every operation from now on. Closing twice is
            /// harmless.
            ///
            /// ```
            #[doc = concat!("use gort::net::{", stringify!($handle), ", is_closed};")]
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// let other = socket.try_clone()?;
            #[doc = concat!("let waiting = gort::spawn(move || ", crate::net::examples::wait!($handle), ");")]
            /// socket.close()?;
            /// assert!(is_closed(&waiting.join().unwrap().unwrap_err()));
            /// assert!(is_closed(&socket.local_addr().unwrap_err())); // and whatever follows
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// If there is no descriptor left to put in its place: all operations fail even so, and the system closes it
            /// when the last handle is dropped. On Windows it does that in any case; the other side of a connection
            /// reads the end at once.
            pub fn close(&self) -> io::Result<()> {
                self.0.close()
            }

            /// The error that the system keeps for the socket, which forgets it.
            ///
            /// ```
            #[doc = concat!("use gort::net::", stringify!($handle), ";")]
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// assert!(socket.take_error()?.is_none()); // all is well
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// If there is no telling.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.0.open()?.take_error()
            }
        }

        crate::sys::borrowed!($handle.0);

        impl TryFrom<$std> for $handle {
            type Error = io::Error;

            fn try_from(socket: $std) -> io::Result<$handle> {
                $handle::from_std(socket)
            }
        }

        impl TryFrom<$handle> for $std {
            type Error = io::Error;

            fn try_from(socket: $handle) -> io::Result<$std> {
                socket.into_std()
            }
        }

        impl TryFrom<crate::sys::OwnedSocket> for $handle {
            type Error = io::Error;

            /// Takes over the socket, which is to be of this kind.
            fn try_from(socket: crate::sys::OwnedSocket) -> io::Result<$handle> {
                $handle::from_std(socket.into())
            }
        }

        impl TryFrom<$handle> for crate::sys::OwnedSocket {
            type Error = io::Error;

            fn try_from(socket: $handle) -> io::Result<crate::sys::OwnedSocket> {
                socket.into_std().map(Into::into)
            }
        }

        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// Time-outs and deadlines of those that read and write.
macro_rules! limits {
    ($handle:ident) => {
        impl $handle {
            /// For how long a read that begins from now on may wait; `None`: without limit. It ends in
            /// [`TimedOut`](io::ErrorKind::TimedOut).
            ///
            /// ```
            #[doc = concat!("use gort::net::", stringify!($handle), ";")]
            /// use std::io::ErrorKind;
            /// use std::time::Duration;
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// socket.set_read_timeout(Some(Duration::from_millis(5)))?;
            /// let other = socket.try_clone()?;
            /// assert_eq!(other.read_timeout()?, Some(Duration::from_millis(5))); // it is the socket's
            #[doc = concat!("let error = ", crate::net::examples::wait!($handle), ".unwrap_err(); // nothing has come")]
            /// assert_eq!(error.kind(), ErrorKind::TimedOut);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// `InvalidInput` for a time-out of zero; if it has been closed.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Read, timeout)
            }

            /// As [`set_read_timeout`](Self::set_read_timeout), for writes.
            ///
            /// # Errors
            /// As there.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.0.set_timeout(Direction::Write, timeout)
            }

            /// What [`set_read_timeout`](Self::set_read_timeout) has set.
            ///
            /// # Errors
            /// If it has been closed.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.timeout(Direction::Read)
            }

            /// What [`set_write_timeout`](Self::set_write_timeout) has set.
            ///
            /// # Errors
            /// If it has been closed.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                self.0.timeout(Direction::Write)
            }

            /// Up to when reads may wait, also those that wait already; `None`: without limit. Once it has passed, reads
            /// fail at once with [`TimedOut`](io::ErrorKind::TimedOut), until it is set anew.
            ///
            /// ```
            #[doc = concat!("use gort::net::", stringify!($handle), ";")]
            /// use std::io::ErrorKind;
            /// use std::time::Instant;
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// let other = socket.try_clone()?;
            #[doc = concat!("let waiting = gort::spawn(move || ", crate::net::examples::wait!($handle), ");")]
            /// socket.set_read_deadline(Some(Instant::now()))?; // also for who waits already
            /// assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
            /// socket.set_read_deadline(None)?; // the next one may wait again
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// If it has been closed.
            pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Direction::Read, deadline)
            }

            /// As [`set_read_deadline`](Self::set_read_deadline), for writes.
            ///
            /// # Errors
            /// As there.
            pub fn set_write_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Direction::Write, deadline)
            }

            /// Sets the deadlines of both directions.
            ///
            /// ```
            #[doc = concat!("use gort::net::", stringify!($handle), ";")]
            /// use std::io::ErrorKind;
            /// use std::time::Instant;
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// socket.set_deadline(Some(Instant::now()))?;
            #[doc = concat!("let error = ", crate::net::examples::send!($handle), ".unwrap_err(); // though there is room")]
            /// assert_eq!(error.kind(), ErrorKind::TimedOut);
            /// socket.set_deadline(None)?;
            #[doc = concat!("assert_eq!(", crate::net::examples::send!($handle), "?, 5);")]
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// As for [`set_read_deadline`](Self::set_read_deadline).
            pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.set_read_deadline(deadline)?;
                self.set_write_deadline(deadline)
            }
        }
    };
}

/// `Read` and `Write`, and what else streams have. `$shows_no_more` tells what a read of so many bytes shows, into room for
/// so many.
macro_rules! stream {
    ($handle:ident, $std:ty, $shows_no_more:path) => {
        impl $handle {
            /// Ends one direction, or both, for all handles: whoever waits to read gets the end, whoever writes an error
            /// (`BrokenPipe`, on Unix). Does not wait.
            ///
            /// ```
            #[doc = concat!("use gort::net::{Shutdown, ", stringify!($handle), "};")]
            /// use std::io::Read;
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::socket!($handle)]
            /// let other = socket.try_clone()?;
            #[doc = concat!("let waiting = gort::spawn(move || ", crate::net::examples::wait!($handle), ");")]
            /// socket.shutdown(Shutdown::Both)?;
            /// assert_eq!(waiting.join().unwrap()?, 0); // the end
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// The system's, if it is not connected any more, most often; if it has been closed.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.0.open()?.shutdown(how)?;
                self.0.shut(how);
                Ok(())
            }

            /// A handle to read with and one to write with, for two goroutines. When the second is dropped, or
            /// [shut down](WriteHalf::shutdown), the other side reads the end. [`ReadHalf`] has an example.
            pub fn split(self) -> (ReadHalf<$handle>, WriteHalf<$handle>) {
                half::split(self)
            }

            /// What the stream is polled by.
            pub(crate) fn source(&self) -> &Source<$std> {
                &self.0
            }

            fn read_with(
                &self,
                room: usize,
                attempt: impl FnMut(&$std) -> io::Result<usize>,
            ) -> io::Result<usize> {
                if room == 0 {
                    return self.0.check(Direction::Read).map(|()| 0);
                }
                let is_short = |&count: &usize| $shows_no_more(count, room);
                self.source().run_stream(Direction::Read, attempt, is_short)
            }

            fn write_with(
                &self,
                len: usize,
                attempt: impl FnMut(&$std) -> io::Result<usize>,
            ) -> io::Result<usize> {
                if len == 0 {
                    return self.0.check(Direction::Write).map(|()| 0);
                }
                self.source().run_stream(Direction::Write, attempt, |&count| count < len)
            }
        }

        impl Read for &$handle {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.read_with(buffer.len(), |socket| sys::receive(socket, buffer))
            }

            fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let count = buffers.len().min(MOST_BUFFERS);
                let buffers = &mut buffers[..count];
                let room = buffers.iter().map(|buffer| buffer.len()).sum();
                self.read_with(room, |mut socket| socket.read_vectored(buffers))
            }
        }

        impl Write for &$handle {
            fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
                self.write_with(buffer.len(), |socket| sys::send(socket, buffer))
            }

            fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
                let buffers = &buffers[..buffers.len().min(MOST_BUFFERS)];
                let len = buffers.iter().map(|buffer| buffer.len()).sum();
                self.write_with(len, |mut socket| socket.write_vectored(buffers))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        crate::by_value::read_by_value!($handle);
        crate::by_value::write_by_value!($handle);

        impl half::sealed::Sealed for $handle {}

        impl half::Stream for $handle {
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                $handle::shutdown(self, how)
            }

            fn is_same(&self, other: &$handle) -> bool {
                Arc::ptr_eq(&self.0, &other.0)
            }

            fn another(&self) -> $handle {
                $handle(self.0.clone())
            }
        }
    };
}

pub(super) use {handle, limits, stream};
