//! TCP: what a stream does with bytes, and how connections come about.

mod support;

use gort::net::{Shutdown, TcpListener, TcpStream, lookup_host};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use support::net::{
    assert_kind, assert_shut_down, assert_timed_out, fill, listener, pair, poll_once, receive_text,
    send_text, start_peeking,
};
use support::{LIMIT, in_turn, on, within};

const MEGABYTES: usize = 3_000_000;

/// Both directions of a connection at once, from two goroutines at either end.
#[test]
fn both_directions_at_once() {
    on(2, || {
        let (client, server) = pair();
        let (client, server) = (Arc::new(client), Arc::new(server));
        let mut handles = Vec::new();
        for (stream, seed, other) in [(client, 1, 2), (server, 2, 1)] {
            let reader = stream.clone();
            handles.push(gort::spawn(move || {
                send_text(&*stream, seed, MEGABYTES);
                stream.shutdown(Shutdown::Write).unwrap();
            }));
            handles.push(gort::spawn(move || {
                assert_eq!(receive_text(&*reader, other), MEGABYTES);
            }));
        }
        handles.into_iter().for_each(|handle| handle.join().unwrap());
    });
}

/// A goroutine at one end and std's blocking sockets at the other.
#[test]
fn with_a_plain_thread_at_the_other_end() {
    on(1, || {
        let (listener, address) = listener();
        let thread = thread::spawn(move || {
            let client = net::TcpStream::connect(address).unwrap();
            send_text(&client, 1, MEGABYTES);
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!(receive_text(&client, 2), MEGABYTES);
        });
        let (server, _) = listener.accept().unwrap();
        assert_eq!(receive_text(&server, 1), MEGABYTES);
        send_text(&server, 2, MEGABYTES);
        drop(server);
        thread.join().unwrap();
    });
}

#[test]
fn halves() {
    on(2, || {
        let (client, server) = pair();
        let (reader, writer) = client.split();
        let (server_reader, server_writer) = server.split();
        let sender = gort::spawn(move || {
            send_text(writer, 5, 100_000); // and shuts down
        });
        assert_eq!(receive_text(server_reader, 5), 100_000);
        sender.join().unwrap();
        server_writer.shutdown().unwrap();
        assert_eq!(receive_text(reader, 0), 0);
    });
}

#[test]
fn halves_come_together_again() {
    on(1, || {
        let (client, mut server) = pair();
        let (other, _) = pair();
        let (reader, writer) = client.split();
        let (other_reader, other_writer) = other.split();
        let mixed = reader.reunite(other_writer).unwrap_err();
        assert_eq!(mixed.to_string(), "the two halves are not of one stream");
        let (reader, other_writer) = (mixed.0, mixed.1);
        other_reader.reunite(other_writer).unwrap();
        let mut client = reader.reunite(writer).unwrap();
        client.write_all(b"still open").unwrap();
        server.read_exact(&mut [0; 10]).unwrap();

        let (reader, writer) = client.split();
        writer.forget();
        (&*reader).write_all(b"still open").unwrap();
        server.read_exact(&mut [0; 10]).unwrap();
        drop(reader);
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    });
}

#[test]
fn one_direction_goes_on_when_the_other_is_shut_down() {
    on(1, || {
        let (mut client, mut server) = pair();
        client.write_all(b"a question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a question");
        assert_shut_down(client.write(b"more"));
        send_text(&server, 7, 1000);
        drop(server);
        assert_eq!(receive_text(client, 7), 1000);
    });
}

/// An empty buffer is no reason to wait, and takes nothing.
#[test]
fn nothing_is_read_and_written_at_once() {
    on(1, || {
        let (mut client, mut server) = pair();
        assert_eq!(client.write(&[]).unwrap(), 0);
        fill(&server);
        assert_eq!(server.write(&[]).unwrap(), 0);
        assert_eq!(server.write_vectored(&[]).unwrap(), 0);
        let (mut client, mut server) = pair();
        assert_eq!(client.read(&mut []).unwrap(), 0);
        assert_eq!(client.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
        server.write_all(b"x").unwrap();
        client.peek(&mut [0]).unwrap();
        assert_eq!(client.read(&mut []).unwrap(), 0);
        assert_eq!(client.read(&mut [0; 9]).unwrap(), 1);
    });
}

#[test]
fn peeking_takes_nothing() {
    in_turn(|| {
        let (client, mut server) = pair();
        let other = client.try_clone().unwrap();
        let peeker = start_peeking(move |buffer| other.peek(buffer));
        gort::yield_now(); // it waits from here on
        server.write_all(b"abc").unwrap();
        assert_eq!(peeker.join().unwrap(), b"abc");
        for _ in 0..3 {
            assert_eq!(client.peek(&mut [0; 2]).unwrap(), 2);
        }
        let mut buffer = [0; 3];
        (&client).read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"abc");
    });
}

