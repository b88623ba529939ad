//! A file that was found: what is to be said of it, and its content.

use crate::date;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// Files up to this size are read whole, and kept.
pub(crate) const SMALL: u64 = 64 << 10;

pub(crate) struct Document {
    pub(crate) version: Version,
    pub(crate) length: u64,
    pub(crate) content: Content,
    /// The header fields that say the above.
    pub(crate) fields: String,
}

pub(crate) enum Content {
    Whole(Box<[u8]>),
    File(File),
}

/// What tells the states of a file apart for its readers.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Version {
    pub(crate) modified: SystemTime,
    /// With its quotes.
    pub(crate) tag: String,
}

impl Version {
    /// The tag is strong: a file that changes within a nanosecond, and keeps its length, is not expected.
    pub(crate) fn of(metadata: &Metadata) -> io::Result<Version> {
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        let tag =
            format!("\"{:x}-{seconds:x}.{nanoseconds:x}-{:x}\"", metadata.ino(), metadata.len());
        Ok(Version { modified: metadata.modified()?, tag })
    }
}

impl Document {
    /// Reads the file if it is small. Blocks the thread.
    pub(crate) fn new(name: &Path, mut file: File, metadata: &Metadata) -> io::Result<Document> {
        let version = Version::of(metadata)?;
        let fields = format!(
            "Content-Type: {}\r\nETag: {}\r\nLast-Modified: {}\r\nAccept-Ranges: bytes\r\n",
            content_type(name),
            version.tag,
            date::write(version.modified),
        );
        let length = metadata.len();
        if length > SMALL {
            return Ok(Document { version, length, content: Content::File(file), fields });
        }
        let mut whole = Vec::with_capacity(length as usize);
        file.by_ref().take(SMALL).read_to_end(&mut whole)?;
        let length = whole.len() as u64;
        Ok(Document { version, length, content: Content::Whole(whole.into()), fields })
    }
}

fn content_type(name: &Path) -> &'static str {
    let extension = name.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "log" | "rs" | "toml" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" | "map" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_by_the_extension() {
        for (name, expected) in [
            ("a/index.html", "text/html; charset=utf-8"),
            ("a.b.JPG", "image/jpeg"),
            ("html", "application/octet-stream"),
            ("a.unknown", "application/octet-stream"),
        ] {
            assert_eq!(content_type(Path::new(name)), expected, "{name}");
        }
    }
}
