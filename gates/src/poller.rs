//! The kernel's poller in a process in which a path runs.
//!
//! The monitor, which looks once, polls if nobody has yet. A machine that goes to sleep just then leaves the poller to it,
//! and with this program's clock it does not come back to say that it has done. So a path begins when its machine
//! [has polled](begin).
//!
//! What it takes to wake a machine depends on how far it has got meanwhile: on its way to sleep, asleep, or awake already.
//! So this program has an `epoll_wait` of its own, as it has a [clock](super::clock). In it, if a path
//! [wishes](take_turns), a machine that is about to sleep lets another thread have its turn, and is not back before that
//! has ended, although it may have been woken.

use gort::net::UdpSocket;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The thread that has polled last.
static POLLED: AtomicU64 = AtomicU64::new(0);

/// Has somebody wait for a socket, and returns when this machine, the only one, has polled for it.
pub(crate) fn begin() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    gort::go!(move || socket.recv(&mut [0]).expect_err("nobody sends"));
    while POLLED.load(Relaxed) != this_thread() {
        gort::yield_now();
    }
}

fn this_thread() -> u64 {
    // SAFETY: it asks for nothing.
    unsafe { libc::pthread_self() }
}

/// The machine's end.
static OTHER: OnceLock<UnixStream> = OnceLock::new();

/// The end of who is not a machine. Each turn takes two calls of `sendto` and two of `recvfrom`, which nothing else
/// here makes.
pub(crate) struct Turns(UnixStream);

/// Has machines take turns with whom this is given to.
pub(crate) fn take_turns() -> Turns {
    let (ours, theirs) = UnixStream::pair().expect("two sockets");
    OTHER.set(theirs).expect("one other thread");
    Turns(ours)
}

impl Turns {
    /// Waits until the machine is about to sleep in the poller, and calls `turn`, which it does not notice before the end.
    pub(crate) fn take(&mut self, turn: impl FnOnce()) {
        receive(&self.0);
        turn();
        send(&self.0);
    }
}

fn send(mut to: &UnixStream) {
    to.write_all(&[0]).expect("there is room");
}

fn receive(mut from: &UnixStream) {
    from.read_exact(&mut [0]).expect("the other's turn ends");
}

/// # Safety
/// `events` has room for `most`: C's contract.
#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    poller: i32,
    events: *mut libc::epoll_event,
    most: i32,
    timeout: i32,
) -> i32 {
    let other = OTHER.get().filter(|_| timeout != 0);
    other.inspect(|other| send(other));
    // SAFETY: by the caller's contract.
    let got = unsafe { libc::syscall(libc::SYS_epoll_wait, poller, events, most, timeout) };
    POLLED.store(this_thread(), Relaxed);
    other.inspect(|other| receive(other));
    got as i32
}
