//! Bodies in and out.

use crate::server::Server;
use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

/// Neither repeats at a power of two nor compresses by accident.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 % 251) as u8).collect()
}

#[test]
fn bodies_of_any_size_come_back() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for length in [0, 1, 1000, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, 3_000_000] {
        let body = pattern(length);
        let mut sender = client.stream.try_clone().expect("a socket");
        std::thread::scope(|scope| {
            // A large one comes back while it is still being sent.
            scope.spawn(|| {
                let head =
                    format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
                sender.write_all(head.as_bytes()).expect("the server reads");
                sender.write_all(&body).expect("the server reads");
            });
            let response = client.response();
            assert_eq!(response.status, 200);
            assert!(response.body == body, "{length} bytes");
        });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut send = |bytes: &[u8]| sender.write_all(bytes).expect("the server reads");
                send(b"PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(length / 7 + 1) {
                    send(format!("{:X}\r\n", chunk.len()).as_bytes());
                    send(chunk);
                    send(b"\r\n");
                }
                send(b"0\r\n\r\n");
            });
            let response = client.response();
            assert!(response.body == body, "{length} bytes in chunks");
        });
    }
}

#[test]
fn a_body_is_asked_for() {
    let server = Server::start(&["--body-bytes", "100"]);
    let mut client = server.connect();
    let head = |length| {
        format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    client.send(head(5));
    assert_eq!(client.head().status, 100);
    client.send("hello");
    assert_eq!(client.response().text(), "hello");
    // One that is there already need not be asked for.
    client.send(head(5) + "hello");
    assert_eq!(client.response().text(), "hello");
    // One that is not wanted is not asked for, and might come all the same: so this is the end.
    client.send(head(5).replace("/echo", "/file"));
    assert_eq!(client.response().status, 405);
    client.ended();
    let mut client = server.connect();
    client.send(head(101));
    assert_eq!(client.response().status, 413);
    client.ended();
    // HTTP/1.0 has no interim responses.
    let mut client = server.connect();
    client.send(head(5).replace("1.1", "1.0"));
    client.send("hello");
    assert_eq!(client.response().text(), "hello");
}

/// In HTTP/1.0 as well, a length tells a part from the whole.
#[test]
fn a_large_body_that_breaks_off() {
    let server = Server::start(&[]);
    for version in ["1.0", "1.1"] {
        let mut client = server.connect();
        client.send(format!(
            "POST /echo HTTP/{version}\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
        ));
        client.send(pattern(50_000));
        client.stream.shutdown(Shutdown::Write).expect("a socket");
        let head = client.head();
        assert_eq!((head.status, head.field("Content-Length")), (200, Some("100000")));
        assert!(client.until_end().len() < 100_000);
    }
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 50000\r\n\r\n");
    client.send(pattern(50_000));
    let response = client.response();
    assert_eq!(response.field("Connection"), Some("keep-alive"));
    assert!(response.body == pattern(50_000));
}

/// A body that turns out to be bad when it is half sent back: all that can be done is to break off.
#[test]
fn a_bad_chunk_behind_good_ones() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n");
    client.send(pattern(0x8000));
    client.send("\r\nnonsense\r\n");
    assert_eq!(client.head().status, 200);
    let rest = client.until_end();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks complete");
}

#[test]
fn slow_lines_come_as_they_are_made() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let started = Instant::now();
    client.send("GET /slow?lines=3&ms=100 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().field("Transfer-Encoding"), Some("chunked"));
    for line in 1..=3 {
        assert_eq!(client.chunk(), format!("line {line} of 3\n").into_bytes());
        assert!(started.elapsed() >= Duration::from_millis(100) * (line - 1));
    }
    assert_eq!(client.chunk(), b"");
    assert_eq!(client.get("/slow?lines=0", "").text(), "");
    assert_eq!(client.get("/slow?lines=2&ms=0", "").text(), "line 1 of 2\nline 2 of 2\n");
}
