//! Sockets, with both ends in goroutines. What counts here is which calls of the system an operation takes.

use super::{Path, system_path};
use gort::net::{TcpListener, TcpStream};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

/// A question, and its answer.
const BYTES: usize = 64;

pub(super) const PATHS: &[Path] = &[
    system_path(
        "tcp.echo",
        "64 bytes over a connection and back, read into buffers of 128",
        echo::<{ 2 * BYTES }>,
    ),
    system_path("tcp.echo.exact", "the same with buffers of 64", echo::<BYTES>),
    system_path("tcp.connect", "a connection made, accepted, and closed at either end", |n| {
        let (listener, address) = listen();
        for _ in 0..n {
            let _client = TcpStream::connect(address).expect("somebody listens");
            listener.accept().expect("it is connected");
        }
    }),
    system_path("tcp.connection", "a connection awaited by either end, an echo, and closed", |n| {
        let (listener, address) = listen();
        let server = gort::spawn(move || {
            for stream in listener.incoming().take(n) {
                answer::<{ 2 * BYTES }>(stream.expect("it is connected"));
            }
        });
        for _ in 0..n {
            ask::<{ 2 * BYTES }>(&mut TcpStream::connect(address).expect("somebody listens"));
        }
        server.join().expect("it answers");
    }),
];

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("where it listens");
    (listener, address)
}

/// `n` questions over one connection, with `ROOM` for what is read.
fn echo<const ROOM: usize>(n: usize) {
    let (listener, address) = listen();
    let mut client = TcpStream::connect(address).expect("somebody listens");
    let (server, _) = listener.accept().expect("it is connected");
    let server = gort::spawn(move || answer::<ROOM>(server));
    for _ in 0..n {
        ask::<ROOM>(&mut client);
    }
    drop(client);
    server.join().expect("it answers");
}

fn ask<const ROOM: usize>(stream: &mut TcpStream) {
    stream.write_all(&[1; BYTES]).expect("it is open");
    assert_eq!(stream.read(&mut [0; ROOM]).expect("an answer"), BYTES);
}

/// Answers until the connection ends.
fn answer<const ROOM: usize>(mut stream: TcpStream) {
    let mut buffer = [0; ROOM];
    loop {
        match stream.read(&mut buffer).expect("a question") {
            0 => return,
            read => stream.write_all(&buffer[..read]).expect("it is open"),
        }
    }
}
