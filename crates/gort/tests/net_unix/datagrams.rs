//! Datagrams: where they go, and shutting them down.

use crate::At;
use crate::support::net::{assert_kind, assert_kind_in_the_end, assert_timed_out};
use crate::support::{in_turn, on};
use gort::net::{Shutdown, UnixDatagram};
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::time::Duration;

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
        assert_kind_in_the_end(|| three.send(b""), ErrorKind::ConnectionRefused);
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
