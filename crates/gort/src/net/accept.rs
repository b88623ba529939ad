//! Accepting connections through what goes wrong with single ones, and through a lack of descriptors.

use super::source::Source;
use crate::clock;
use crate::poll::Direction;
use crate::sys::{self, OwnsDescriptor, Trouble};
use crate::tell::tell;
use crate::time;
use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How long to wait when there are no descriptors or no memory for a connection; doubled up to the longest, which is
/// how late a deadline or a close may come to be noticed then. Descriptors are anybody's, so nobody can tell when there
/// is one again; ten looks a second cost nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Accepts a connection. One that was given up by the other side before is passed over. If there are no descriptors or
/// no memory for one, or it is forbidden, it says so on standard error and waits for some: the connections wait in the kernel's queue.
pub(super) fn accept<L: OwnsDescriptor + Debug, R>(
    listener: &Source<L>,
    mut attempt: impl FnMut(&L) -> io::Result<R>,
) -> io::Result<R> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match listener.run(Direction::Read, &mut attempt) {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        match sys::trouble_of(&error) {
            Trouble::OfTheConnection => {}
            Trouble::OfTheListener => return Err(error),
            Trouble::Shortage => {
                tell_of(listener, &error);
                time::sleep(pause);
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
    }
}

/// Tells of a shortage, at most once in a second, as it may come and go with each connection.
fn tell_of(listener: &impl Debug, error: &io::Error) {
    const INTERVAL: u64 = 1_000_000_000;
    static AGAIN_AT: AtomicU64 = AtomicU64::new(0);
    let (now, again_at) = (clock::now(), AGAIN_AT.load(Relaxed));
    let is_mine = again_at <= now
        && AGAIN_AT.compare_exchange(again_at, now + INTERVAL, Relaxed, Relaxed).is_ok();
    if is_mine {
        tell(format_args!("{listener:?} cannot accept for now, and tries again: {error}"));
    }
}

/// What listeners of all kinds have in common, beside what every [handle](super::handle) has. `$accept` makes a stream of std's that
/// does not block.
macro_rules! listener {
    ($listener:ident, $accept:path, $stream:ident, $incoming:ident) => {
        impl $listener {
            /// Parks until there is a connection.
            ///
            /// One that the other side has given up before it could be accepted is passed over. When there are no descriptors or
            /// no memory for another, or it is forbidden, that is told on standard error, once a second at most, and this tries again until there are:
            /// the system keeps those that come meanwhile in its queue. It tries after 5 ms, then after twice as long each time,
            /// up to 100 ms; a deadline or a close is noticed by then.
            #[doc = concat!("[`", stringify!($listener), "`] has an example.")]
            ///
            /// # Errors
            /// [`TimedOut`](io::ErrorKind::TimedOut) after a [deadline](Self::set_deadline); if it has been closed.
            pub fn accept(&self) -> io::Result<($stream, SocketAddr)> {
                // What making the stream before has left there.
                gort_context::wipe_below();
                let (stream, peer) = accept(&self.0, $accept)?;
                Ok(($stream(Arc::new(Source::new(stream)?)), peer))
            }

            /// The connections, as they come, until the listener is closed on this side; each as from [`accept`](Self::accept),
            /// whose other errors come in between.
            ///
            /// ```
            #[doc = concat!("use gort::net::{", stringify!($listener), ", ", stringify!($stream), "};")]
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::listener_with_client!($listener)]
            /// let mut served = 0;
            /// for stream in listener.incoming() {
            ///     drop(stream?);
            ///     served += 1;
            ///     listener.close()?; // ends the loop
            /// }
            /// assert_eq!(served, 1);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            pub fn incoming(&self) -> $incoming<'_> {
                $incoming { listener: self }
            }

            /// Up to when [`accept`](Self::accept) may wait, also if it does already; `None`: without limit.
            ///
            /// ```
            #[doc = concat!("use gort::net::{", stringify!($listener), ", ", stringify!($stream), "};")]
            /// use std::io::ErrorKind;
            /// use std::time::Instant;
            ///
            /// # gort::run(|| {
            #[doc = crate::net::examples::listener_with_client!($listener)]
            /// listener.set_deadline(Some(Instant::now()))?; // it has passed
            /// assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
            /// listener.set_deadline(None)?;
            /// let (stream, _) = listener.accept()?; // the client has waited
            /// # drop(stream);
            /// # std::io::Result::Ok(()) }).unwrap();
            /// ```
            ///
            /// # Errors
            /// If it has been closed.
            pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
                self.0.set_deadline(Direction::Read, deadline)
            }

            /// Where it listens.
            ///
            /// # Errors
            /// The system's.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.0.open()?.local_addr()
            }
        }

        #[doc = concat!("The connections to a [`", stringify!($listener), "`]. It ends when the listener is closed on this side.")]
        #[derive(Debug)]
        pub struct $incoming<'a> {
            listener: &'a $listener,
        }

        impl Iterator for $incoming<'_> {
            type Item = io::Result<$stream>;

            fn next(&mut self) -> Option<io::Result<$stream>> {
                match self.listener.accept() {
                    Ok((stream, _)) => Some(Ok(stream)),
                    Err(error) if crate::net::is_closed(&error) => None,
                    Err(error) => Some(Err(error)),
                }
            }
        }

        impl std::iter::FusedIterator for $incoming<'_> {}

        impl<'a> IntoIterator for &'a $listener {
            type Item = io::Result<$stream>;
            type IntoIter = $incoming<'a>;

            fn into_iter(self) -> $incoming<'a> {
                self.incoming()
            }
        }
    };
}

pub(super) use listener;
