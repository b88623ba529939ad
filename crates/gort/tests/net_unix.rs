//! Sockets of the Unix domain: streams, datagrams, and what addresses they have.
#![cfg(target_os = "linux")]

mod support;

use gort::net::{Shutdown, UnixDatagram, UnixListener, UnixStream};
use std::io::{ErrorKind, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::net::{assert_kind, assert_timed_out, receive_text, send_text};
use support::{in_turn, on};

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

/// Those who come when the queue is full wait, and others run meanwhile.
#[test]
fn a_full_queue_of_connections() {
    on(1, || {
        let at = At::new();
        let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&socket2::SockAddr::unix(&at.0).unwrap()).unwrap();
        socket.listen(1).unwrap();
        let listener = UnixListener::from_std(net::UnixListener::from(socket)).unwrap();
        let clients: Vec<_> = (0..10)
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
        gort::sleep(Duration::from_millis(5)); // the queue fills
        for _ in 0..10 {
            listener.accept().unwrap().0.write_all(b"served").unwrap();
        }
        clients.into_iter().for_each(|client| assert_eq!(client.join().unwrap(), "served"));
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

/// Those who are not connected wait for room, too.
#[test]
fn a_receiver_that_is_full_of_anothers_datagrams() {
    in_turn(|| {
        let at = At::new();
        let receiver = UnixDatagram::bind(&at.0).unwrap();
        // Who has waited for room in vain: what the poller tells at first has been told.
        let in_vain = || {
            let socket = UnixDatagram::unbound().unwrap();
            socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
            let count = (0..1000).take_while(|_| socket.send_to(b"x", &at.0).is_ok()).count();
            socket.set_write_timeout(None).unwrap();
            (socket, count)
        };
        let (_filler, count) = in_vain();
        let ((one, none), (two, _)) = (in_vain(), in_vain());
        assert!(count > 0 && none == 0);
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
