//! What the kernel copies between, and how to tell that something is that.

use crate::blocking;
use crate::fs::File;
use crate::io::{PipeReader, PipeWriter};
use crate::net::{ReadHalf, Stream, TcpStream, UnixStream, WriteHalf};
use crate::poll::Direction;
use std::any::TypeId;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

/// What [`splice`](super::splice()) copies between: sockets that are streams, pipes, files.
///
/// ```
/// use gort::io::{Spliced, splice};
///
/// fn send<S: Spliced>(file: &gort::fs::File, to: &S) -> std::io::Result<u64> {
///     splice(file, to)
/// }
/// # let _ = send::<gort::net::TcpStream>;
/// ```
pub trait Spliced: sealed::Sealed {}

mod sealed {
    use std::io;
    use std::os::fd::BorrowedFd;

    /// An operation, which is tried until it does not say that it would block.
    pub type Attempt<'a> = &'a mut dyn FnMut(BorrowedFd<'_>) -> io::Result<usize>;

    pub trait Sealed {
        fn read_by(&self, attempt: Attempt<'_>) -> io::Result<usize>;
        fn write_by(&self, attempt: Attempt<'_>) -> io::Result<usize>;
        /// May a read find what nothing has been told of: an end, an error, urgent data?
        fn is_unsure(&self) -> bool;
    }
}

use sealed::{Attempt, Sealed};

/// `value`, if it is one of these, or a reference to one.
pub(super) fn as_spliced<T: ?Sized>(value: &T) -> Option<&dyn Spliced> {
    downcast::<T, TcpStream>(value)
        .or_else(|| downcast::<T, UnixStream>(value))
        .or_else(|| downcast::<T, PipeReader>(value))
        .or_else(|| downcast::<T, PipeWriter>(value))
        .or_else(|| downcast::<T, File>(value))
        .or_else(|| downcast::<T, ReadHalf<TcpStream>>(value))
        .or_else(|| downcast::<T, WriteHalf<TcpStream>>(value))
        .or_else(|| downcast::<T, ReadHalf<UnixStream>>(value))
        .or_else(|| downcast::<T, WriteHalf<UnixStream>>(value))
}

fn downcast<T: ?Sized, S: Spliced + 'static>(value: &T) -> Option<&dyn Spliced> {
    let value_type = typeid::of::<T>();
    if value_type == TypeId::of::<S>() {
        // SAFETY: it is of that type, which has no lifetimes.
        Some(unsafe { &*(&raw const *value).cast::<S>() })
    } else if value_type == TypeId::of::<&'static S>() {
        // SAFETY: it is a reference to one, which lives for as long as the reference to that does.
        Some(unsafe { *(&raw const *value).cast::<&S>() })
    } else {
        None
    }
}

/// A descriptor that is polled.
macro_rules! spliced {
    ($($type:ty),*) => { $(
        impl Spliced for $type {}

        impl Sealed for $type {
            fn read_by(&self, attempt: Attempt<'_>) -> io::Result<usize> {
                self.source().run(Direction::Read, |descriptor| attempt(descriptor.as_fd()))
            }

            fn write_by(&self, attempt: Attempt<'_>) -> io::Result<usize> {
                self.source().run(Direction::Write, |descriptor| attempt(descriptor.as_fd()))
            }

            fn is_unsure(&self) -> bool {
                self.source().record().readiness(Direction::Read).look().is_unsure()
            }
        }
    )* };
}

spliced!(TcpStream, UnixStream, PipeReader, PipeWriter);

impl Spliced for File {}

impl Sealed for File {
    fn read_by(&self, attempt: Attempt<'_>) -> io::Result<usize> {
        retry(|| blocking(|| attempt(self.as_fd())))
    }

    fn write_by(&self, attempt: Attempt<'_>) -> io::Result<usize> {
        retry(|| blocking(|| attempt(self.as_fd())))
    }

    /// Of which it is told nothing, and asks by reading.
    fn is_unsure(&self) -> bool {
        false
    }
}

fn retry(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

macro_rules! forwarded {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => { $(
        impl<$($generics)*> Spliced for $type {}

        impl<$($generics)*> Sealed for $type {
            fn read_by(&self, attempt: Attempt<'_>) -> io::Result<usize> {
                (**self).read_by(attempt)
            }

            fn write_by(&self, attempt: Attempt<'_>) -> io::Result<usize> {
                (**self).write_by(attempt)
            }

            fn is_unsure(&self) -> bool {
                (**self).is_unsure()
            }
        }
    )* };
}

forwarded!(
    [S: Spliced + ?Sized] &S,
    [S: Spliced + ?Sized] Arc<S>,
    [S: Spliced + Stream] ReadHalf<S>,
    [S: Spliced + Stream] WriteHalf<S>,
);
