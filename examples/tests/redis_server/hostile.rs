//! Clients that want too much.

use crate::harness::Server;
use std::time::{Duration, Instant};

#[test]
fn too_many_connections() {
    let server = Server::start(&["--maxclients", "2"]);
    let (mut one, mut two) = (server.connect(), server.connect());
    one.ask("PING", "PONG");
    two.ask("PING", "PONG");
    let mut three = server.connect();
    three.expect("-ERR max number of clients reached");
    three.expect_end();
    drop(two);
    // There is room as soon as the server has noticed.
    let start = Instant::now();
    while server.connect().call("PING") != "PONG" {
        assert!(start.elapsed() < crate::harness::PATIENCE);
    }
    one.ask("PING", "PONG");
}

#[test]
fn a_request_that_is_too_long() {
    let server = Server::start(&["--client-query-buffer-limit", "100kb"]);
    let mut client = server.connect();
    let value = "x".repeat(50 << 10);
    client.ask(&format!("SET k {value}"), "OK");
    // Together they are.
    client.send(format!(
        "*3\r\n$4\r\nMSET\r\n${}\r\n{value}\r\n${}\r\n{value}",
        50 << 10,
        60 << 10
    ));
    client.expect("-ERR Protocol error: too big request");
    client.expect_end();
    // Who goes on sending, more than fits the buffers of a socket, is told as well.
    let mut client = server.connect();
    client.send(format!("*2\r\n$4\r\nECHO\r\n$20000000\r\n{}", "x".repeat(20_000_000)));
    client.expect("-ERR Protocol error: too big request");
    client.expect_end();
    server.connect().ask("STRLEN k", &(50 << 10).to_string());
}

/// A page in a browser may send anything to a server on its machine, but behind lines of its own.
#[test]
fn a_browser() {
    let server = Server::start(&[]);
    for head in ["POST / HTTP/1.1", "GET / HTTP/1.1\r\nHost: localhost"] {
        let mut client = server.connect();
        let _ = client.try_send(format!("{head}\r\n\r\nSET k v\r\n"));
        assert!(!client.rest().ends_with(b"+OK\r\n"));
    }
    server.connect().ask("EXISTS k", "0");
}

#[test]
fn a_reply_that_is_too_long() {
    let server = Server::start(&["--client-output-buffer-limit", "100kb"]);
    let mut client = server.connect();
    let value = "x".repeat(40 << 10);
    client.ask(&format!("RPUSH l {value} {value} {value}"), "3");
    // Each for itself is not.
    client.send("LRANGE l 0 1\r\n".repeat(10));
    for _ in 0..10 {
        assert!(client.reply().len() > 2 * value.len());
    }
    client.send("PING\r\nLRANGE l 0 2\r\nPING\r\n");
    assert!(client.rest().len() < 100 << 10);
    server.connect().ask("LLEN l", "3");
}

#[test]
fn promises_of_much_take_no_memory() {
    let server = Server::start(&[]);
    let before = server.info("used_memory");
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ask("PING", "PONG");
        client.send("*1000000\r\n$60000000\r\nx");
    }
    clients.iter_mut().for_each(|client| client.send("y"));
    let each = server.info("used_memory").saturating_sub(before) / clients.len();
    assert!(each < 32 << 10, "{each} bytes for each connection");
}

#[test]
fn a_full_memory() {
    let server = Server::start(&["--maxmemory", "10mb"]);
    let mut client = server.connect();
    let value = "x".repeat(100 << 10);
    const FULL: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
    let mut fill = |name, value: &str| {
        let (mut stored, mut refused) = (0, 0);
        // One alone may be refused for what a connection has for a moment.
        while refused < 3 {
            match &*client.call(&format!("SET {name}{stored} {value}")) {
                "OK" => (stored, refused) = (stored + 1, 0),
                _ => refused += 1,
            }
            assert!(stored < 10_000, "it is never full");
        }
        stored
    };
    let large = fill("large", &value);
    assert!((50..=100).contains(&large), "{large}");
    // A request is memory, too: when there is none for a large one there is for small ones.
    let stored = large + fill("small", "x");
    for command in
        ["SET k v", "LPUSH l x", "HSET h a 1", "SADD s a", "ZADD z 1 a", "SUBSCRIBE c", "BLPOP l 0"]
    {
        client.ask(command, FULL);
    }
    // What is there can be read and removed.
    assert_eq!(client.call("GET large0").len(), value.len() + 2);
    client.ask("EXPIRE large0 100", "1");
    client.ask("DBSIZE", &stored.to_string());
    // There is some room left for requests, but not for ones that are as large as all of it.
    let mut greedy = server.connect();
    let _ = greedy.try_send(format!("*2\r\n$4\r\nECHO\r\n$20000000\r\n{}", "x".repeat(20_000_000)));
    assert!(greedy.rest().len() < 1000);
    client.ask("FLUSHALL", "OK");
    client.ask("SET k v", "OK");
}

