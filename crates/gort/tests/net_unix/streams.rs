//! Streams: who listens, who connects, and what comes through.

use crate::At;
use crate::support::net::{
    assert_kind, assert_kind_in_the_end, assert_timed_out, past, poll_once, receive_text,
    send_text, start_peeking,
};
use crate::support::{LIMIT, in_turn, on, runtime, within, yield_until};
use gort::net::{Shutdown, UnixDatagram, UnixListener, UnixStream};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::time::{Duration, Instant};

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
        let peeker = start_peeking(move |buffer| other.peek(buffer));
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

/// A read stops where another process has gone on, if the socket is to tell who sends. What comes behind that is not waited
/// for in vain.
#[test]
fn what_two_processes_send() {
    in_turn(|| {
        let (client, mut server) = UnixStream::pair().unwrap();
        socket2::SockRef::from(&server).set_passcred(true).unwrap();
        let writer = gort::spawn({
            let client = client.try_clone().unwrap();
            move || (&client).write_all(b"-")
        });
        server.read_exact(&mut [0]).unwrap(); // has waited, so it is polled
        writer.join().unwrap().unwrap();
        (&client).write_all(b"abc").unwrap();
        let stdout = client.as_fd().try_clone_to_owned().unwrap();
        let child = std::process::Command::new("printf").arg("def").stdout(stdout).status();
        assert!(child.unwrap().success());
        poll_once();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        let mut text = [0; 6];
        server.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"abcdef");
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
        assert_kind_in_the_end(|| UnixStream::connect(path), ErrorKind::ConnectionRefused);
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
        // A process that another test starts may have it for a moment, too.
        yield_until("the name is free", || UnixListener::bind_addr(&address).is_ok());
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
