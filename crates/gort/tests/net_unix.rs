//! Sockets of the Unix domain: streams, datagrams, and what addresses they have.
#![cfg(target_os = "linux")]

mod support;

use gort::net::{Shutdown, UnixDatagram, UnixListener, UnixStream};
use std::io::{ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::net::{
    assert_closed, assert_kind, assert_timed_out, descriptors, past, receive_text, send_text,
};
use support::{LIMIT, assert_success, child, in_child, in_turn, on, runtime, within};

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

#[test]
fn both_directions_at_once() {
    const LEN: usize = 2_000_000;
    on(2, || {
        let (client, server) = UnixStream::pair().unwrap();
        let mut handles = Vec::new();
        for (stream, seed, other) in [(client, 1, 2), (server, 2, 1)] {
            let (reader, writer) = stream.split();
            handles.push(gort::spawn(move || send_text(writer, seed, LEN)));
            handles.push(gort::spawn(move || assert_eq!(receive_text(reader, other), LEN)));
        }
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
}

#[test]
fn peeking_takes_nothing() {
    in_turn(|| {
        let (client, server) = UnixStream::pair().unwrap();
        let other = client.try_clone().unwrap();
        let peeker = gort::spawn(move || {
            let mut buffer = [0; 9];
            let count = other.peek(&mut buffer).unwrap();
            buffer[..count].to_vec()
        });
        gort::yield_now(); // it waits from here on
        (&server).write_all(b"abc").unwrap();
        assert_eq!(peeker.join().unwrap(), b"abc");
        assert_eq!(client.peek(&mut [0; 2]).unwrap(), 2);
        drop(server);
        let mut text = String::new();
        assert_eq!((&client).read_to_string(&mut text).unwrap(), 3);
        assert_eq!(client.peek(&mut [0]).unwrap(), 0);

        let (one, other) = UnixDatagram::pair().unwrap();
        one.send(b"first").unwrap();
        one.send(b"second").unwrap();
        let mut buffer = [0; 9];
        assert_eq!(other.peek(&mut buffer).unwrap(), 5);
        assert_eq!(other.recv(&mut buffer).unwrap(), 5);
        assert_eq!(other.recv(&mut buffer).unwrap(), 6);
        other.set_read_deadline(past()).unwrap();
        assert_timed_out(other.peek(&mut buffer));
        other.set_read_deadline(None).unwrap();
        other.shutdown(Shutdown::Read).unwrap();
        assert_eq!(other.peek(&mut buffer).unwrap(), 0);
    });
}

#[test]
fn at_a_path() {
    on(1, || {
        let at = At::new();
        let path = &at.0;
        assert_kind(UnixStream::connect(path), ErrorKind::NotFound);
        let listener = UnixListener::bind(path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(path.as_path()));
        assert_kind(UnixListener::bind(path), ErrorKind::AddrInUse);
        let client = UnixStream::connect(path).unwrap();
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(path.as_path()));
        assert!(client.local_addr().unwrap().is_unnamed());
        let (server, peer) = listener.accept().unwrap();
        assert!(peer.is_unnamed());
        send_text(&client, 4, 1000);
        drop(client);
        assert_eq!(receive_text(server, 4), 1000);
        // The file stays.
        listener.close().unwrap();
        assert_kind(UnixStream::connect(path), ErrorKind::ConnectionRefused);
        assert_kind(UnixListener::bind(path), ErrorKind::AddrInUse);
    });
}

#[test]
fn at_an_abstract_name() {
    on(1, || {
        let at = At::new();
        let address = at.abstract_name();
        assert_kind(UnixStream::connect_addr(&address), ErrorKind::ConnectionRefused);
        let listener = UnixListener::bind_addr(&address).unwrap();
        assert_kind(UnixListener::bind_addr(&address), ErrorKind::AddrInUse);
        let client = UnixStream::connect_addr(&address).unwrap();
        let peer = client.peer_addr().unwrap();
        assert_eq!(peer.as_abstract_name(), address.as_abstract_name());
        let (server, _) = listener.accept().unwrap();
        send_text(&server, 4, 1000);
        drop(server);
        assert_eq!(receive_text(client, 4), 1000);
        listener.close().unwrap();
        UnixListener::bind_addr(&address).unwrap();
    });
}

/// One whose queue has room for two.
fn listener_with_a_short_queue(at: &At) -> UnixListener {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
    let socket = socket.unwrap();
    socket.bind(&socket2::SockAddr::unix(&at.0).unwrap()).unwrap();
    socket.listen(1).unwrap();
    UnixListener::from_std(net::UnixListener::from(socket)).unwrap()
}

/// Those who come when the queue is full wait, each without a thread.
#[test]
fn a_full_queue_of_connections() {
    const CLIENTS: usize = 50;
    on(1, || {
        let at = At::new();
        let listener = listener_with_a_short_queue(&at);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let path = at.0.clone();
                gort::spawn(move || {
                    let mut client = UnixStream::connect(path).unwrap();
                    let mut text = String::new();
                    client.read_to_string(&mut text).unwrap();
                    text
                })
            })
            .collect();
        gort::sleep(Duration::from_millis(20)); // the queue fills
        assert!(gort::stats().threads < CLIENTS / 2, "{:?}", gort::stats());
        for _ in 0..CLIENTS {
            listener.accept().unwrap().0.write_all(b"served").unwrap();
        }
        clients.into_iter().for_each(|client| assert_eq!(client.join().unwrap(), "served"));
    });
}

