//! Sockets of the Unix domain: streams, datagrams, and what addresses they have.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod datagrams;
mod room;
mod streams;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// A path for a socket of this test, which is removed in the end.
struct At(PathBuf);

impl At {
    fn new() -> At {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("gort-{}-{}", std::process::id(), NEXT.fetch_add(1, SeqCst));
        At(std::env::temp_dir().join(name))
    }

    /// An abstract name instead.
    fn abstract_name(&self) -> SocketAddr {
        SocketAddr::from_abstract_name(self.0.as_os_str().as_encoded_bytes()).unwrap()
    }
}

impl Drop for At {
    fn drop(&mut self) {
        let _there_may_be_none = std::fs::remove_file(&self.0);
    }
}
