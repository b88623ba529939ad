//! Clients that want too much, or take too long.

use crate::client::Client;
use crate::server::{HANG, Server};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Server::start(&["--idle", "0.2"]);
    let mut client = server.connect();
    let started = Instant::now();
    assert_eq!(client.get("/none", "").status, 404);
    client.ended();
    assert!(started.elapsed() >= Duration::from_millis(175), "it was to wait");
}

#[test]
fn one_that_never_asks_is_closed_sooner() {
    let server = Server::start(&["--head-time", "0.2"]);
    server.connect().ended();
}

/// Empty lines are passed over, but are no request.
#[test]
fn one_that_sends_empty_lines_is_closed() {
    let server = Server::start(&["--head-time", "0.5"]);
    send_empty_lines_until_closed(&mut server.connect());
}

fn send_empty_lines_until_closed(client: &mut Client<TcpStream>) {
    let started = Instant::now();
    while client.stream.write_all(b"\r\n").is_ok() {
        assert!(started.elapsed() < HANG, "the server waits for ever");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A byte now and then keeps no connection: the whole head has its time.
#[test]
fn a_head_that_takes_too_long() {
    let server = Server::start(&["--head-time", "0.5"]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\n");
    let mut sender = client.stream.try_clone().expect("a socket");
    let dripping = std::thread::spawn(move || {
        // Until the server has closed the connection.
        while sender.write_all(b"X: y\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let response = client.response();
    assert_eq!(response.status, 408);
    assert!(response.closes());
    drop(client);
    dripping.join().expect("no panic");
}

#[test]
fn a_body_that_takes_too_long() {
    let server = Server::start(&["--grace", "1", "--rate", "100"]);
    for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
        let mut sender = client.stream.try_clone().expect("a socket");
        let dripping = std::thread::spawn(move || {
            while sender.write_all(b"1\r\nx\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        assert_eq!(client.response().status, 408, "{framing}");
        drop(client);
        dripping.join().expect("no panic");
    }
    // A body may take longer than the grace, if enough of it comes.
    let mut client = server.connect();
    let part = "x".repeat(400);
    client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n{part}"));
    for _ in 1..10 {
        std::thread::sleep(Duration::from_millis(150));
        client.send(&part);
    }
    assert_eq!(client.response().status, 200);
}

/// Who asks for much and reads nothing loses the connection, whatever the server would send.
#[test]
fn a_client_that_does_not_read() {
    let server = Server::start(&["--grace", "0.3", "--rate", "1000000000"]);
    server.folder.file("large", &vec![b'x'; 64 << 20]);
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut chatty = server.connect();
    let request = "GET /slow?lines=9&ms=0 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let refused = loop {
        if let Err(error) = chatty.stream.write_all(request.as_bytes()) {
            break error;
        }
    };
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&refused.kind()), "{refused}");
    // The server has given the other one up, too, before that one reads.
    send_empty_lines_until_closed(&mut client);
    let head = client.head();
    assert_eq!(head.field("Content-Length"), Some("67108864"));
    assert!(client.until_end().len() < 64 << 20, "all of it was sent");
    // Nobody else is kept waiting.
    assert_eq!(server.connect().get("/none", "").status, 404);
}

/// One that is slow has the time that the rate gives it for a piece.
#[test]
fn a_client_that_reads_later() {
    const LARGE: usize = 32 << 20;
    let server = Server::start(&["--grace", "0.1", "--rate", "1000"]);
    server.folder.file("large", &vec![b'x'; LARGE]);
    let mut client = server.connect();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    // Longer than the grace. A piece has a minute.
    std::thread::sleep(Duration::from_millis(500));
    let read = std::io::copy(&mut client.stream.take(LARGE as u64 / 2), &mut std::io::sink());
    assert_eq!(read.expect("it is still sent"), LARGE as u64 / 2);
}

#[test]
fn connections_are_counted() {
    for option in ["--connections", "--per-address"] {
        let server = Server::start(&[option, "3"]);
        let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
        for client in &mut clients {
            assert_eq!(client.get("/none", "").status, 404);
        }
        let mut fourth = server.connect();
        let response = fourth.response();
        assert_eq!(response.status, 503, "{option}");
        assert_eq!(response.field("Retry-After"), Some("1"));
        fourth.ended();
        assert_eq!(clients[0].get("/none", "").status, 404);
        clients.pop();
        // The place is free as soon as the server has seen the end.
        let started = Instant::now();
        loop {
            let mut next = server.connect();
            // It may be turned away before it has said this.
            let _ = next
                .stream
                .write_all(b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            if next.until_end().starts_with(b"HTTP/1.1 404 ") {
                break;
            }
            assert!(started.elapsed() < HANG, "no place becomes free");
        }
    }
}

/// Many at once, all served, none left behind.
#[test]
fn a_crowd() {
    let server = Server::start(&[]);
    server.folder.file("a", b"content");
    let mut clients: Vec<_> = (0..400).map(|_| server.connect()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        for client in &mut clients {
            assert_eq!(client.response().text(), "content");
        }
    }
}