/// What ends the wait for room in a listener's queue: a deadline, the end of the runtime.
#[test]
fn the_end_of_a_wait_to_be_connected() {
    within(LIMIT, || {
        let at = At::new();
        let listener = listener_with_a_short_queue(&at);
        let address = listener.local_addr().unwrap();
        let runtime = runtime(1);
        let path = at.0.clone();
        let (_connected, waiting) = runtime.run(move || {
            let connected = [path.clone(), path.clone()].map(UnixStream::connect);
            let deadline = Instant::now() + Duration::from_millis(10);
            assert_timed_out(UnixStream::connect_deadline(&path, deadline));
            assert!(Instant::now() >= deadline);
            assert_timed_out(UnixStream::connect_addr_deadline(&address, deadline));
            let waiting = gort::spawn(move || UnixStream::connect(path).map(drop));
            (0..10).for_each(|_| gort::sleep(Duration::from_millis(1))); // it waits, most often
            (connected, waiting)
        });
        runtime.shutdown(LIMIT / 2).unwrap();
        assert!(waiting.join().is_err());
    });
}

#[test]
fn datagrams_at_a_path_and_at_a_name() {
    on(1, || {
        let (at, other) = (At::new(), At::new());
        let name = other.abstract_name();
        let one = UnixDatagram::bind(&at.0).unwrap();
        let two = UnixDatagram::bind_addr(&name).unwrap();
        assert_kind(UnixDatagram::bind(&at.0), ErrorKind::AddrInUse);
        assert_kind(one.send_to(b"", "/no such socket"), ErrorKind::NotFound);
        assert_eq!(two.send_to(b"to a path", &at.0).unwrap(), 9);
        let mut buffer = [0; 20];
        let (len, from) = one.recv_from(&mut buffer).unwrap();
        assert_eq!((len, from.as_abstract_name()), (9, name.as_abstract_name()));
        assert_eq!(one.send_to_addr(b"to a name", &from).unwrap(), 9);
        assert_eq!(two.recv(&mut buffer).unwrap(), 9);

        let three = UnixDatagram::unbound().unwrap();
        assert!(three.send(b"to nobody").is_err());
        three.connect(&at.0).unwrap();
        assert_eq!(three.peer_addr().unwrap().as_pathname(), Some(at.0.as_path()));
        assert_eq!(three.send(b"").unwrap(), 0);
        let (len, from) = one.recv_from(&mut buffer).unwrap();
        assert!(len == 0 && from.is_unnamed());
        three.connect_addr(&name).unwrap();
        assert_eq!(three.send(b"longer than the buffer").unwrap(), 22);
        assert_eq!((two.recv(&mut buffer[..6]).unwrap(), &buffer[..6]), (6, &b"longer"[..]));
        two.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(two.recv(&mut buffer)); // the rest is lost
        drop(two);
        assert_kind(three.send(b""), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn shutting_datagrams_down() {
    in_turn(|| {
        let (one, other) = UnixDatagram::pair().unwrap();
        let receiver = {
            let one = one.try_clone().unwrap();
            gort::spawn(move || one.recv(&mut [0]))
        };
        gort::yield_now(); // it waits from here on
        one.shutdown(Shutdown::Read).unwrap();
        assert_eq!(receiver.join().unwrap().unwrap(), 0);
        assert_eq!(one.recv(&mut [0]).unwrap(), 0);
        assert!(one.recv_from(&mut [0]).unwrap().1.is_unnamed());
        assert_kind(other.send(b"x"), ErrorKind::BrokenPipe);
        // What has come before is there.
        other.shutdown(Shutdown::Write).unwrap();
        let (one, other) = UnixDatagram::pair().unwrap();
        other.send(b"x").unwrap();
        one.shutdown(Shutdown::Both).unwrap();
        assert_eq!(one.recv(&mut [0]).unwrap(), 1);
        assert_eq!(one.recv(&mut [0]).unwrap(), 0);
    });
}

/// One waits for room at the partner, one for room at somebody else.
#[test]
fn shutting_datagrams_down_ends_who_waits_to_send() {
    in_turn(|| {
        let at = At::new();
        let _somebody = UnixDatagram::bind(&at.0).unwrap();
        let (one, _other) = UnixDatagram::pair().unwrap();
        let (to_partner, to_somebody) =
            (one.try_clone().unwrap(), UnixDatagram::unbound().unwrap());
        let unbound = to_somebody.try_clone().unwrap();
        let path = at.0.clone();
        let waiters = [
            gort::spawn(move || until_error(|| to_partner.send(b"x"))),
            gort::spawn(move || until_error(|| to_somebody.send_to(b"x", &path))),
        ];
        gort::yield_now(); // both wait from here on
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        one.shutdown(Shutdown::Write).unwrap();
        unbound.shutdown(Shutdown::Write).unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), ErrorKind::BrokenPipe);
        }
    });
}

fn until_error(mut send: impl FnMut() -> std::io::Result<usize>) -> ErrorKind {
    loop {
        if let Err(error) = send() {
            return error.kind();
        }
    }
}

/// Sends so many numbered datagrams from each of the senders to one who begins to receive late.
fn to_a_full_receiver(
    receiver: UnixDatagram,
    senders: Vec<impl Fn(&[u8]) -> std::io::Result<usize> + Send + 'static>,
) {
    const EACH: usize = 200;
    let count = senders.len();
    let senders: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(sender, send)| {
            gort::spawn(move || {
                for number in 0..EACH {
                    send(&(sender * EACH + number).to_ne_bytes()).unwrap();
                }
            })
        })
        .collect();
    gort::sleep(Duration::from_millis(2)); // most often it is full by then
    let mut next = vec![0; count];
    let mut buffer = [0; 8];
    for _ in 0..count * EACH {
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 8);
        let number = usize::from_ne_bytes(buffer);
        assert_eq!(number % EACH, next[number / EACH], "in order");
        next[number / EACH] += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

#[test]
fn a_receiver_that_is_full_of_its_partners_datagrams() {
    on(2, || {
        let (one, other) = UnixDatagram::pair().unwrap();
        let another = one.try_clone().unwrap();
        let send = |socket: UnixDatagram| move |bytes: &[u8]| socket.send(bytes);
        to_a_full_receiver(other, vec![send(one), send(another)]);
    });
}

#[test]
fn a_receiver_that_is_full_of_datagrams_from_those_connected_to_it() {
    on(2, || {
        let at = At::new();
        let receiver = UnixDatagram::bind(&at.0).unwrap();
        let senders = (0..5).map(|_| {
            let socket = UnixDatagram::unbound().unwrap();
            socket.connect(&at.0).unwrap();
            move |bytes: &[u8]| socket.send(bytes)
        });
        let senders = senders.collect();
        to_a_full_receiver(receiver, senders);
    });
}

/// A receiver that has no room for datagrams from those who are not connected to it, and how many it has got.
fn full_receiver(at: &At) -> (UnixDatagram, usize) {
    let receiver = UnixDatagram::bind(&at.0).unwrap();
    let filler = net::UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    let count = (0..1000).take_while(|_| filler.send_to(b"x", &at.0).is_ok()).count();
    assert!(0 < count && count < 1000);
    (receiver, count)
}

/// Who has waited in vain for room there: it has been told what the poller tells at first.
fn who_has_waited_in_vain(at: &At) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_timed_out(socket.send_to(b"x", &at.0));
    socket.set_write_timeout(None).unwrap();
    socket
}

