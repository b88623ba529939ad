//! Files and folders: the functions of `std::fs` (and some of `std::os::unix::fs`, there), each in a [`blocking`](crate::blocking()) of its own.
//!
//! ```
//! use gort::fs::{self, File};
//! use std::io::{BufRead, BufReader, Write};
//!
//! # gort::run(|| {
//! # let folder = std::env::temp_dir().join(format!("gort-fs-{}", std::process::id()));
//! fs::create_dir_all(&folder)?;
//! let path = folder.join("notes");
//! let mut file = File::create(&path)?;
//! file.write_all(b"first\nsecond\n")?;
//! file.sync_all()?; // may take long: others run meanwhile, on this processor
//! assert_eq!(BufReader::new(File::open(&path)?).lines().count(), 2);
//! fs::remove_dir_all(&folder)?;
//! # std::io::Result::Ok(()) }).unwrap();
//! ```
//!
//! What is not here (`Metadata`, `Permissions`, `DirEntry`, `FileType`) does not wait for a disk, or need not, and is that of std.
//!
//! # When it is worth it
//! Linux cannot say "not yet" about a file: who reads one that is not in memory sleeps in the kernel, and the
//! processor sleeps along until the [monitor](crate::Preempt) sees that others wait and takes it away, some tens of microseconds
//! later. Here the processor is given away before. That costs 0.1 µs when nobody waits for a processor. When others do, threads
//! are woken for them and for coming back: 3 µs to some tens of them, the more the busier the processors are. To read
//! 4 KiB that are in memory takes 0.3 (`cargo bench -p gort --bench fs`).
//!
//! So this module is for what really waits: disks that spin or are far away, `sync_all`, large files, deep folders. Small
//! files that are in memory anyway are as well read with `std::fs`: nothing breaks either way. For several calls in a row, one
//! `blocking` around `std::fs` costs less than one around each:
//!
//! ```
//! # let path = "Cargo.toml";
//! let newest = gort::blocking(|| {
//!     let entries = std::fs::read_dir(".")?;
//!     let times = entries.map(|entry| entry?.metadata()?.modified());
//!     times.reduce(|a, b| Ok(a?.max(b?))).transpose()
//! });
//! # assert!(newest.unwrap().is_some());
//! ```
//!
//! A [`File`] is best wrapped in a `BufReader` or `BufWriter`, as each read and write is a call of its own.
//! On plain threads all of it is `std::fs`. A call that has begun is not ended by anything: a runtime that is
//! [shut down](crate::Runtime::shutdown) waits for it.

mod dir_builder;
mod file;
mod open_options;
mod read_dir;
#[cfg(unix)]
mod unix;

pub use dir_builder::DirBuilder;
pub use file::File;
pub use open_options::OpenOptions;
pub use read_dir::{ReadDir, read_dir};
#[cfg(unix)]
pub use unix::{chown, fchown, lchown, symlink};

use crate::blocking;
use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

/// All of a file's bytes, as [`std::fs::read`].
///
/// ```
/// assert!(!gort::fs::read("Cargo.toml")?.is_empty());
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's: if there is no such file, no right to read it, or the disk fails. So with all functions here.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    blocking(|| std::fs::read(path))
}

/// All of a file's text, as [`std::fs::read_to_string`].
///
/// ```
/// assert!(gort::fs::read_to_string("Cargo.toml")?.contains("gort"));
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's; `InvalidData` if it is not UTF-8.
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    blocking(|| std::fs::read_to_string(path))
}

/// Makes a file of the contents, or replaces what is in it; as [`std::fs::write`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-write-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// let (path, copy) = (folder.join("notes"), folder.join("copy"));
/// fs::write(&path, "first\n")?;
/// assert_eq!(fs::copy(&path, &copy)?, 6);
/// fs::rename(&copy, folder.join("notes.old"))?;
/// assert_eq!(fs::metadata(&path)?.len(), 6);
/// fs::remove_file(&path)?;
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    blocking(|| std::fs::write(path, contents))
}

/// Copies a file's contents and permissions, and returns how many bytes it has. In the kernel where that can do it; as [`std::fs::copy`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-copy-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::write(folder.join("notes"), "first\n")?;
/// assert_eq!(fs::copy(folder.join("notes"), folder.join("copy"))?, 6);
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    blocking(|| std::fs::copy(from, to))
}