#[test]
fn several_buffers_at_once() {
    on(1, || {
        let (mut client, mut server) = pair();
        let parts = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&parts).unwrap(), 7);
        let (mut head, mut tail) = ([0; 2], [0; 9]);
        let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
        assert_eq!(server.read_vectored(&mut buffers).unwrap(), 7);
        assert_eq!((&head[..], &tail[..5]), (&b"on"[..], &b"e two"[..]));
        client.flush().unwrap();
    });
}

/// What the system does not take at once is left for the next call, which does not wait in vain.
#[test]
fn more_buffers_than_the_system_takes() {
    const COUNT: usize = 3000;
    in_turn(|| {
        let (mut client, mut server) = pair();
        // Each waits once, and is polled from then on.
        server.read_exact(&mut vec![0; fill(&client)]).unwrap();
        server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(server.read(&mut [0]));
        client.set_write_timeout(Some(LIMIT)).unwrap();
        server.set_read_timeout(Some(LIMIT)).unwrap();
        poll_once();
        let pieces = [IoSlice::new(b"x"); COUNT];
        let mut written = 0;
        while written < COUNT {
            written += client.write_vectored(&pieces[written..]).unwrap();
        }
        poll_once();
        let mut places = [[0]; COUNT];
        let mut read = 0;
        while read < COUNT {
            let mut places: Vec<_> =
                places[read..].iter_mut().map(|place| IoSliceMut::new(place)).collect();
            read += server.read_vectored(&mut places).unwrap();
        }
        assert_eq!(places, [*b"x"; COUNT]);
    });
}

/// Reads stop short at the mark; what comes after it is not waited for in vain. Urgent data may come before or while
/// somebody waits.
#[test]
fn urgent_data_on_the_way() {
    for is_awaited in [false, true] {
        on(1, move || {
            for _ in 0..50 {
                let (client, mut server) = pair();
                let reader = move || {
                    let mut text = String::new();
                    (&mut server).take(6).read_to_string(&mut text).unwrap();
                    text
                };
                let sender = socket2::SockRef::from(&client);
                let reader = match is_awaited {
                    true => {
                        let reader = gort::spawn(reader);
                        gort::yield_now();
                        (&client).write_all(b"abc").unwrap();
                        sender.send_out_of_band(b"!").unwrap();
                        gort::yield_now();
                        (&client).write_all(b"def").unwrap();
                        reader
                    }
                    false => {
                        (&client).write_all(b"abc").unwrap();
                        sender.send_out_of_band(b"!").unwrap();
                        (&client).write_all(b"def").unwrap();
                        gort::spawn(reader)
                    }
                };
                assert_eq!(reader.join().unwrap(), "abcdef");
            }
        });
    }
}

#[test]
fn from_std_and_back() {
    on(1, || {
        let (client, mut server) = pair();
        let clone = client.try_clone().unwrap();
        assert_kind(client.into_std(), ErrorKind::ResourceBusy);
        let client = clone.into_std().unwrap();
        client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        // It blocks: std's time-out ends that.
        let start = Instant::now();
        let kind = if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };
        assert_kind((&client).read(&mut [0]), kind);
        assert!(start.elapsed() >= Duration::from_millis(4));
        let mut client = TcpStream::from_std(client).unwrap();
        server.write_all(b"x").unwrap();
        assert_eq!(client.read(&mut [0; 9]).unwrap(), 1);
        client.set_read_deadline(Some(start)).unwrap();
        let client = net::TcpStream::try_from(client).unwrap();
        let client = TcpStream::try_from(client).unwrap();
        #[cfg(unix)]
        let client = std::os::fd::OwnedFd::try_from(client).unwrap();
        #[cfg(windows)]
        let client = std::os::windows::io::OwnedSocket::try_from(client).unwrap();
        let client = TcpStream::try_from(client).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out((&client).read(&mut [0]));
    });
}

