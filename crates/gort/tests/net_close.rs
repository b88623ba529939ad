//! Closing and shutting down: everybody who waits is woken, and everything fails from then on.

mod support;

use gort::net::{Shutdown, TcpStream, UdpSocket};
#[cfg(unix)]
use gort::net::{TcpListener, UnixDatagram, UnixListener, UnixStream};
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
#[cfg(unix)]
use support::net::assert_kind_in_the_end;
use support::net::{
    PIECE, assert_closed, assert_kind, assert_shut_down, fill, listener, listener_at, pair, past,
};
use support::{LIMIT, in_turn, on, within, yield_until};

#[test]
fn closing_ends_all_who_wait() {
    in_turn(|| {
        let (listener, _) = listener();
        let (client, _server) = pair();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        fill(&client);
        let mut waiters = Vec::new();
        for _ in 0..5 {
            let listener = listener.try_clone().unwrap();
            waiters.push(gort::spawn(move || listener.accept().map(drop)));
            let reader = client.try_clone().unwrap();
            waiters.push(gort::spawn(move || (&reader).read(&mut [0]).map(drop)));
            let peeker = client.try_clone().unwrap();
            waiters.push(gort::spawn(move || peeker.peek(&mut [0]).map(drop)));
            let writer = client.try_clone().unwrap();
            waiters.push(gort::spawn(move || (&writer).write(b"no room").map(drop)));
            let datagrams = datagrams.try_clone().unwrap();
            waiters.push(gort::spawn(move || datagrams.recv_from(&mut [0]).map(drop)));
        }
        gort::yield_now(); // all wait from here on
        assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
        listener.close().unwrap();
        client.close().unwrap();
        datagrams.close().unwrap();
        waiters.into_iter().for_each(|waiter| assert_closed(waiter.join().unwrap()));
    });
}

/// Threads and goroutines that wait, or are about to, or just back.
#[test]
fn closing_while_others_begin_to_wait() {
    fn read(client: &TcpStream) -> std::io::Result<()> {
        (&mut &*client).read(&mut [0]).map(drop)
    }
    fn write(client: &TcpStream) -> std::io::Result<()> {
        loop {
            (&mut &*client).write_all(&PIECE)?;
        }
    }
    within(LIMIT, || {
        let runtime = support::runtime(2);
        for round in 0..200 {
            let (client, _server) = pair();
            let another = || client.try_clone().unwrap();
            let (one, two, three, four) = (another(), another(), another(), another());
            let goroutines =
                [runtime.spawn(move || read(&one)), runtime.spawn(move || write(&two))];
            let threads =
                [thread::spawn(move || read(&three)), thread::spawn(move || write(&four))];
            (0..round * 10).for_each(|_| std::hint::spin_loop());
            client.close().unwrap();
            goroutines.into_iter().for_each(|waiter| assert_closed(waiter.join().unwrap()));
            threads.into_iter().for_each(|waiter| assert_closed(waiter.join().unwrap()));
        }
    });
}

#[test]
fn shutting_down_ends_who_waits() {
    in_turn(|| {
        for how in [Shutdown::Read, Shutdown::Both] {
            let (client, _server) = pair();
            let other = client.try_clone().unwrap();
            let reader = gort::spawn(move || (&other).read(&mut [0]));
            gort::yield_now(); // it waits from here on
            client.shutdown(how).unwrap();
            assert_eq!(reader.join().unwrap().unwrap(), 0);
        }
        for how in [Shutdown::Write, Shutdown::Both] {
            let (client, _server) = pair();
            fill(&client);
            let other = client.try_clone().unwrap();
            let writer = gort::spawn(move || (&other).write(b"no room"));
            gort::yield_now();
            client.shutdown(how).unwrap();
            assert_shut_down(writer.join().unwrap());
        }
        #[cfg(unix)]
        let (one, _other) = UnixStream::pair().unwrap();
        #[cfg(windows)]
        let (one, _other) = pair();
        let (mut handle, thread) = (one.try_clone().unwrap(), one.try_clone().unwrap());
        let reader = gort::spawn(move || handle.read(&mut [0]));
        let thread = thread::spawn(move || (&thread).read(&mut [0]));
        gort::yield_now();
        one.shutdown(Shutdown::Both).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
        assert_eq!(thread.join().unwrap().unwrap(), 0);
    });
}

/// The other side goes away while this one waits.
#[test]
fn the_end_wakes_who_reads() {
    in_turn(|| {
        let (client, server) = pair();
        let readers = [client.try_clone().unwrap(), client.try_clone().unwrap(), client]
            .map(|client| gort::spawn(move || (&client).read(&mut [0])));
        gort::yield_now();
        drop(server);
        readers.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap().unwrap(), 0));
    });
}

