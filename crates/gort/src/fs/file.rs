//! An open file.

use crate::by_value::{read_by_value, write_by_value};
use crate::sys::OwnedFile;
use crate::{blocking, sys};
use std::fs::{Metadata, Permissions};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::SystemTime;

/// An open file, like [`std::fs::File`], whose operations hold no processor while they wait.
///
/// It can be shared: `&File` reads and writes as well, at one position that all who have the file move.
///
/// ```
/// use gort::fs::OpenOptions;
/// use std::io::{Read, Seek, Write};
///
/// # gort::run(|| {
/// # let path = std::env::temp_dir().join(format!("gort-file-{}", std::process::id()));
/// let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
/// file.write_all(b"hello")?;
/// file.rewind()?;
/// let mut text = String::new();
/// file.read_to_string(&mut text)?;
/// assert_eq!(text, "hello");
/// # gort::fs::remove_file(&path)
/// # }).unwrap();
/// ```
///
/// Dropped, it is closed, with the thread: use [`sync_all`](Self::sync_all) before if what was written has to be on
/// the disk, or its errors are to be known.
#[derive(Debug)]
pub struct File {
    file: std::fs::File,
}

impl File {
    /// Opens a file to read from; as [`std::fs::File::open`].
    ///
    /// # Errors
    /// The system's: there is no such file, or no right to read it, or too many are open (`EMFILE`).
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::open(path)).map(File::from)
    }

    /// Opens a file to write to: makes it, or empties it; as [`std::fs::File::create`].
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::create(path)).map(File::from)
    }

    /// Makes a file that is not there yet, to read and write; as [`std::fs::File::create_new`].
    ///
    /// # Errors
    /// `AlreadyExists` if it is there; the system's others.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::create_new(path)).map(File::from)
    }

    /// How to open a file; the same as [`OpenOptions::new`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Waits until everything that was written is on the disk.
    ///
    /// # Errors
    /// The system's; among them those of writes that have seemed to succeed.
    pub fn sync_all(&self) -> io::Result<()> {
        blocking(|| self.file.sync_all())
    }

    /// As [`sync_all`](Self::sync_all), but may leave out times and the like.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_data(&self) -> io::Result<()> {
        blocking(|| self.file.sync_data())
    }

    /// Cuts the file off at a length, or fills it up to that with zeros.
    ///
    /// # Errors
    /// The system's; `InvalidInput` if the file was not opened to be written to.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        blocking(|| self.file.set_len(size))
    }

    /// What is known of the file.
    ///
    /// # Errors
    /// The system's.
    pub fn metadata(&self) -> io::Result<Metadata> {
        blocking(|| self.file.metadata())
    }

    /// Another handle of the same open file, with the same position.
    ///
    /// # Errors
    /// The system's: too many are open (`EMFILE`).
    pub fn try_clone(&self) -> io::Result<File> {
        self.file.try_clone().map(File::from)
    }

    /// Changes who may do what with the file.
    ///
    /// # Errors
    /// The system's.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        blocking(|| self.file.set_permissions(permissions))
    }

    /// Changes when the file is said to have been modified.
    ///
    /// # Errors
    /// The system's.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        blocking(|| self.file.set_modified(time))
    }

    /// Waits until nobody else has the file locked, and locks it; as [`std::fs::File::lock`]. Other processes that lock
    /// it wait, too; and so do other handles of this one.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("gort-lock-{}", std::process::id()));
    /// let file = gort::fs::File::create(&path)?;
    /// file.lock()?; // nobody else who locks it has it from here on
    /// file.set_len(0)?;
    /// file.unlock()?;
    /// # gort::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn lock(&self) -> io::Result<()> {
        blocking(|| self.file.lock())
    }

    /// As [`lock`](Self::lock), together with others that lock it in this way.
    ///
    /// # Errors
    /// The system's.
    pub fn lock_shared(&self) -> io::Result<()> {
        blocking(|| self.file.lock_shared())
    }

    /// Gives the lock back, as dropping the file does.
    ///
    /// # Errors
    /// The system's.
    pub fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }

    /// Reads from a place in the file, whatever its position is, and leaves that as it is (on Windows it is moved); several can at the same time.
    /// How many bytes there were: none at the end.
    ///
    /// ```
    /// use gort::fs::{self, File};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-at-{}", std::process::id()));
    /// let file = File::create_new(&path)?;
    /// assert_eq!(file.write_at(b"hello", 3)?, 5); // zeros before it
    /// let mut buffer = [0; 4];
    /// assert_eq!((file.read_at(&mut buffer, 4)?, &buffer), (4, b"ello"));
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        blocking(|| sys::read_at(&self.file, buffer, offset))
    }

    /// Writes to a place in the file, as [`read_at`](Self::read_at) reads. How many bytes were written.
    ///
    /// # Errors
    /// The system's.
    pub fn write_at(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        blocking(|| sys::write_at(&self.file, buffer, offset))
    }

    /// The file as std's.
    pub fn into_std(self) -> std::fs::File {
        self.file
    }
}

