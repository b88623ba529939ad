//! The end of the server.

use crate::harness::{Server, example};
use std::time::{Duration, Instant};

#[test]
fn a_signal_ends_all_connections() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(&[]);
        let (mut idle, mut half, mut waiting) =
            (server.connect(), server.connect(), server.connect());
        let mut subscriber = server.connect();
        idle.ask("SET k v", "OK");
        half.ask("GET k", "\"v\"");
        half.send("*2\r\n$3\r\nGET\r\n");
        subscriber.ask("SUBSCRIBE c", "[\"subscribe\" \"c\" 1]");
        waiting.request(&["BLPOP", "l", "0"]);
        server.wait_for("blocked_clients:1");
        let start = Instant::now();
        server.signal(signal);
        idle.expect_end();
        half.expect_end();
        subscriber.expect_end();
        waiting.expect_end();
        let output = server.output();
        assert!(start.elapsed() < Duration::from_secs(10), "it waits for its time-out");
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "stopping\n");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

/// What has been begun is answered to its end: whole replies, to the first so many requests.
#[test]
fn requests_under_way_are_answered() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask("INCR n", "1");
    client.send("INCR n\r\n".repeat(20_000));
    server.signal("TERM");
    let mut last = 1;
    while let Ok(reply) = client.try_reply() {
        assert_eq!(reply, (last + 1).to_string());
        last += 1;
    }
    assert_eq!(server.output().status.code(), Some(0));
}

/// All that has come by then is answered, though the client has read nothing yet.
#[test]
fn what_has_come_is_answered() {
    const LARGE: usize = 8 << 20;
    const MORE: usize = 7000;
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask(&format!("SET k {}", "x".repeat(LARGE)), "OK");
    client.send("PING\r\nGET k\r\n".to_owned() + &"PING\r\n".repeat(MORE));
    // From now on the server waits for us to read: it takes no more of what has come.
    client.expect("PONG");
    server.signal("TERM");
    assert_eq!(client.reply().len(), LARGE + 2);
    (0..MORE).for_each(|_| client.expect("PONG"));
    client.expect_end();
    assert_eq!(server.output().status.code(), Some(0));
}

/// Whoever has started it may be gone, and the pipes with it.
#[test]
fn an_end_that_nobody_listens_to() {
    let mut server = Server::start(&["--shutdown-timeout", "0.2"]);
    server.stop_listening();
    let mut deaf = server.connect();
    deaf.ask(&format!("SET k {}", "x".repeat(1 << 20)), "OK");
    deaf.send("GET k\r\n".repeat(64));
    assert_eq!(deaf.reply().len(), (1 << 20) + 2);
    server.signal("TERM");
    assert_eq!(server.output().status.code(), Some(0));
}

/// One that does not read holds up the end for as long as it may.
#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let server = Server::start(&["--shutdown-timeout", "0.2"]);
    let mut client = server.connect();
    client.ask(&format!("SET k {}", "x".repeat(1 << 20)), "OK");
    client.send("GET k\r\n".repeat(64));
    // Once it has begun to answer it cannot end on its own.
    assert_eq!(client.reply().len(), (1 << 20) + 2);
    server.signal("TERM");
    let output = server.output();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("1 connections did not end in time"), "{stderr}");
}

/// Nor is one waited for whose requests, which are all there, take long to compute.
#[test]
fn a_client_that_keeps_the_server_busy_is_not_waited_for() {
    let server = Server::start(&["--shutdown-timeout", "0.2"]);
    let mut busy = server.connect();
    let (key, long) = ("a".repeat(400_000), "x".repeat(70_000));
    busy.request(&["MSET", &key, "v", "long", &long]);
    assert_eq!(busy.reply(), "OK");
    let slow = format!("KEYS *{}b\r\n", &key[..1000]);
    busy.send("GET long\r\n".to_owned() + &slow.repeat(60));
    // So long a reply is written at once, before the first of the slow ones is begun.
    assert_eq!(busy.reply().len(), long.len() + 2);
    let start = Instant::now();
    server.signal("TERM");
    let output = server.output();
    assert!(start.elapsed() < Duration::from_secs(30), "all of it is computed");
    assert_eq!(output.status.code(), Some(0));
}

/// The port is free at once.
#[test]
fn another_server_at_the_same_port() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let mut client = server.connect();
    client.ask("PING", "PONG");
    server.signal("TERM");
    client.expect_end();
    server.output();
    let server = Server::start(&["--port", &port]);
    server.connect().ask("PING", "PONG");
    let refused = std::process::Command::new(example()).args(["--port", &port]).output();
    let refused = refused.expect("the example starts");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("Address already in use"));
}
