//! Names are resolved without a processor. The resolver here is this program's own, and takes as long as it is told to.
#![cfg(target_os = "linux")]

mod support;

use gort::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use std::ffi::CStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Condvar, Mutex};
use support::in_turn;

/// How many names are being resolved, and whether answers are given.
struct Resolver {
    asked: usize,
    answers: bool,
}

static RESOLVER: Mutex<Resolver> = Mutex::new(Resolver { asked: 0, answers: false });
static CHANGED: Condvar = Condvar::new();

const SLOW: &str = "slow.example";

type Find = unsafe extern "C" fn(
    *const libc::c_char,
    *const libc::c_char,
    *const libc::addrinfo,
    *mut *mut libc::addrinfo,
) -> libc::c_int;

/// In place of the C library's: that the slow name is this host's it says when it is told to; all else it leaves to that one.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    name: *const libc::c_char,
    service: *const libc::c_char,
    hints: *const libc::addrinfo,
    found: *mut *mut libc::addrinfo,
) -> libc::c_int {
    // SAFETY: by this function's contract it is a string, or null.
    let is_slow = !name.is_null() && unsafe { CStr::from_ptr(name) }.to_bytes() == SLOW.as_bytes();
    let name = if is_slow { c"127.0.0.1".as_ptr() } else { name };
    if is_slow {
        let mut resolver = RESOLVER.lock().unwrap();
        resolver.asked += 1;
        drop(CHANGED.wait_while(resolver, |resolver| !resolver.answers).unwrap());
    }
    // SAFETY: the name is a string. There is such a function: this one is in front of it.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"getaddrinfo".as_ptr()) };
    assert!(!next.is_null());
    // SAFETY: it is the C library's, of this type.
    let next = unsafe { std::mem::transmute::<*mut libc::c_void, Find>(next) };
    // SAFETY: by this function's contract.
    unsafe { next(name, service, hints, found) }
}

/// With one processor, of which nobody is deprived: it is free while names are resolved in all the ways there are.
#[test]
fn who_waits_for_a_name_holds_no_processor() {
    in_turn(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let port = address.port();
        let lookup = gort::spawn(move || lookup_host((SLOW, port)).unwrap().collect::<Vec<_>>());
        let connected =
            gort::spawn(move || TcpStream::connect(format!("{SLOW}:{port}")).unwrap().peer_addr());
        let sent = gort::spawn(move || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.send_to(b"x", (SLOW.to_string(), port)).unwrap()
        });
        // Each on a thread of its own.
        support::yield_until("all three wait", || RESOLVER.lock().unwrap().asked == 3);
        assert!(!lookup.is_finished() && !connected.is_finished() && !sent.is_finished());
        // Addresses are none of the resolver's business.
        assert_eq!(lookup_host(("127.0.0.1", port)).unwrap().collect::<Vec<_>>(), [address]);
        RESOLVER.lock().unwrap().answers = true;
        CHANGED.notify_all();
        assert_eq!(lookup.join().unwrap(), [SocketAddr::from(([127, 0, 0, 1], port))]);
        assert_eq!(connected.join().unwrap().unwrap(), address);
        assert_eq!(sent.join().unwrap(), 1);
    });
}