/// Those who are not connected wait for room, too.
#[test]
fn a_receiver_that_is_full_of_anothers_datagrams() {
    in_turn(|| {
        let at = At::new();
        let (receiver, count) = full_receiver(&at);
        let (one, two) = (who_has_waited_in_vain(&at), who_has_waited_in_vain(&at));
        let (path, address) = (at.0.clone(), receiver.local_addr().unwrap());
        let senders = [
            gort::spawn(move || one.send_to(b"x", path).unwrap()),
            gort::spawn(move || two.send_to_addr(b"x", &address).unwrap()),
        ];
        gort::yield_now(); // they wait from here on
        assert!(senders.iter().all(|sender| !sender.is_finished()));
        for _ in 0..count + 2 {
            receiver.recv(&mut [0; 9]).unwrap();
        }
        senders.into_iter().for_each(|sender| assert_eq!(sender.join().unwrap(), 1));
    });
}

/// Who waits for room elsewhere does nothing meanwhile, least of all try.
#[test]
fn waiting_for_room_elsewhere_takes_no_time_of_a_cpu() {
    if !in_child() {
        return assert_success(&child("waiting_for_room_elsewhere_takes_no_time_of_a_cpu", |_| {}));
    }
    in_turn(|| {
        let at = At::new();
        let _full = full_receiver(&at);
        let sender = who_has_waited_in_vain(&at);
        const WAIT: Duration = Duration::from_millis(300);
        sender.set_write_timeout(Some(WAIT)).unwrap();
        let before = time_of_cpus();
        assert_timed_out(sender.send_to(b"x", &at.0));
        let used = time_of_cpus() - before;
        assert!(used < WAIT / 10, "{used:?}");
    });
}

