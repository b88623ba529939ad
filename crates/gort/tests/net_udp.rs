//! UDP: each datagram is one, or none.

mod support;

use gort::net::UdpSocket;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use support::net::{assert_closed, assert_kind, assert_timed_out, past};
use support::{LIMIT, in_turn, on, within};

fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// Two that send to each other.
fn connected() -> (UdpSocket, UdpSocket) {
    let (one, other) = (socket(), socket());
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    (one, other)
}

#[test]
fn questions_and_answers() {
    on(2, || {
        let server = socket();
        let address = server.local_addr().unwrap();
        let other = server.try_clone().unwrap();
        let answering = gort::spawn(move || {
            let mut buffer = [0; 100];
            loop {
                match server.recv_from(&mut buffer) {
                    Ok((len, from)) => drop(server.send_to(&buffer[..len], from).unwrap()),
                    Err(error) => return assert!(gort::net::is_closed(&error)),
                }
            }
        });
        let clients: Vec<_> = (0..10_u8)
            .map(|n| {
                gort::spawn(move || {
                    let client = socket();
                    for round in 0..50 {
                        client.send_to(&[n, round], address).unwrap();
                        let mut answer = [0; 9];
                        assert_eq!(client.recv_from(&mut answer).unwrap(), (2, address));
                        assert_eq!(answer[..2], [n, round]);
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        other.close().unwrap();
        answering.join().unwrap();
    });
}

#[test]
fn an_empty_datagram_is_one() {
    in_turn(|| {
        let (one, other) = connected();
        let address = one.local_addr().unwrap();
        let receiver = {
            let other = other.try_clone().unwrap();
            gort::spawn(move || other.recv_from(&mut [0; 9]))
        };
        gort::yield_now(); // it waits from here on
        assert_eq!(one.send(&[]).unwrap(), 0);
        assert_eq!(receiver.join().unwrap().unwrap(), (0, address));
        // Also into no room at all.
        one.send(&[]).unwrap();
        one.send(b"full").unwrap();
        one.send(b"last").unwrap();
        assert_eq!(other.recv(&mut []).unwrap(), 0);
        // Windows tells what is lost by an error.
        assert!(matches!(other.recv(&mut []), Ok(0)) || cfg!(windows));
        assert_eq!(other.recv(&mut [0; 9]).unwrap(), 4);
    });
}

#[cfg(windows)]
#[test]
fn what_has_no_room_is_lost_and_told() {
    use windows_sys::Win32::Networking::WinSock::WSAEMSGSIZE;

    on(1, || {
        let (one, other) = connected();
        one.send(b"0123456789").unwrap();
        one.send(b"next").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(other.recv(&mut buffer).unwrap_err().raw_os_error(), Some(WSAEMSGSIZE));
        assert_eq!((other.recv(&mut buffer).unwrap(), &buffer), (4, b"next"));
    });
}

#[cfg(unix)]
#[test]
fn what_has_no_room_is_lost() {
    on(1, || {
        let (one, other) = connected();
        one.send(b"0123456789").unwrap();
        one.send(b"next").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(other.peek(&mut buffer).unwrap(), 4);
        assert_eq!(other.peek_from(&mut buffer).unwrap(), (4, one.local_addr().unwrap()));
        assert_eq!((other.recv(&mut buffer).unwrap(), &buffer), (4, b"0123"));
        assert_eq!((other.recv(&mut buffer).unwrap(), &buffer), (4, b"next"));
    });
}

#[test]
fn the_longest_and_one_that_is_too_long() {
    on(1, || {
        let (one, other) = connected();
        let longest = vec![7; 65_507];
        assert_eq!(one.send(&longest).unwrap(), longest.len());
        let mut buffer = vec![0; 70_000];
        assert_eq!(other.recv(&mut buffer).unwrap(), longest.len());
        assert_eq!(buffer[..longest.len()], longest);
        let error = one.send(&vec![7; 65_508]).unwrap_err();
        #[cfg(unix)]
        assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        #[cfg(windows)]
        assert_eq!(
            error.raw_os_error(),
            Some(windows_sys::Win32::Networking::WinSock::WSAEMSGSIZE)
        );
    });
}

/// The system tells a connected socket that nobody is there.
#[test]
fn nobody_receives() {
    in_turn(|| {
        let (one, other) = connected();
        drop(other);
        let receiver = {
            let one = one.try_clone().unwrap();
            gort::spawn(move || one.recv(&mut [0]))
        };
        gort::yield_now(); // it waits from here on
        one.send(b"anybody?").unwrap();
        let kind =
            if cfg!(windows) { ErrorKind::ConnectionReset } else { ErrorKind::ConnectionRefused };
        assert_kind(receiver.join().unwrap(), kind);
        one.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(one.recv(&mut [0]));
    });
}

/// Each datagram is received once, by whoever comes first: goroutines and threads.
#[test]
fn many_receive_from_one() {
    const DATAGRAMS: usize = 400;
    within(LIMIT, || {
        let runtime = support::runtime(2);
        let receiver = Arc::new(socket());
        let address = receiver.local_addr().unwrap();
        let (tx, rx) = std::sync::mpsc::channel();
        let receive = || {
            let (receiver, tx) = (receiver.clone(), tx.clone());
            move || {
                let mut buffer = [0; 8];
                loop {
                    match receiver.recv(&mut buffer) {
                        Ok(len) => tx.send((len, usize::from_ne_bytes(buffer))).unwrap(),
                        Err(error) => return assert!(gort::net::is_closed(&error)),
                    }
                }
            }
        };
        let goroutines: Vec<_> = (0..5).map(|_| runtime.spawn(receive())).collect();
        let threads: Vec<_> = (0..2).map(|_| thread::spawn(receive())).collect();
        let sender = socket();
        let mut received = Vec::new();
        // A few at a time, so that none is dropped for lack of room.
        for number in 0..DATAGRAMS {
            sender.send_to(&number.to_ne_bytes(), address).unwrap();
            if number % 20 == 19 {
                received.extend((0..20).map(|_| rx.recv_timeout(LIMIT / 2).unwrap()));
            }
        }
        receiver.close().unwrap();
        goroutines.into_iter().for_each(|handle| handle.join().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        received.sort_unstable();
        assert!(received.into_iter().eq((0..DATAGRAMS).map(|number| (8, number))));
        assert!(rx.try_recv().is_err());
    });
}

#[test]
fn a_deadline_that_has_passed_takes_nothing() {
    on(1, || {
        let (one, other) = connected();
        one.send(b"kept").unwrap();
        other.set_deadline(past()).unwrap();
        assert_timed_out(other.recv(&mut [0; 9]));
        assert_timed_out(other.peek_from(&mut [0; 9]));
        assert_timed_out(other.send(b"never sent"));
        other.set_deadline(None).unwrap();
        assert_eq!(other.recv(&mut [0; 9]).unwrap(), 4);
        one.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(one.recv(&mut [0; 9]));
    });
}

#[test]
fn addresses() {
    on(1, || {
        let one = socket();
        let address = one.local_addr().unwrap();
        assert_kind(UdpSocket::bind(address), ErrorKind::AddrInUse);
        assert_kind(one.peer_addr(), ErrorKind::NotConnected);
        assert_kind(one.send_to(b"", &[][..]), ErrorKind::InvalidInput);
        assert_kind(one.connect(&[][..]), ErrorKind::InvalidInput);
        assert!(one.send(b"to nobody").is_err());
        let two = UdpSocket::bind("localhost:0").unwrap();
        if two.local_addr().unwrap().is_ipv4() {
            two.connect(("localhost", address.port())).unwrap();
            assert_eq!(two.peer_addr().unwrap(), address);
        }
        one.close().unwrap();
        assert_closed(one.send_to(b"", address));
        // Windows has no way to close it as long as somebody has a handle.
        #[cfg(windows)]
        drop(one);
        UdpSocket::bind(address).unwrap();
    });
}

#[test]
fn options() {
    on(1, || {
        let socket = socket();
        for on in [true, false] {
            socket.set_broadcast(on).unwrap();
            assert_eq!(socket.broadcast().unwrap(), on);
            socket.set_multicast_loop_v4(on).unwrap();
            assert_eq!(socket.multicast_loop_v4().unwrap(), on);
        }
        socket.set_ttl(33).unwrap();
        assert_eq!(socket.ttl().unwrap(), 33);
        socket.set_multicast_ttl_v4(3).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);
        let (group, here) = (Ipv4Addr::new(239, 1, 2, 3), Ipv4Addr::LOCALHOST);
        socket.join_multicast_v4(&group, &here).unwrap();
        socket.leave_multicast_v4(&group, &here).unwrap();
        assert!(socket.leave_multicast_v4(&group, &here).is_err());
        assert!(socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0).is_err());
        let socket = UdpSocket::from_std(socket.into_std().unwrap()).unwrap();
        assert!(socket.take_error().unwrap().is_none());
    });
}