#[test]
fn everything_fails_after_closing() {
    on(1, || {
        let (client, mut server) = pair();
        server.write_all(b"unread").unwrap();
        let other = client.try_clone().unwrap();
        client.close().unwrap();
        client.close().unwrap();
        other.close().unwrap();
        for mut client in [&client, &other] {
            assert_closed(client.read(&mut [0]));
            assert_closed(client.read(&mut []));
            assert_closed(client.peek(&mut [0]));
            assert_closed(client.write(b"x"));
            assert_closed(client.write(b""));
            assert_closed(client.set_deadline(past()));
            assert_closed(client.set_read_timeout(None));
            assert_closed(client.write_timeout());
            assert_closed(client.shutdown(Shutdown::Both));
            assert_closed(client.peer_addr());
            assert_closed(client.local_addr());
            assert_closed(client.nodelay());
            assert_closed(client.set_linger(None));
            assert_closed(client.take_error());
        }
        drop(other);
        assert_closed(client.into_std());

        let (listener, address) = listener_at(79);
        listener.close().unwrap();
        listener.close().unwrap();
        assert_closed(listener.accept());
        assert_closed(listener.set_deadline(None));
        assert_closed(listener.local_addr());
        assert!(listener.incoming().next().is_none());
        #[cfg(unix)]
        assert_kind_in_the_end(|| TcpStream::connect(address), ErrorKind::ConnectionRefused);
        assert_closed(listener.into_std());

        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.close().unwrap();
        assert_closed(socket.recv(&mut [0]));
        assert_closed(socket.send_to(b"", address));
        assert_closed(socket.connect(address));
        assert_closed(socket.local_addr());
        assert_closed(socket.set_broadcast(true));
    });
}

/// What is put in the place of a closed socket is one of these.
#[cfg(unix)]
#[test]
fn nothing_in_the_place_of_nothing() {
    on(1, || {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.close().unwrap();
        assert_closed(one.send(b""));
        assert_closed(one.recv(&mut [0]));
        assert_closed(one.connect_addr(&other.local_addr().unwrap()));
        assert_closed(one.shutdown(Shutdown::Both));
        assert_closed(one.local_addr());
    });
}

#[test]
fn a_closed_one_cannot_be_read_from_by_the_other_side() {
    on(1, || {
        let (client, mut server) = pair();
        let _kept = client.try_clone().unwrap();
        client.close().unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
        #[cfg(unix)]
        {
            let (one, mut other) = UnixStream::pair().unwrap();
            one.close().unwrap();
            assert_eq!(other.read(&mut [0]).unwrap(), 0);
            assert_kind(other.write(b"x"), ErrorKind::BrokenPipe);
        }
    });
}

#[test]
fn the_last_handle_closes() {
    on(1, || {
        let (client, mut server) = pair();
        let (kept, dropped) = (client.try_clone().unwrap(), client);
        drop(dropped);
        (&kept).write_all(b"x").unwrap();
        assert_eq!(server.read(&mut [0; 9]).unwrap(), 1);
        server.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_kind(server.read(&mut [0]), ErrorKind::TimedOut);
        server.set_read_timeout(None).unwrap();
        drop(kept);
        assert_eq!(server.read(&mut [0; 9]).unwrap(), 0);
    });
}

/// Somebody waits to accept and a handle is kept; all the same the port is free when `close` is back.
#[cfg(unix)]
#[test]
fn a_port_is_free_at_once() {
    use support::{assert_success, child, in_child};

    // In a process of its own: one that another test starts would have the listener, too, until it executes its program.
    if !in_child() {
        return assert_success(&child("a_port_is_free_at_once", |_| {}));
    }
    on(2, || {
        let (mut listener, address) = listener_at(77);
        for _ in 0..200 {
            let waiting = listener.try_clone().unwrap();
            let waiter = gort::spawn(move || waiting.accept().map(drop));
            gort::yield_now();
            listener.close().unwrap();
            let next = TcpListener::bind(address).unwrap();
            assert_closed(waiter.join().unwrap());
            let client = TcpStream::connect(address).unwrap();
            assert_eq!(next.accept().unwrap().1, client.local_addr().unwrap());
            assert_closed(listener.accept());
            listener = next;
        }
    });
}

#[test]
fn who_iterates_over_connections_ends_when_it_is_closed() {
    in_turn(|| {
        let (listener, address) = listener();
        let closer = listener.try_clone().unwrap();
        let connect = || drop(TcpStream::connect(address).unwrap());
        iterate_until_closed(listener, connect, || closer.close().unwrap());
    });
}

