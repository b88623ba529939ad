//! Files and pipes, which are descriptors like all else.

use super::{is_readable, read};
use std::fs::File;
use std::io::{self, Stdin};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// What owns a file or the end of a pipe.
pub(crate) type OwnedFile = OwnedFd;
/// What owns a descriptor that is good for nothing but to be polled.
pub(crate) type OwnedDescriptor = OwnedFd;

/// Lends a file or pipe out, as [`borrowed`](super::borrowed) does.
macro_rules! borrowed_file {
    ($handle:ident.$owner:tt) => {
        $crate::sys::borrowed!($handle.$owner);
    };
}

/// All that std has for files: lends, makes and gives away one by its descriptor.
macro_rules! file_handle {
    ($file:ident) => {
        impl std::os::fd::AsFd for $file {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.file.as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $file {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.file.as_raw_fd()
            }
        }

        impl std::os::fd::IntoRawFd for $file {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                self.file.into_raw_fd()
            }
        }

        impl std::os::fd::FromRawFd for $file {
            unsafe fn from_raw_fd(descriptor: std::os::fd::RawFd) -> $file {
                // SAFETY: by this function's contract.
                $file { file: unsafe { std::fs::File::from_raw_fd(descriptor) } }
            }
        }
    };
}

/// Lends one of the process's own streams out, by the traits that std has for that. Says which it is.
macro_rules! standard_stream {
    ($handle:ident, $($which:pat => $stream:expr),+) => {
        impl std::os::fd::AsRawFd for $handle {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                match self {
                    $($which => std::os::fd::AsRawFd::as_raw_fd(&$stream),)+
                }
            }
        }

        impl std::os::fd::AsFd for $handle {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                let descriptor = std::os::fd::AsRawFd::as_raw_fd(self);
                // SAFETY: as with std's, which lends it for as long: nobody is to close the process's own streams.
                unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) }
            }
        }
    };
}

pub(crate) use {borrowed_file, file_handle, standard_stream};

/// Reads from a place in a file.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// Writes to a place in a file.
pub(crate) fn write_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(buffer, offset)
}

/// Reads what there is of standard input; `WouldBlock` if nothing is. Nobody sets it not to block: others may have it, too.
pub(crate) fn read_input(stdin: &Stdin, buffer: &mut [u8]) -> io::Result<usize> {
    let read = match is_readable(stdin)? {
        true => read(stdin.as_fd(), buffer),
        false => Err(io::ErrorKind::WouldBlock.into()),
    };
    match read {
        // Without standard input there is nothing to be read, as with std's.
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(0),
        read => read,
    }
}
