//! The kernel's list of sockets from which something may be read, for one thread.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// How many sockets are told of at a time.
const BATCH: usize = 512;

/// Tells again and again which sockets have something to read, until it has been read.
pub struct Epoll(OwnedFd);

/// The sockets that were ready when a wait ended.
pub struct Ready {
    events: [libc::epoll_event; BATCH],
    count: usize,
}

impl Epoll {
    /// A list without sockets.
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: it always is.
        let descriptor = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor has just been opened, and nobody else knows it.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Puts a socket on the list, where it is called `name`. It leaves the list when it is closed.
    pub fn add(&self, socket: &impl AsRawFd, name: usize) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: name as u64 };
        let (list, socket) = (self.0.as_raw_fd(), socket.as_raw_fd());
        // SAFETY: `event` is an event; both descriptors are open.
        let done = unsafe { libc::epoll_ctl(list, libc::EPOLL_CTL_ADD, socket, &raw mut event) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Blocks the thread until there is something to read, or the time is over, or a debugger looks in.
    pub fn wait(&self, ready: &mut Ready, longest: Option<Duration>) -> io::Result<()> {
        let longest = longest.map_or(-1, |time| time.as_millis() as libc::c_int);
        let (list, events) = (self.0.as_raw_fd(), ready.events.as_mut_ptr());
        // SAFETY: there is room for that many events.
        let count = unsafe { libc::epoll_wait(list, events, BATCH as libc::c_int, longest) };
        ready.count = usize::try_from(count).unwrap_or(0);
        if count >= 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        }
    }
}

impl Ready {
    /// None yet.
    pub fn none() -> Ready {
        Ready { events: [libc::epoll_event { events: 0, u64: 0 }; BATCH], count: 0 }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = usize> {
        self.events[..self.count].iter().map(|event| event.u64 as usize)
    }
}
