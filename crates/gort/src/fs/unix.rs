//! What is on Unix alone.

use crate::blocking;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs;
use std::path::Path;

/// Makes a symbolic link that leads to `original`, whether that is there or not; as [`std::os::unix::fs::symlink`]. On Unix alone.
///
/// ```
/// use gort::fs;
///
/// # let folder = std::env::temp_dir().join(format!("gort-make-symlink-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// fs::write(folder.join("notes"), "first\n")?;
/// fs::symlink("notes", folder.join("latest"))?; // from the folder that it is in
/// assert_eq!(fs::read(folder.join("latest"))?, b"first\n");
/// # fs::remove_dir_all(&folder)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's.
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    blocking(|| fs::symlink(original, link))
}

/// Changes to whom a file belongs, by the numbers of a user and a group; `None` leaves that as it is. Follows symbolic
/// links; as [`std::os::unix::fs::chown`]. On Unix alone.
///
/// ```
/// use std::os::unix::fs::MetadataExt;
///
/// # let path = std::env::temp_dir().join(format!("gort-chown-{}", std::process::id()));
/// # gort::fs::write(&path, "first\n")?;
/// let group = gort::fs::metadata(&path)?.gid();
/// gort::fs::chown(&path, None, Some(group))?; // a group of one's own; another user takes the system's leave
/// # gort::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// The system's; `PermissionDenied` most often.
pub fn chown(path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    blocking(|| fs::chown(path, user, group))
}

/// As [`chown`], of an open file; as [`std::os::unix::fs::fchown`]. On Unix alone.
///
/// ```
/// use gort::fs::{File, fchown};
/// use std::os::unix::fs::MetadataExt;
///
/// # let path = std::env::temp_dir().join(format!("gort-fchown-{}", std::process::id()));
/// let file = File::create(&path)?;
/// fchown(&file, None, Some(file.metadata()?.gid()))?;
/// # gort::fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`chown`].
pub fn fchown(file: impl AsFd, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    blocking(|| fs::fchown(file, user, group))
}

/// As [`chown`], of a symbolic link itself; as [`std::os::unix::fs::lchown`]. On Unix alone.
///
/// ```
/// use gort::fs;
/// use std::os::unix::fs::MetadataExt;
///
/// # let link = std::env::temp_dir().join(format!("gort-lchown-{}", std::process::id()));
/// fs::symlink("nowhere", &link)?;
/// fs::lchown(&link, None, Some(fs::symlink_metadata(&link)?.gid()))?;
/// # fs::remove_file(&link)?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`chown`].
pub fn lchown(path: impl AsRef<Path>, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    blocking(|| fs::lchown(path, user, group))
}
