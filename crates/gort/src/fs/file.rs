//! An open file.

use super::OpenOptions;
use crate::by_value::{read_by_value, write_by_value};
use crate::sys::OwnedFile;
use crate::{blocking, sys};
use std::fs::{FileTimes, Metadata, Permissions, TryLockError};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::mem;
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
    /// ```
    /// use gort::fs::{self, File};
    /// use std::io::{ErrorKind, Read, Write};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-open-{}", std::process::id()));
    /// assert_eq!(File::open(&path).unwrap_err().kind(), ErrorKind::NotFound);
    /// fs::write(&path, "hello")?;
    /// let mut file = File::open(&path)?;
    /// let mut text = String::new();
    /// file.read_to_string(&mut text)?;
    /// assert_eq!(text, "hello");
    /// assert!(file.write(b"!").is_err()); // it is to read from
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's: there is no such file, or no right to read it, or too many are open (`EMFILE`).
    pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::open(path)).map(File::from)
    }

    /// Opens a file to write to: makes it, or empties it; as [`std::fs::File::create`].
    ///
    /// ```
    /// use gort::fs::{self, File};
    /// use std::io::Write;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-create-{}", std::process::id()));
    /// fs::write(&path, "what was there before")?;
    /// File::create(&path)?.write_all(b"anew")?;
    /// assert_eq!(fs::read(&path)?, b"anew");
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: impl AsRef<Path>) -> io::Result<File> {
        blocking(|| std::fs::File::create(path)).map(File::from)
    }

    /// Makes a file that is not there yet, to read and write; as [`std::fs::File::create_new`].
    ///
    /// ```
    /// use gort::fs::{self, File};
    /// use std::io::ErrorKind;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-create-new-{}", std::process::id()));
    /// let lock = File::create_new(&path)?;
    /// assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    /// # drop(lock);
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use gort::fs::{self, File};
    /// use std::io::Write;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-sync-{}", std::process::id()));
    /// # let new = path.with_extension("new");
    /// let mut file = File::create(&new)?;
    /// file.write_all(b"settings")?;
    /// file.sync_all()?; // from here on it is there, whatever happens
    /// drop(file);
    /// fs::rename(&new, &path)?; // whoever reads gets the old or the new ones, whole
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's; among them those of writes that have seemed to succeed.
    pub fn sync_all(&self) -> io::Result<()> {
        blocking(|| self.file.sync_all())
    }

    /// As [`sync_all`](Self::sync_all), but may leave out times and the like.
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-sync-data-{}", std::process::id()));
    /// let mut log = gort::fs::File::create(&path)?;
    /// log.write_all(b"paid\n")?;
    /// log.sync_data()?; // now the customer may be told
    /// # gort::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn sync_data(&self) -> io::Result<()> {
        blocking(|| self.file.sync_data())
    }

    /// Cuts the file off at a length, or fills it up to that with zeros.
    ///
    /// ```
    /// use gort::fs::{self, File};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-len-{}", std::process::id()));
    /// fs::write(&path, "hello")?;
    /// let file = File::options().write(true).open(&path)?;
    /// file.set_len(2)?;
    /// file.set_len(4)?;
    /// assert_eq!(file.metadata()?.len(), 4);
    /// assert_eq!(fs::read(&path)?, b"he\0\0");
    /// assert!(File::open(&path)?.set_len(0).is_err());
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's; `InvalidInput` if the file was not opened to be written to.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        blocking(|| self.file.set_len(size))
    }

    /// What is known of the file. [`set_len`](Self::set_len) has an example.
    ///
    /// # Errors
    /// The system's.
    pub fn metadata(&self) -> io::Result<Metadata> {
        blocking(|| self.file.metadata())
    }

    /// Another handle of the same open file, with the same position.
    ///
    /// ```
    /// use gort::fs::{self, File};
    /// use std::io::{Read, Seek};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-clone-{}", std::process::id()));
    /// fs::write(&path, "hello")?;
    /// let mut file = File::open(&path)?;
    /// let mut other = file.try_clone()?;
    /// file.read_exact(&mut [0; 2])?;
    /// assert_eq!(other.stream_position()?, 2);
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's: too many are open (`EMFILE`).
    pub fn try_clone(&self) -> io::Result<File> {
        self.file.try_clone().map(File::from)
    }

    /// Changes who may do what with the file.
    ///
    /// ```ignore-windows
    /// use gort::fs::{self, File};
    /// use std::fs::Permissions;
    /// use std::os::unix::fs::PermissionsExt;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-mode-{}", std::process::id()));
    /// let file = File::create_new(&path)?;
    /// file.set_permissions(Permissions::from_mode(0o600))?;
    /// assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        blocking(|| self.file.set_permissions(permissions))
    }

    /// Changes when the file is said to have been modified.
    ///
    /// ```
    /// use gort::fs::{self, File};
    /// use std::time::SystemTime;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-modified-{}", std::process::id()));
    /// let file = File::create_new(&path)?;
    /// file.set_modified(SystemTime::UNIX_EPOCH)?;
    /// assert_eq!(file.metadata()?.modified()?, SystemTime::UNIX_EPOCH);
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        blocking(|| self.file.set_modified(time))
    }

    /// Changes when the file is said to have been modified, read, and where there is that, made.
    ///
    /// ```
    /// use std::fs::FileTimes;
    /// use std::time::SystemTime;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-times-{}", std::process::id()));
    /// let file = gort::fs::File::create_new(&path)?;
    /// file.set_times(FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH))?;
    /// assert_eq!(file.metadata()?.accessed()?, SystemTime::UNIX_EPOCH);
    /// # gort::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        blocking(|| self.file.set_times(times))
    }

    /// Waits until nobody else has the file locked, and locks it; as [`std::fs::File::lock`]. Other processes that lock
    /// it wait, too, and so does who has opened it once more in this one. What a [clone](Self::try_clone) that locks it as
    /// well does depends on the system.
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
    /// ```
    /// use gort::fs::File;
    /// use std::fs::TryLockError;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-lock-shared-{}", std::process::id()));
    /// # drop(File::create_new(&path)?);
    /// let (one, other, third) = (File::open(&path)?, File::open(&path)?, File::open(&path)?);
    /// one.lock_shared()?;
    /// other.lock_shared()?; // at the same time
    /// assert!(matches!(third.try_lock(), Err(TryLockError::WouldBlock)));
    /// drop((one, other));
    /// third.lock()?;
    /// # gort::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's.
    pub fn lock_shared(&self) -> io::Result<()> {
        blocking(|| self.file.lock_shared())
    }

    /// As [`lock`](Self::lock), without waiting.
    ///
    /// ```
    /// use std::fs::TryLockError;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-try-lock-{}", std::process::id()));
    /// let (file, other) = (gort::fs::File::create(&path)?, gort::fs::File::open(&path)?);
    /// file.lock()?;
    /// assert!(matches!(other.try_lock_shared(), Err(TryLockError::WouldBlock)));
    /// file.unlock()?;
    /// other.try_lock()?;
    /// # gort::fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `WouldBlock` if somebody has it locked; the system's.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        self.file.try_lock()
    }

    /// As [`lock_shared`](Self::lock_shared), without waiting. [`try_lock`](Self::try_lock) has an example.
    ///
    /// # Errors
    /// As [`try_lock`](Self::try_lock).
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.file.try_lock_shared()
    }

    /// Gives the lock back, as dropping the file with all its clones does. [`lock`](Self::lock) has an example.
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

    /// Writes to a place in the file, as [`read_at`](Self::read_at) reads, which has an example. How many bytes were written.
    ///
    /// # Errors
    /// The system's.
    pub fn write_at(&self, buffer: &[u8], offset: u64) -> io::Result<usize> {
        blocking(|| sys::write_at(&self.file, buffer, offset))
    }

    /// Fills the buffer from a place in the file, as [`read_at`](Self::read_at) reads.
    ///
    /// ```
    /// use gort::fs::{self, File};
    /// use std::io::ErrorKind;
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-exact-at-{}", std::process::id()));
    /// fs::write(&path, "hello")?;
    /// let file = File::open(&path)?;
    /// let mut buffer = [0; 4];
    /// file.read_exact_at(&mut buffer, 1)?;
    /// assert_eq!(&buffer, b"ello");
    /// assert_eq!(file.read_exact_at(&mut buffer, 3).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; the system's. What is in the buffer is then anything.
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        blocking(|| {
            while !buffer.is_empty() {
                match sys::read_at(&self.file, buffer, offset) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => {
                        buffer = &mut mem::take(&mut buffer)[count..];
                        offset += count as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Writes everything to a place in the file, as [`write_at`](Self::write_at) writes.
    ///
    /// ```
    /// use gort::fs::{self, File};
    ///
    /// # let path = std::env::temp_dir().join(format!("gort-all-at-{}", std::process::id()));
    /// let file = File::create_new(&path)?;
    /// file.write_all_at(b"hello", 3)?;
    /// let mut buffer = [0; 4];
    /// file.read_exact_at(&mut buffer, 4)?;
    /// assert_eq!(&buffer, b"ello");
    /// # fs::remove_file(&path)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `WriteZero` if the system takes no more; its own. A part may have been written then.
    pub fn write_all_at(&self, mut buffer: &[u8], mut offset: u64) -> io::Result<()> {
        blocking(|| {
            while !buffer.is_empty() {
                match sys::write_at(&self.file, buffer, offset) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) => {
                        buffer = &buffer[count..];
                        offset += count as u64;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
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
