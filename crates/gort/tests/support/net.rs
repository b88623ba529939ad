//! What the tests of the network share.

use gort::net::{TcpListener, TcpStream};
use std::fmt::Debug;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A listener on the loopback, and where.
pub fn listener() -> (TcpListener, SocketAddr) {
    listener_at(1)
}

/// The same at 127.0.0.`last`: if no other test uses that, nobody gets the port when it is free again.
pub fn listener_at(last: u8) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A connection: what connected, and what was accepted.
pub fn pair() -> (TcpStream, TcpStream) {
    let (listener, address) = listener();
    let client = TcpStream::connect(address).unwrap();
    let (server, peer) = listener.accept().unwrap();
    assert_eq!(client.local_addr().unwrap(), peer);
    (client, server)
}

/// Has the poller tell of what has come up to now.
pub fn poll_once() {
    let (mut client, mut server) = pair();
    let reader = gort::spawn(move || server.read_exact(&mut [0]));
    gort::yield_now();
    client.write_all(b"-").unwrap();
    reader.join().unwrap().unwrap();
}

#[track_caller]
pub fn assert_timed_out<T: Debug>(result: io::Result<T>) {
    let error = result.expect_err("a time-out");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
}

#[track_caller]
pub fn assert_closed<T: Debug>(result: io::Result<T>) {
    let error = result.expect_err("it has been closed");
    assert!(gort::net::is_closed(&error), "{error:?}");
}

#[track_caller]
pub fn assert_kind<T: Debug>(result: io::Result<T>, kind: ErrorKind) {
    let error = result.expect_err("an error");
    assert_eq!(error.kind(), kind, "{error:?}");
}

/// Tries again until it fails. It may succeed at first: a process that another test starts has all our descriptors until it
/// executes its program.
#[track_caller]
pub fn assert_kind_in_the_end<T>(mut attempt: impl FnMut() -> io::Result<T>, kind: ErrorKind) {
    let start = Instant::now();
    let error = loop {
        match attempt() {
            Ok(_) => assert!(start.elapsed() < super::LIMIT / 2, "it never fails"),
            Err(error) => break error,
        }
        gort::sleep(Duration::from_millis(1));
    };
    assert_eq!(error.kind(), kind, "{error:?}");
}

/// Written to a direction that this side has shut down.
#[track_caller]
pub fn assert_shut_down<T: Debug>(result: io::Result<T>) {
    let error = result.expect_err("an error");
    #[cfg(unix)]
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error:?}");
    // std has no kind for it.
    #[cfg(windows)]
    assert_eq!(error.raw_os_error(), Some(windows_sys::Win32::Networking::WinSock::WSAESHUTDOWN));
}

/// The byte at a place of the endless text that belongs to a seed; no two stretches of it are alike.
fn byte_at(seed: u64, place: usize) -> u8 {
    let mixed = (seed ^ place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8
}

/// Writes that text, up to a length, in pieces of all sizes.
pub fn send_text(mut to: impl Write, seed: u64, len: usize) {
    let mut sent = 0;
    let mut piece = 1;
    while sent < len {
        let bytes: Vec<u8> =
            (sent..len.min(sent + piece)).map(|place| byte_at(seed, place)).collect();
        to.write_all(&bytes).unwrap();
        sent += bytes.len();
        piece = piece * 3 % 100_003 + 1;
    }
}

/// Reads to the end, and checks that it was that text. Returns how long it was.
#[track_caller]
pub fn receive_text(mut from: impl Read, seed: u64) -> usize {
    let mut buffer = vec![0; 40_000];
    let mut received = 0;
    loop {
        let room = 1 + received % buffer.len();
        let count = from.read(&mut buffer[..room]).unwrap();
        if count == 0 {
            return received;
        }
        for (place, &byte) in (received..).zip(&buffer[..count]) {
            assert_eq!(byte, byte_at(seed, place), "at {place} of text {seed}");
        }
        received += count;
    }
}

/// Has a goroutine peek, once; it returns what it saw.
pub fn start_peeking(
    peek: impl FnOnce(&mut [u8]) -> io::Result<usize> + Send + 'static,
) -> gort::JoinHandle<Vec<u8>> {
    gort::spawn(move || {
        let mut buffer = [0; 9];
        let count = peek(&mut buffer).unwrap();
        buffer[..count].to_vec()
    })
}

/// Much to write.
pub static PIECE: [u8; 1 << 16] = [b'.'; 1 << 16];

/// Writes until there is no more room. Returns how much there was.
pub fn fill(mut stream: &TcpStream) -> usize {
    let mut written = 0;
    stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = loop {
        match stream.write(&PIECE) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    stream.set_write_timeout(None).unwrap();
    written
}

/// Drops a stream so that the other side gets a reset instead of an end.
pub fn reset(stream: TcpStream) {
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}

/// A deadline that has passed.
pub fn past() -> Option<Instant> {
    Some(Instant::now())
}

/// A deadline that comes after so long.
pub fn after(time: Duration) -> Option<Instant> {
    Some(Instant::now() + time)
}

/// Do operations on it wait?
#[cfg(target_os = "linux")]
pub fn blocks(end: &impl std::os::fd::AsFd) -> bool {
    use std::os::fd::AsRawFd;
    // SAFETY: asks for the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(end.as_fd().as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_NONBLOCK == 0
}

/// How many descriptors the process has open. Those of files below `/proc` do not count: the monitor reads there for a
/// moment at any time, and so does who counts.
#[cfg(target_os = "linux")]
pub fn descriptors() -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    let names = all.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    names.filter(|name| !name.starts_with("/proc")).count()
}

/// How many handles the process has: what descriptors are there.
#[cfg(windows)]
pub fn descriptors() -> usize {
    use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};
    let mut count = 0;
    // SAFETY: a number that means this process.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the place for the count is valid for the call.
    assert_ne!(unsafe { GetProcessHandleCount(process, &raw mut count) }, 0);
    count as usize
}

/// Allows the process so many descriptors, or as many as may be. Returns how many that are.
#[cfg(unix)]
pub fn allow_descriptors(wanted: usize) -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid for the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit.rlim_cur = (wanted as libc::rlim_t).max(limit.rlim_cur).min(limit.rlim_max);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    limit.rlim_cur as usize
}
