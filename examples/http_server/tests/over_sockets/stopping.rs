//! SIGTERM, with clients connected.

use crate::server::{HANG, Server};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn responses_are_completed_and_idle_connections_end() {
    // So long that it is not this that ends anything.
    let mut server = Server::start(&["--stop-time", "1000"]);
    server.folder.file("a", b"content");
    let mut idle = server.connect();
    assert_eq!(idle.get("/a", "").text(), "content");
    let silent = server.connect();
    let mut slow = server.connect();
    slow.send("GET /slow?lines=5&ms=100 HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.head();
    assert_eq!(slow.chunk(), b"line 1 of 5\n");
    let mut upload = server.connect();
    upload.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    );
    assert_eq!(upload.head().status, 100);
    server.terminate();
    // They end while others are still at it.
    idle.ended();
    silent.ended();
    for line in 2..=5 {
        assert_eq!(slow.chunk(), format!("line {line} of 5\n").into_bytes());
    }
    assert_eq!(slow.chunk(), b"");
    slow.ended();
    upload.send("body");
    let response = upload.response();
    assert!(response.closes(), "there is no next request");
    assert_eq!(response.text(), "body");
    upload.ended();
    let (status, said) = server.wait();
    assert!(status.success(), "{status}: {said}");
    assert!(!said.contains("broke off"), "{said}");
    assert!(TcpStream::connect(server.address).is_err(), "it still listens");
}

#[test]
fn what_takes_too_long_is_broken_off() {
    let mut server = Server::start(&["--stop-time", "0.3"]);
    let mut slow = server.connect();
    slow.send("GET /slow?lines=9&ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.head();
    let started = Instant::now();
    server.terminate();
    let (status, said) = server.wait();
    assert!(status.success(), "{status}");
    assert!(said.contains("broke off 1 connections"), "{said}");
    assert!(started.elapsed() >= Duration::from_millis(300), "it had time");
    assert_eq!(slow.until_end(), b"c\r\nline 1 of 9\n\r\n", "its end is not there");
}

/// Whoever has started it may be gone, and the pipes with it.
#[test]
fn an_end_that_nobody_listens_to() {
    let mut server = Server::start(&["--stop-time", "1000"]);
    server.stop_listening();
    let mut slow = server.connect();
    slow.send("GET /slow?lines=2&ms=200 HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.head();
    server.terminate();
    assert_eq!(slow.chunk(), b"line 1 of 2\n");
    assert_eq!(slow.chunk(), b"line 2 of 2\n");
    assert_eq!(slow.chunk(), b"");
    assert!(server.wait().0.success());
}

#[test]
fn a_second_signal_is_heard_at_once() {
    let mut server = Server::start(&["--stop-time", "1000"]);
    let mut slow = server.connect();
    slow.send("GET /slow?lines=9&ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.head();
    server.terminate();
    // The first one has been heard when nobody listens any more.
    let started = Instant::now();
    while TcpStream::connect(server.address).is_ok() {
        assert!(started.elapsed() < HANG, "it still listens");
    }
    server.terminate();
    // Those that have just connected may be among them.
    let (_, said) = server.wait();
    assert!(said.contains("broke off "), "{said}");
}
