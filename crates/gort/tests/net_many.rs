//! Very many connections: one after the other, and at once.

mod support;

use gort::net::{TcpListener, TcpStream};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use support::{LIMIT, within};

fn echo(mut stream: &TcpStream) {
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => return,
            count => stream.write_all(&buffer[..count]).unwrap(),
        }
    }
}

fn ask(mut stream: &TcpStream, n: usize) {
    let mut answer = [0; 8];
    stream.write_all(&n.to_ne_bytes()).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(usize::from_ne_bytes(answer), n);
}

/// Runs `f` as a goroutine, with time for so many.
fn on_two(f: impl FnOnce() + Send + 'static) {
    within(4 * LIMIT, move || support::runtime(2).run(f));
}

/// Each is connected, asks once, and is gone.
#[test]
fn ten_thousand_quick_ones() {
    const CLIENTS: usize = 20;
    const EACH: usize = 500;
    on_two(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let closer = listener.try_clone().unwrap();
        let server = gort::spawn(move || {
            let mut count = 0;
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                gort::go!(move || echo(&stream));
                count += 1;
            }
            count
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                gort::spawn(move || {
                    for n in 0..EACH {
                        let stream = TcpStream::connect(address).unwrap();
                        ask(&stream, client * EACH + n);
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        closer.close().unwrap();
        assert_eq!(server.join().unwrap(), CLIENTS * EACH);
    });
}

/// So many at once that the system has to be asked for descriptors.
#[cfg(target_os = "linux")]
mod at_once {
    use super::support::net::{allow_descriptors, descriptors};
    use super::support::{self, LIMIT, assert_success, child, eventually, within};
    use super::{ask, echo, on_two};
    use gort::net::{TcpListener, TcpStream};
    use gort::sync::{Semaphore, WaitGroup};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::process::Command;
    use std::sync::Arc;

    /// Where a goroutine is a thread.
    const FEW: bool = cfg!(feature = "threads");

    const ADDRESS: &str = "GORT_TEST_ADDRESS";

    /// All are connected before the first asks, and ask at once, more than once. The clients are in a process of their own, as
    /// each may have so many descriptors. In the end each has as many as before.
    #[test]
    fn ten_thousand() {
        const SPARE: usize = 100;
        let wanted = if FEW { 500 } else { 10_000 };
        let allowed = allow_descriptors(wanted + SPARE);
        let connections = wanted.min(allowed - SPARE);
        if let Ok(address) = std::env::var(ADDRESS) {
            return clients(address.parse().unwrap(), connections);
        }
        if connections < wanted {
            eprintln!(
                "ONLY {connections} CONNECTIONS OF {wanted}: {allowed} descriptors are allowed here"
            );
        }
        on_two(move || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let server = gort::spawn(move || {
                let mut handles = Vec::new();
                for _ in 0..connections {
                    let (stream, _) = listener.accept().unwrap();
                    handles.push(gort::spawn(move || echo(&stream)));
                }
                handles.into_iter().for_each(|handle| handle.join().unwrap());
            });
            let to_it = |command: &mut Command| _ = command.env(ADDRESS, address);
            let clients = || child("at_once::ten_thousand", to_it);
            assert_success(&gort::blocking(clients));
            server.join().unwrap();
        });
    }

    fn clients(address: SocketAddr, connections: usize) {
        within(3 * LIMIT, move || {
            let runtime = support::runtime(2);
            let before = descriptors();
            runtime.run(move || {
                // Fewer than may wait to be accepted: those who find no room try again after a second.
                let connecting = Arc::new(Semaphore::new(100));
                let all_connected = Arc::new(WaitGroup::new());
                all_connected.add(connections.cast_signed());
                let clients: Vec<_> = (0..connections)
                    .map(|n| {
                        let (connecting, all_connected) =
                            (connecting.clone(), all_connected.clone());
                        gort::spawn(move || {
                            let permit = connecting.acquire(1);
                            let stream = TcpStream::connect(address).unwrap();
                            ask(&stream, n); // it is accepted
                            drop(permit);
                            all_connected.done();
                            all_connected.wait();
                            (0..3).for_each(|round| ask(&stream, n * 3 + round));
                        })
                    })
                    .collect();
                clients.into_iter().for_each(|client| client.join().unwrap());
            });
            runtime.shutdown(LIMIT).unwrap();
            // The runtime's own go with its last thread, which has been told to end.
            eventually("as many descriptors as before", || descriptors() == before);
        });
    }
}
