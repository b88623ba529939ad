//! Files and pipes, which are handles here. Nothing tells whether they can be read or written without waiting.

use std::fs::File;
use std::io::{self, Read, Stdin};
use std::os::windows::fs::FileExt;

/// What owns a file or the end of a pipe.
pub(crate) type OwnedFile = std::os::windows::io::OwnedHandle;
/// What owns something that is good for nothing but to be polled.
pub(crate) type OwnedDescriptor = std::os::windows::io::OwnedSocket;

/// Lends a file or pipe out, by the traits that std has for that. `$owner` has a method `io` that gives what owns it.
macro_rules! borrowed_file {
    ($handle:ident.$owner:tt) => {
        impl std::os::windows::io::AsHandle for $handle {
            fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                std::os::windows::io::AsHandle::as_handle(self.$owner.io())
            }
        }

        impl std::os::windows::io::AsRawHandle for $handle {
            fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
                std::os::windows::io::AsRawHandle::as_raw_handle(self.$owner.io())
            }
        }
    };
}

/// All that std has for files: lends, makes and gives away one by its handle.
macro_rules! file_handle {
    ($file:ident) => {
        impl std::os::windows::io::AsHandle for $file {
            fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                self.file.as_handle()
            }
        }

        impl std::os::windows::io::AsRawHandle for $file {
            fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
                self.file.as_raw_handle()
            }
        }

        impl std::os::windows::io::IntoRawHandle for $file {
            fn into_raw_handle(self) -> std::os::windows::io::RawHandle {
                self.file.into_raw_handle()
            }
        }

        impl std::os::windows::io::FromRawHandle for $file {
            unsafe fn from_raw_handle(handle: std::os::windows::io::RawHandle) -> $file {
                // SAFETY: by this function's contract.
                $file { file: unsafe { std::fs::File::from_raw_handle(handle) } }
            }
        }
    };
}

/// Lends one of the process's own streams out, by the traits that std has for that. Says which it is.
macro_rules! standard_stream {
    ($handle:ident, $($which:pat => $stream:expr),+) => {
        impl std::os::windows::io::AsRawHandle for $handle {
            fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
                match self {
                    $($which => std::os::windows::io::AsRawHandle::as_raw_handle(&$stream),)+
                }
            }
        }

        impl std::os::windows::io::AsHandle for $handle {
            fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                let handle = std::os::windows::io::AsRawHandle::as_raw_handle(self);
                // SAFETY: as with std's, which lends it for as long: nobody is to close the process's own streams.
                unsafe { std::os::windows::io::BorrowedHandle::borrow_raw(handle) }
            }
        }
    };
}

pub(crate) use {borrowed_file, file_handle, standard_stream};

/// Whoever waits for a pipe does so with a thread, so there is nothing to be set.
pub(crate) fn set_nonblocking<T>(_end: &T, _nonblocking: bool) -> io::Result<()> {
    Ok(())
}

/// Is there room to write something? That is not told.
pub(crate) fn is_writable<T>(_stream: &T) -> io::Result<bool> {
    Ok(false)
}

/// Reads from a place in a file. Its position is behind that afterwards.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Writes to a place in a file. Its position is behind that afterwards.
pub(crate) fn write_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(buffer, offset)
}

/// Reads from standard input, and waits.
pub(crate) fn read_input(mut stdin: &Stdin, buffer: &mut [u8]) -> io::Result<usize> {
    stdin.read(buffer)
}
