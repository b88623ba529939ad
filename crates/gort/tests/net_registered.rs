//! A socket is registered with the poller once, edge-triggered, however often it is waited for. What the kernel is told
//! passes through a function of this program's. (The calls that an echo takes are counted in `gates/`.)
#![cfg(target_os = "linux")]

mod support;

use gort::net::TcpStream;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use support::net::{assert_timed_out, fill, listener, pair};
use support::{on, yield_until};

/// What the kernel has been told: of which descriptor, to do what, and with which flags.
static TOLD: Mutex<Vec<(RawFd, i32, i32)>> = Mutex::new(Vec::new());

/// In place of the C library's, which does nothing else than the last line.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_ctl(
    poller: i32,
    what: i32,
    descriptor: i32,
    event: *mut libc::epoll_event,
) -> i32 {
    // SAFETY: by this function's contract it is an event, or null.
    let flags = unsafe { event.as_ref() }.map_or(0, |event| event.events as i32);
    TOLD.lock().unwrap().push((descriptor, what, flags));
    // SAFETY: by this function's contract.
    unsafe { libc::syscall(libc::SYS_epoll_ctl, poller, what, descriptor, event) as i32 }
}

/// Tests run one after the other: they have the same numbers for their descriptors. Nothing has been told yet.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    TOLD.lock().unwrap().clear();
    alone
}

/// What has been told of a descriptor: to do what, and with which flags.
fn told_of(descriptor: RawFd) -> Vec<(i32, i32)> {
    let told = TOLD.lock().unwrap();
    told.iter().filter(|told| told.0 == descriptor).map(|&(_, what, flags)| (what, flags)).collect()
}

const BOTH: i32 = libc::EPOLLIN | libc::EPOLLOUT;

/// It has been waited for in these directions, and in others perhaps: it is registered, and then at most once for the
/// other direction, too.
#[track_caller]
fn assert_registered_once(socket: &impl AsRawFd, directions: i32) {
    let told = told_of(socket.as_raw_fd());
    assert!(told.iter().all(|(_, flags)| flags & libc::EPOLLET != 0), "edge-triggered: {told:x?}");
    let (last, first) = (told.last().expect("it is registered").1 & BOTH, told[0].1 & BOTH);
    assert_eq!(last & directions, directions, "{told:x?}");
    let calls: Vec<_> = told.iter().map(|(what, _)| *what).collect();
    match first == BOTH || last != BOTH {
        true => assert_eq!(calls, [libc::EPOLL_CTL_ADD], "{told:x?}"),
        false => assert_eq!(calls, [libc::EPOLL_CTL_ADD, libc::EPOLL_CTL_MOD], "{told:x?}"),
    }
}

#[test]
fn a_listener_and_both_ends_of_its_connections() {
    const CONNECTIONS: usize = 10;
    const ECHOES: usize = 100;
    let _alone = alone();
    on(2, || {
        let (listener, address) = listener();
        let serve = || {
            let listener = listener.try_clone().unwrap();
            gort::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 8];
                for _ in 0..ECHOES {
                    stream.read_exact(&mut question).unwrap();
                    stream.write_all(&question).unwrap();
                }
                stream
            })
        };
        let first = serve();
        // Where nobody had to wait to accept it would not be registered.
        yield_until("it waits", || !told_of(listener.as_raw_fd()).is_empty());
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                gort::spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    for _ in 0..ECHOES {
                        stream.write_all(b"question").unwrap();
                        stream.read_exact(&mut [0; 8]).unwrap();
                    }
                    stream
                })
            })
            .collect();
        let servers: Vec<_> = (1..CONNECTIONS).map(|_| serve()).chain([first]).collect();
        let streams = clients.into_iter().chain(servers).map(|stream| stream.join().unwrap());
        for stream in streams.collect::<Vec<_>>() {
            assert_registered_once(&stream, libc::EPOLLIN);
        }
        assert_registered_once(&listener, libc::EPOLLIN);
    });
}

#[test]
fn who_waits_to_read_and_to_write() {
    let _alone = alone();
    on(1, || {
        let (mut stream, mut peer) = pair();
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        for _ in 0..3 {
            let written = fill(&stream);
            assert_timed_out(stream.read(&mut [0]));
            peer.read_exact(&mut vec![0; written]).unwrap();
        }
        assert_registered_once(&stream, BOTH);
    });
}

#[test]
fn it_is_taken_out_once() {
    let _alone = alone();
    on(1, || {
        let (mut stream, _peer) = pair();
        stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(stream.read(&mut [0]));
        assert_registered_once(&stream, libc::EPOLLIN);
        let descriptor = stream.as_raw_fd();
        let other = stream.try_clone().unwrap();
        drop(stream);
        assert_registered_once(&other, libc::EPOLLIN);
        other.close().unwrap();
        drop(other);
        let deletions =
            told_of(descriptor).into_iter().filter(|told| told.0 == libc::EPOLL_CTL_DEL);
        assert_eq!(deletions.count(), 1);
    });
}