/// What this process has computed for.
fn time_of_cpus() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the time is valid for the call.
    let got = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(got, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// One that waits for room at a receiver does not hold up those who send to others.
#[test]
fn others_that_are_not_full() {
    in_turn(|| {
        let (at, elsewhere) = (At::new(), At::new());
        let (receiver, _) = full_receiver(&at);
        let other = UnixDatagram::bind(&elsewhere.0).unwrap();
        let socket = who_has_waited_in_vain(&at);
        let waiting = {
            let (socket, path) = (socket.try_clone().unwrap(), at.0.clone());
            gort::spawn(move || socket.send_to(b"x", path))
        };
        gort::yield_now(); // it waits from here on
        assert_eq!(socket.send_to(b"not connected", &elsewhere.0).unwrap(), 13);
        socket.connect(&elsewhere.0).unwrap();
        assert_eq!(socket.send(b"connected").unwrap(), 9);
        let mut buffer = [0; 20];
        assert_eq!(other.recv(&mut buffer).unwrap(), 13);
        assert_eq!(other.recv(&mut buffer).unwrap(), 9);
        assert!(!waiting.is_finished());
        // Whom it waits for goes away.
        drop(receiver);
        assert_kind(waiting.join().unwrap(), ErrorKind::ConnectionRefused);
    });
}

/// What ends the wait for room at a receiver: a deadline, a close, the end of the runtime. No descriptor is left of it.
#[test]
fn the_end_of_a_wait_for_room() {
    if !in_child() {
        return assert_success(&child("the_end_of_a_wait_for_room", |_| {}));
    }
    within(LIMIT, || {
        let at = At::new();
        let (_receiver, _) = full_receiver(&at);
        let runtime = runtime(1);
        let path = at.0.clone();
        let before = descriptors();
        let wait = move || {
            let socket = UnixDatagram::unbound().unwrap();
            let waiting = {
                let (socket, path) = (socket.try_clone().unwrap(), path.clone());
                gort::spawn(move || socket.send_to(b"x", path))
            };
            (0..10).for_each(|_| gort::sleep(Duration::from_millis(1))); // it waits, most often
            (socket, waiting)
        };
        let left = runtime.run(move || {
            let (socket, waiting) = wait();
            socket.set_write_deadline(past()).unwrap();
            assert_timed_out(waiting.join().unwrap());
            let (socket, waiting) = wait();
            socket.close().unwrap();
            assert_closed(waiting.join().unwrap());
            wait()
        });
        runtime.shutdown(LIMIT).unwrap();
        assert!(left.1.join().is_err());
        drop(left.0);
        assert_eq!(descriptors(), before);
    });
}