#[cfg(unix)]
#[test]
fn who_iterates_over_unix_connections_ends_when_it_is_closed() {
    in_turn(|| {
        let path = std::env::temp_dir().join(format!("gort-incoming-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let closer = listener.try_clone().unwrap();
        let connect = || drop(UnixStream::connect(&path).unwrap());
        iterate_until_closed(listener, connect, || closer.close().unwrap());
        std::fs::remove_file(&path).unwrap();
    });
}

fn iterate_until_closed<L: Send + 'static, S>(listener: L, connect: impl Fn(), close: impl FnOnce())
where
    for<'a> &'a L: IntoIterator<Item = std::io::Result<S>>,
{
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = gort::spawn(move || {
        for stream in &listener {
            drop(stream.unwrap());
            counted.fetch_add(1, SeqCst);
        }
    });
    (0..3).for_each(|_| connect());
    yield_until("all are accepted", || count.load(SeqCst) == 3);
    close();
    server.join().unwrap();
}

/// The number of a closed socket is not given to another as long as there is a handle, so a descriptor that somebody has
/// borrowed never comes to be another's.
#[cfg(unix)]
#[test]
fn the_number_of_a_closed_socket_stays_taken() {
    use std::os::fd::{AsFd, AsRawFd};

    within(LIMIT, || {
        for _ in 0..50 {
            let (client, _server) = pair();
            let number = client.as_raw_fd();
            client.close().unwrap();
            let others: Vec<_> = (0..5).map(|_| pair()).collect();
            for (one, two) in &others {
                assert!(one.as_raw_fd() != number && two.as_raw_fd() != number);
            }
            let borrowed = socket2::SockRef::from(&client);
            let is_linux = cfg!(target_os = "linux");
            let kind = if is_linux { ErrorKind::BrokenPipe } else { ErrorKind::NotConnected };
            assert_kind(borrowed.send(b"x"), kind);
            assert_eq!(client.as_fd().as_raw_fd(), number);
        }
    });
}

/// Who writes to a descriptor while it is closed, with others made and dropped all the time, never reaches those.
#[test]
fn a_borrowed_descriptor_never_reaches_another() {
    within(LIMIT, || {
        for _ in 0..100 {
            let (client, _server) = pair();
            let is_over = Arc::new(AtomicBool::new(false));
            let writer = {
                let (client, is_over) = (client.try_clone().unwrap(), is_over.clone());
                thread::spawn(move || {
                    while !is_over.load(SeqCst) {
                        let _full_or_closed = socket2::SockRef::from(&client).send(b"stray");
                    }
                })
            };
            client.close().unwrap();
            drop(client);
            for _ in 0..10 {
                let (one, other) = pair();
                drop(one);
                let mut text = Vec::new();
                (&other).read_to_end(&mut text).unwrap();
                assert!(text.is_empty());
            }
            is_over.store(true, SeqCst);
            writer.join().unwrap();
        }
    });
}

/// Ways to come to an end, each many times: the process has as many descriptors as before.
#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_is_left() {
    use support::{assert_success, child, in_child};

    if !in_child() {
        return assert_success(&child("no_descriptor_is_left", |_| {}));
    }
    on(2, || {
        let all = || {
            let (client, server) = pair();
            let other = client.try_clone().unwrap();
            client.close().unwrap();
            drop((other, server));
            let (client, server) = pair();
            let (reader, writer) = client.split();
            drop(writer);
            assert_eq!((&server).read(&mut [0]).unwrap(), 0);
            drop(reader);
            server.into_std().unwrap();
            let (client, _server) = pair();
            let _kept = client.try_clone().unwrap();
            assert_kind(client.into_std(), ErrorKind::ResourceBusy);
            let (listener, address) = listener_at(78);
            let waiting = listener.try_clone().unwrap();
            let waiter = gort::spawn(move || waiting.accept().map(drop));
            gort::yield_now();
            listener.close().unwrap();
            assert_closed(waiter.join().unwrap());
            assert_kind(TcpStream::connect(address), ErrorKind::ConnectionRefused);
            assert!(UnixStream::connect("/no such socket").is_err());
            assert!(UnixListener::bind("/no such folder/socket").is_err());
            assert!(TcpListener::bind("192.0.2.1:1").is_err());
            let (one, _other) = UnixDatagram::pair().unwrap();
            one.set_read_timeout(Some(Duration::from_nanos(1))).unwrap();
            assert_kind(one.recv(&mut [0]), ErrorKind::TimedOut);
            one.close().unwrap();
        };
        all();
        let before = support::net::descriptors();
        (0..100).for_each(|_| all());
        assert_eq!(support::net::descriptors(), before);
    });
}