/// What is asked for again and again is told once.
#[test]
#[cfg(target_os = "linux")]
fn patterns_that_match_the_same() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let all = client.call("CONFIG GET *");
    let mut request = vec!["CONFIG", "GET"];
    request.resize(500_000, "*");
    client.request(&request);
    client.expect(&all);
    assert!(server.peak() < 150 << 20, "{} bytes", server.peak());
}

/// Sets are not copied to combine them.
#[test]
#[cfg(target_os = "linux")]
fn sets_with_large_members() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for member in 0..100 {
        client.ask(&format!("SADD s {member}{}", "x".repeat(256 << 10)), "1");
    }
    let before = server.peak();
    client.ask("SDIFF s s", "[]");
    client.ask("SINTER s nothing", "[]");
    let more = server.peak() - before;
    assert!(more < 10 << 20, "{more} bytes");
}

/// A deadline takes little, whatever the key is like.
#[test]
fn long_keys_that_expire() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let key = |index| format!("{index}{}", "x".repeat(100_000));
    (0..50).for_each(|index| client.ask(&format!("SET {} v", key(index)), "OK"));
    let before = server.info("used_memory");
    (0..50).for_each(|index| client.ask(&format!("EXPIRE {} 100", key(index)), "1"));
    let more = server.info("used_memory").saturating_sub(before);
    assert!(more < 1 << 20, "{more} bytes");
    // They go, each at its time.
    (0..25).for_each(|index| client.ask(&format!("PEXPIRE {} 1", key(index)), "1"));
    server.wait_for("db0:keys=25,expires=25");
}

/// An error quotes no more than tells what was wrong.
#[test]
fn a_long_word_that_is_wrong() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let long = "x".repeat(1 << 20);
    client.ask("SET k v", "OK");
    for words in ["EXPIRE k 1", "HELLO 3", "CLIENT", "PUBSUB", "nonsense"] {
        let error = client.call(&format!("{words} {long}"));
        assert!(error.starts_with("-ERR ") && error.len() < 300, "{} bytes", error.len());
    }
    client.ask(&format!("INFO {long}"), "\"\"");
}

/// One that is quiet is disconnected; one that waits for something is not.
#[test]
fn an_idle_client() {
    let mut timeout = Duration::from_millis(300);
    while with_idle_clients(timeout).is_none() {
        timeout *= 2;
    }
}

/// `None`: a client was kept from asking for as long as the time-out, and so was an idle one itself.
fn with_idle_clients(timeout: Duration) -> Option<()> {
    let server = Server::start(&["--timeout", &timeout.as_secs_f64().to_string()]);
    let ask = |request: &str, expected: &str| {
        let start = Instant::now();
        let mut client = server.connect();
        match client.try_send(request).and_then(|()| client.try_reply()) {
            Ok(reply) => assert_eq!(reply, expected, "{request}"),
            Err(error) => {
                assert!(start.elapsed() >= timeout, "{request}: {error}");
                return None;
            }
        }
        Some(client)
    };
    let mut subscriber = ask("SUBSCRIBE c\r\n", "[\"subscribe\" \"c\" 1]")?;
    // Both have come when the first is answered.
    let mut waiting = ask("PING\r\nBLPOP l 0\r\n", "PONG")?;
    let start = Instant::now();
    let mut half = server.connect();
    half.send("*1\r\n$4\r\nPI");
    ask("PING\r\n", "PONG")?.expect_end();
    half.expect_end();
    assert!(start.elapsed() >= timeout);
    ask("PUBLISH c still\r\n", "1")?;
    subscriber.expect("[\"message\" \"c\" \"still\"]");
    ask("RPUSH l there\r\n", "1")?;
    waiting.expect("[\"l\" \"there\"]");
    // From now on it waits for nothing.
    waiting.expect_end();
    Some(())
}

/// One that asks and does not listen makes the server wait, keep little, and then disconnect it.
#[test]
fn a_client_that_does_not_read() {
    let server = Server::start(&["--write-timeout", "0.3"]);
    let mut client = server.connect();
    client.ask(&format!("SET k {}", "x".repeat(1 << 20)), "OK");
    let before = server.info("used_memory");
    // Sixty-four megabytes, which fit no buffer of a socket.
    client.send("GET k\r\n".repeat(64));
    assert!(server.info("used_memory") < before + (4 << 20));
    server.wait_for("connected_clients:1");
    assert!(client.rest().len() < 64 << 20);
}