impl Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        blocking(|| (&self.file).read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        blocking(|| (&self.file).read_vectored(buffers))
    }

    /// All in one call.
    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        blocking(|| (&self.file).read_to_end(buffer))
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        blocking(|| (&self.file).read_to_string(text))
    }
}

impl Write for &File {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        blocking(|| (&self.file).write(buffer))
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        blocking(|| (&self.file).write_vectored(buffers))
    }

    /// There is nothing to be done.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        // It waits for nothing but another who reads or writes at the position.
        blocking(|| (&self.file).seek(position))
    }
}

read_by_value!(File, read_to_end(Vec<u8>), read_to_string(String));
write_by_value!(File);

impl Seek for File {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        (&*self).seek(position)
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> File {
        File { file }
    }
}

impl From<File> for std::fs::File {
    fn from(file: File) -> std::fs::File {
        file.file
    }
}

impl From<OwnedFile> for File {
    fn from(descriptor: OwnedFile) -> File {
        File { file: descriptor.into() }
    }
}

impl From<File> for OwnedFile {
    fn from(file: File) -> OwnedFile {
        file.file.into()
    }
}

impl From<File> for std::process::Stdio {
    /// The file as input or output of another process.
    fn from(file: File) -> std::process::Stdio {
        file.file.into()
    }
}

sys::file_handle!(File);

/// How to open a file, like [`std::fs::OpenOptions`].
///
/// ```
/// use gort::fs::OpenOptions;
/// use std::io::Write;
///
/// # let path = std::env::temp_dir().join(format!("gort-options-{}", std::process::id()));
/// let mut log = OpenOptions::new().append(true).create(true).open(&path)?;
/// writeln!(log, "started")?;
/// # gort::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
///
/// For what std's can do besides (`mode`, `custom_flags`), make one of these from it.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    options: std::fs::OpenOptions,
}

impl OpenOptions {
    /// Nothing is set.
    #[expect(clippy::new_without_default, reason = "as with std's")]
    pub fn new() -> OpenOptions {
        OpenOptions { options: std::fs::OpenOptions::new() }
    }

    /// To read from it.
    pub fn read(&mut self, on: bool) -> &mut OpenOptions {
        self.options.read(on);
        self
    }

    /// To write to it.
    pub fn write(&mut self, on: bool) -> &mut OpenOptions {
        self.options.write(on);
        self
    }

    /// To write to its end, wherever that is then.
    pub fn append(&mut self, on: bool) -> &mut OpenOptions {
        self.options.append(on);
        self
    }

    /// Empties it.
    pub fn truncate(&mut self, on: bool) -> &mut OpenOptions {
        self.options.truncate(on);
        self
    }

    /// Makes it if it is not there.
    pub fn create(&mut self, on: bool) -> &mut OpenOptions {
        self.options.create(on);
        self
    }

    /// Makes it, and fails if it is there.
    pub fn create_new(&mut self, on: bool) -> &mut OpenOptions {
        self.options.create_new(on);
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for options that exclude each other.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| self.options.open(path)).map(File::from)
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions { options }
    }
}