#[test]
fn options() {
    on(1, || {
        let (client, _server) = pair();
        for on in [true, false] {
            client.set_nodelay(on).unwrap();
            assert_eq!(client.nodelay().unwrap(), on);
        }
        client.set_ttl(33).unwrap();
        assert_eq!(client.ttl().unwrap(), 33);
        for linger in [Some(Duration::from_secs(3)), Some(Duration::ZERO), None] {
            client.set_linger(linger).unwrap();
            assert_eq!(client.linger().unwrap(), linger);
        }
        let (listener, _) = listener();
        listener.set_ttl(44).unwrap();
        assert_eq!(listener.ttl().unwrap(), 44);
        assert!(listener.take_error().unwrap().is_none());
        let socket = socket2::SockRef::from(&client);
        socket.set_recv_buffer_size(20_000).unwrap();
        assert!(socket.recv_buffer_size().unwrap() >= 20_000);
    });
}

/// A port at which nobody listens: it is bound, and stays so.
fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[test]
fn nobody_listens() {
    on(1, || {
        let (_taken, address) = refusing();
        assert_kind(TcpStream::connect(address), ErrorKind::ConnectionRefused);
        let timeout = TcpStream::connect_timeout(&address, LIMIT);
        assert_kind(timeout, ErrorKind::ConnectionRefused);
        assert_kind(TcpStream::connect(&[][..]), ErrorKind::InvalidInput);
        assert_kind(TcpListener::bind(&[][..]), ErrorKind::InvalidInput);
        assert!(TcpStream::connect("no address at all").is_err());
    });
    within(LIMIT, || {
        let (_taken, address) = refusing();
        assert_kind(TcpStream::connect(address), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn the_first_address_that_accepts() {
    on(1, || {
        let (_taken, refusing) = refusing();
        let (listener, address) = listener();
        let addresses = [refusing, refusing, address];
        let client = TcpStream::connect(&addresses[..]).unwrap();
        assert_eq!(client.peer_addr().unwrap(), address);
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
        // Another listens at the first.
        let bound = TcpListener::bind(&[address, (Ipv4Addr::LOCALHOST, 0).into()][..]).unwrap();
        assert_ne!(bound.local_addr().unwrap(), address);
        assert_kind(TcpListener::bind(address), ErrorKind::AddrInUse);
    });
}

/// The system drops requests to connect when the queue is full: they go unanswered.
#[test]
fn connecting_for_a_limited_time() {
    on(1, || {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let zero = TcpStream::connect_timeout(&address, Duration::ZERO);
        assert_kind(zero, ErrorKind::InvalidInput);
        // Without a limit, so that whoever fills the queue is not gone again.
        let mut connected = vec![TcpStream::connect(address).unwrap()];
        let time = Duration::from_millis(30);
        for _ in 1..10 {
            let start = Instant::now();
            match TcpStream::connect_timeout(&address, time) {
                Ok(stream) => connected.push(stream),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut);
                    assert!(start.elapsed() >= time);
                }
            }
        }
        assert!(connected.len() < 10, "the queue is never full");
        // The time-out is for connecting only.
        let (_listener, other) = listener();
        let stream = TcpStream::connect_timeout(&other, LIMIT).unwrap();
        assert_eq!(stream.write_timeout().unwrap(), None);
        // An address that does not answer leaves time for the next.
        let deadline = Instant::now() + Duration::from_secs(4);
        let stream = TcpStream::connect_deadline(&[address, other][..], deadline).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), other);
        assert!(Instant::now() < deadline);
    });
}

#[test]
fn names() {
    on(1, || {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let addresses: Vec<_> = lookup_host(("localhost", port)).unwrap().collect();
        assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
        let client = TcpStream::connect(("localhost", port)).unwrap();
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn ipv6() {
    on(1, || {
        let listener = match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
            Ok(listener) => listener,
            Err(error) => return eprintln!("skipped, no IPv6 here: {error}"),
        };
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, peer) = listener.accept().unwrap();
        assert!(peer.is_ipv6());
        send_text(&client, 3, 10_000);
        drop(client);
        assert_eq!(receive_text(server, 3), 10_000);
    });
}
