//! The files of a tree, in the bytewise order of their paths.

use crate::Job;
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Calls `emit` with every regular file below `root`, or with `root` itself if it is no directory,
/// until that says no. Links, devices and the like below `root` are passed over, as `grep -r` does.
pub(crate) fn walk(root: &Path, mut emit: impl FnMut(Job) -> bool) {
    let mut next = 0;
    let mut number = || {
        next += 1;
        next - 1
    };
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => {}
        other => {
            emit(Job { number: number(), path: root.into(), error: other.err() });
            return;
        }
    }
    // What is still to be visited, the next one last.
    let mut stack = vec![Entry { path: root.into(), kind: Kind::Directory }];
    while let Some(Entry { path, kind }) = stack.pop() {
        let error = match kind {
            Kind::File => None,
            Kind::Unreadable(error) => Some(error),
            Kind::Directory => match entries(&path) {
                Ok(entries) => {
                    stack.extend(entries.into_iter().rev());
                    continue;
                }
                Err(error) => Some(error),
            },
        };
        if !emit(Job { number: number(), path, error }) {
            return;
        }
    }
}

enum Kind {
    File,
    Directory,
    Unreadable(io::Error),
}

struct Entry {
    path: PathBuf,
    kind: Kind,
}

/// What is in a directory, in order.
fn entries(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Some(kind) = kind(&entry) else { continue };
        // The order of the whole paths: a directory's name is followed by a slash there.
        let mut key: OsString = entry.file_name();
        if matches!(kind, Kind::Directory) {
            key.push("/");
        }
        entries.push((key, Entry { path: join(directory, &entry), kind }));
    }
    entries.sort_unstable_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn join(directory: &Path, entry: &DirEntry) -> PathBuf {
    // `Path::join` knows about a slash at the end already.
    directory.join(entry.file_name())
}

/// `None`: to be passed over.
fn kind(entry: &DirEntry) -> Option<Kind> {
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => Some(Kind::Directory),
        Ok(kind) if kind.is_file() => Some(Kind::File),
        Ok(_) => None,
        Err(error) => Some(Kind::Unreadable(error)),
    }
}
