//! The folder that is served.
//!
//! The kernel resolves paths, and is told not to leave the folder (`openat2` with `RESOLVE_BENEATH`): neither `..` nor a
//! symbolic link gets out, also if someone changes the tree at that moment. Looking at the path first and
//! opening it then would not hold.
//!
//! Small files are kept in memory. For a while after one was looked at it is taken to be as it was: what is
//! served may be [`TRUSTED`] old, and no more than [`CACHE_BYTES`] are kept.

use crate::document::{Content, Document, Version};
use gort::sync::RwLock;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TRUSTED: Duration = Duration::from_secs(1);
const CACHE_BYTES: usize = 16 << 20;
/// What a file in the cache costs beside its content, roughly.
const ENTRY_BYTES: usize = 1 << 10;
/// How often the kernel is asked again if the tree changed while it looked.
const TRIES: usize = 8;

pub(crate) struct Files {
    root: OwnedFd,
    started: Instant,
    cache: RwLock<Cache>,
}

#[derive(Default)]
struct Cache {
    entries: HashMap<Box<[u8]>, Arc<Entry>>,
    bytes: usize,
}

struct Entry {
    document: Document,
    /// When it was last seen to be what is on disk, in milliseconds since the start.
    checked: AtomicU64,
}

/// What there is by a path.
pub(crate) enum Found {
    Kept(Kept),
    Large(Document),
    /// A folder, asked for without the slash at its end.
    Folder,
    Nothing,
}

/// A small document out of the cache.
pub(crate) struct Kept(Arc<Entry>);

impl Kept {
    pub(crate) fn document(&self) -> &Document {
        &self.0.document
    }
}

impl Files {
    pub(crate) fn open(root: &Path) -> io::Result<Files> {
        let root =
            openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Files { root, started: Instant::now(), cache: RwLock::default() })
    }

    /// Looks up a path, which is relative to the folder; one that ends in a slash, or is empty, stands for
    /// the folder's `index.html`. Does not hold a processor while it reads.
    pub(crate) fn find(&self, path: &[u8]) -> io::Result<Found> {
        let now = self.started.elapsed().as_millis() as u64;
        let kept = self.cache.read().expect("no panic under it").entries.get(path).cloned();
        if let Some(kept) = &kept
            && !kept.is_due(now)
        {
            return Ok(Found::Kept(Kept(kept.clone())));
        }
        gort::blocking(|| self.look(path, kept, now))
    }

    fn look(&self, path: &[u8], kept: Option<Arc<Entry>>, now: u64) -> io::Result<Found> {
        let mut name = PathBuf::from(OsStr::from_bytes(path));
        if path.is_empty() || path.ends_with(b"/") {
            name.push("index.html");
        }
        let found = self.open_below(&name)?;
        let (file, metadata) = match found {
            Some((file, metadata)) if metadata.is_file() => (file, metadata),
            other => {
                self.forget(path);
                let folder = other.is_some_and(|(_, metadata)| metadata.is_dir());
                return Ok(if folder { Found::Folder } else { Found::Nothing });
            }
        };
        if let Some(kept) = kept
            && kept.document.version == Version::of(&metadata)?
        {
            return Ok(Found::Kept(Kept(kept)));
        }
        let document = Document::new(&name, file, &metadata)?;
        Ok(match document.content {
            Content::File(_) => {
                self.forget(path);
                Found::Large(document)
            }
            Content::Whole(_) => Found::Kept(Kept(self.keep(path, document, now))),
        })
    }

    fn open_below(&self, name: &Path) -> io::Result<Option<(File, Metadata)>> {
        // A pipe must not make us wait for who writes to it.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = 0;
        let file = loop {
            tries += 1;
            match openat2(&self.root, name, flags, Mode::empty(), resolve) {
                Ok(file) => break File::from(file),
                Err(Errno::INTR | Errno::AGAIN) if tries < TRIES => {}
                Err(
                    Errno::NOENT
                    | Errno::NOTDIR
                    | Errno::LOOP
                    | Errno::XDEV
                    | Errno::ACCESS
                    | Errno::NAMETOOLONG
                    | Errno::NXIO,
                ) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        };
        let metadata = file.metadata()?;
        Ok(Some((file, metadata)))
    }

    fn keep(&self, path: &[u8], document: Document, now: u64) -> Arc<Entry> {
        let entry = Arc::new(Entry { document, checked: AtomicU64::new(now) });
        let mut cache = self.cache.write().expect("no panic under it");
        cache.remove(path);
        if cache.bytes + entry.bytes() > CACHE_BYTES {
            // Rare, and simple: what is asked for again comes in again.
            *cache = Cache::default();
        }
        cache.bytes += entry.bytes();
        cache.entries.insert(path.into(), entry.clone());
        entry
    }

    fn forget(&self, path: &[u8]) {
        if self.cache.read().expect("no panic under it").entries.contains_key(path) {
            self.cache.write().expect("no panic under it").remove(path);
        }
    }
}

impl Cache {
    fn remove(&mut self, path: &[u8]) {
        if let Some(entry) = self.entries.remove(path) {
            self.bytes -= entry.bytes();
        }
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        self.document.length as usize + ENTRY_BYTES
    }

    /// Whether the caller is to look whether the file has changed: one of those who ask, each time.
    fn is_due(&self, now: u64) -> bool {
        let checked = self.checked.load(Ordering::Relaxed);
        now.saturating_sub(checked) >= TRUSTED.as_millis() as u64
            && self
                .checked
                .compare_exchange(checked, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}