/// Gives a file or folder another name, in place of what had that name; as [`std::fs::rename`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-rename-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::write(folder.join("notes.new"), "second\n")?;
/// fs::rename(folder.join("notes.new"), folder.join("notes"))?; // who reads sees the old or the new ones
/// assert_eq!(fs::read_to_string(folder.join("notes"))?, "second\n");
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::rename(from, to))
}

/// Gives a file one name more; as [`std::fs::hard_link`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-hard-link-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::write(folder.join("notes"), "first\n")?;
/// fs::hard_link(folder.join("notes"), folder.join("also"))?;
/// fs::remove_file(folder.join("notes"))?;
/// assert_eq!(fs::read(folder.join("also"))?, b"first\n");
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::hard_link(original, link))
}

/// Where a symbolic link leads; as [`std::fs::read_link`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-read-link-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::symlink("notes", folder.join("latest"))?;
/// assert_eq!(fs::read_link(folder.join("latest"))?.to_str(), Some("notes"));
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    blocking(|| std::fs::read_link(path))
}

/// The absolute path, with all symbolic links followed; as [`std::fs::canonicalize`].
///
/// ```
/// assert!(gort::fs::canonicalize("./Cargo.toml")?.is_absolute());
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    blocking(|| std::fs::canonicalize(path))
}

/// What is known of a file: its kind, size, times, permissions. Follows symbolic links; as [`std::fs::metadata`].
///
/// ```
/// assert!(gort::fs::metadata("Cargo.toml")?.len() > 0);
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    blocking(|| std::fs::metadata(path))
}

/// What is known of a file, or of a symbolic link itself; as [`std::fs::symlink_metadata`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-symlink-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::symlink("nowhere", folder.join("link"))?;
/// assert!(fs::symlink_metadata(folder.join("link"))?.is_symlink());
/// assert!(fs::metadata(folder.join("link")).is_err());
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    blocking(|| std::fs::symlink_metadata(path))
}

/// Changes who may do what with a file; as [`std::fs::set_permissions`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-permissions-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// let notes = folder.join("notes");
/// fs::write(&notes, "first\n")?;
/// let mut permissions = fs::metadata(&notes)?.permissions();
/// permissions.set_readonly(true);
/// fs::set_permissions(&notes, permissions)?;
/// assert!(fs::metadata(&notes)?.permissions().readonly());
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    blocking(|| std::fs::set_permissions(path, permissions))
}

/// Makes a folder; as [`std::fs::create_dir`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-create-dir-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::create_dir(folder.join("a"))?;
/// assert!(fs::create_dir(folder.join("b/c")).is_err(), "there is no b");
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::create_dir(path))
}

/// Makes a folder, and those that it is in where they are missing; as [`std::fs::create_dir_all`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-create-dirs-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::create_dir_all(folder.join("a/b/c"))?;
/// fs::create_dir_all(folder.join("a/b"))?; // it is there
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::create_dir_all(path))
}

/// Removes a file; as [`std::fs::remove_file`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-remove-file-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::write(folder.join("notes"), "first\n")?;
/// fs::remove_file(folder.join("notes"))?;
/// assert!(!fs::exists(folder.join("notes"))?);
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::remove_file(path))
}

/// Removes a folder with nothing in it; as [`std::fs::remove_dir`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-remove-dir-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::create_dir_all(folder.join("a/b"))?;
/// assert!(fs::remove_dir(folder.join("a")).is_err(), "b is in it");
/// fs::remove_dir(folder.join("a/b"))?;
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::remove_dir(path))
}

/// Removes a folder with all that is in it; does not follow symbolic links. In one call that may take long; as [`std::fs::remove_dir_all`].
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-remove-dirs-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::create_dir_all(folder.join("a/b"))?;
/// fs::write(folder.join("a/notes"), "first\n")?;
/// fs::remove_dir_all(folder.join("a"))?;
/// assert!(!fs::exists(folder.join("a"))?);
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| std::fs::remove_dir_all(path))
}

/// Is there something of that name? As [`std::fs::exists`].
///
/// ```
/// assert!(gort::fs::exists("Cargo.toml")?);
/// assert!(!gort::fs::exists("no such file")?);
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's, if that cannot be told.
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    blocking(|| std::fs::exists(path))
}
