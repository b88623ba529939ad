//! Messages to subscribers.

use crate::harness::{PATIENCE, Server};
use std::io::{ErrorKind, Write};
use std::time::Instant;

#[test]
fn subscribing_and_publishing() {
    let server = Server::start(&[]);
    let (mut subscriber, mut publisher) = (server.connect(), server.connect());
    publisher.ask("PUBLISH news nobody", "0");
    subscriber.send("SET before 1\r\nSUBSCRIBE news weather\r\nPSUBSCRIBE n?ws*\r\n");
    subscriber.expect("OK");
    subscriber.expect("[\"subscribe\" \"news\" 1]");
    subscriber.expect("[\"subscribe\" \"weather\" 2]");
    subscriber.expect("[\"psubscribe\" \"n?ws*\" 3]");
    publisher.ask("PUBLISH news hello", "2");
    publisher.ask("PUBLISH weather rain", "1");
    publisher.ask("PUBLISH newspaper x", "1");
    subscriber.expect("[\"message\" \"news\" \"hello\"]");
    subscriber.expect("[\"pmessage\" \"n?ws*\" \"news\" \"hello\"]");
    subscriber.expect("[\"message\" \"weather\" \"rain\"]");
    subscriber.expect("[\"pmessage\" \"n?ws*\" \"newspaper\" \"x\"]");
    publisher.ask("PUBSUB NUMSUB news other", "[\"news\" 1 \"other\" 0]");
    publisher.ask("PUBSUB NUMPAT", "1");

    // What could be mistaken for a message is refused.
    subscriber.ask(
        "GET k",
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context",
    );
    subscriber.ask("PING", "[\"pong\" \"\"]");
    subscriber.ask("UNSUBSCRIBE news", "[\"unsubscribe\" \"news\" 2]");
    subscriber.ask("PUNSUBSCRIBE", "[\"punsubscribe\" \"n?ws*\" 1]");
    publisher.ask("PUBLISH news gone", "0");
    subscriber.ask("UNSUBSCRIBE", "[\"unsubscribe\" \"weather\" 0]");
    subscriber.ask("GET before", "\"1\"");
    publisher.ask("PUBSUB CHANNELS", "[]");
}

#[test]
fn the_third_version_marks_messages() {
    let server = Server::start(&[]);
    let (mut subscriber, mut publisher) = (server.connect(), server.connect());
    subscriber.call("HELLO 3");
    subscriber.ask("SUBSCRIBE c", ">[\"subscribe\" \"c\" 1]");
    // Any command may be used, and one may hear oneself.
    subscriber.ask("SET k v", "OK");
    subscriber.request(&["PUBLISH", "c", "me"]);
    subscriber.expect(">[\"message\" \"c\" \"me\"]");
    subscriber.expect("1");
    publisher.ask("PUBLISH c you", "1");
    subscriber.expect(">[\"message\" \"c\" \"you\"]");
    subscriber.request(&["BLPOP", "l", "0"]);
    publisher.ask("PUBLISH c meanwhile", "1");
    subscriber.expect(">[\"message\" \"c\" \"meanwhile\"]");
    publisher.ask("RPUSH l x", "1");
    subscriber.expect("[\"l\" \"x\"]");
}

/// Who has seen the confirmation gets every message, in order.
#[test]
fn many_subscribers() {
    let server = Server::start(&[]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut client = server.connect();
            client.ask("SUBSCRIBE c", "[\"subscribe\" \"c\" 1]");
            scope.spawn(move || {
                (0..500).for_each(|n| client.expect(&format!("[\"message\" \"c\" \"{n}\"]")));
            });
        }
        let mut publisher = server.connect();
        (0..500).for_each(|n| publisher.ask(&format!("PUBLISH c {n}"), "8"));
    });
    server.wait_for("connected_clients:1");
    server.connect().ask("PUBLISH c nobody", "0");
}

/// One that does not read is disconnected; the publisher never waits, and the others get their messages.
#[test]
fn a_slow_subscriber() {
    let server = Server::start(&["--pubsub-output-buffer-limit", "200kb"]);
    let (mut slow, mut quick) = (server.connect(), server.connect());
    slow.ask("SUBSCRIBE c", "[\"subscribe\" \"c\" 1]");
    quick.ask("SUBSCRIBE c", "[\"subscribe\" \"c\" 1]");
    let mut publisher = server.connect();
    let message = "x".repeat(50_000);
    // As much as fits the buffers of the sockets, and some more.
    let mut published = 0;
    while publisher.call(&format!("PUBLISH c {message}")) == "2" {
        published += 1;
        assert_eq!(quick.reply().len(), message.len() + r#"["message" "c" ""]"#.len());
        assert!(published < 10_000, "it is never disconnected");
    }
    assert!(published > 0);
    // What was in the buffers still comes.
    assert!(slow.rest().len() <= (published + 1) * (message.len() + 100));
    server.wait_for("connected_clients:3");
}

/// A subscriber that reads gets all that is published, however much of it comes at once.
#[test]
fn a_burst() {
    const BURST: usize = 20_000;
    let server = Server::start(&[]);
    let mut subscriber = server.connect();
    subscriber.ask("SUBSCRIBE c", "[\"subscribe\" \"c\" 1]");
    std::thread::scope(|scope| {
        let mut publisher = server.connect();
        let requests: String = (0..BURST).map(|n| format!("PUBLISH c {n}\r\n")).collect();
        let mut sender = publisher.sender();
        scope.spawn(move || sender.write_all(requests.as_bytes()).expect("the server reads"));
        scope.spawn(move || (0..BURST).for_each(|_| publisher.expect("1")));
        for n in 0..BURST {
            subscriber.expect(&format!("[\"message\" \"c\" \"{n}\"]"));
        }
    });
    subscriber.send("SUBSCRIBE c\r\n".repeat(5000));
    (0..5000).for_each(|_| subscriber.expect("[\"subscribe\" \"c\" 1]"));
}

/// However many get a message, it is there once, and gone when they have read it.
#[test]
fn a_large_message() {
    const LARGE: usize = 8 << 20;
    let server = Server::start(&["--maxmemory", "64mb"]);
    let mut subscribers: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut subscribers {
        client.ask("SUBSCRIBE c", "[\"subscribe\" \"c\" 1]");
    }
    let mut publisher = server.connect();
    publisher.ask(&format!("PUBLISH c {}", "x".repeat(LARGE)), "20");
    for client in &mut subscribers {
        assert_eq!(client.reply().len(), LARGE + r#"["message" "c" ""]"#.len());
    }
    let start = Instant::now();
    while server.info("used_memory") > 40 << 20 {
        assert!(start.elapsed() < PATIENCE, "{} bytes are kept", server.info("used_memory"));
    }
}

/// Who subscribes with a pattern gets a message of its own. One for which there is no memory is disconnected.
#[test]
fn a_large_message_for_many_patterns() {
    const LARGE: usize = 8 << 20;
    let server = Server::start(&["--maxmemory", "64mb"]);
    let mut subscribers: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for (index, client) in subscribers.iter_mut().enumerate() {
        let pattern = format!("{}*", "c".repeat(index + 1));
        client.ask(&format!("PSUBSCRIBE {pattern}"), &format!("[\"psubscribe\" \"{pattern}\" 1]"));
    }
    let mut publisher = server.connect();
    let channel = "c".repeat(subscribers.len());
    publisher.ask(&format!("PUBLISH {channel} {}", "x".repeat(LARGE)), "20");
    let used = server.info("used_memory");
    assert!(used < 80 << 20, "{used} bytes");
    let mut complete = 0;
    for client in &mut subscribers {
        match client.try_reply() {
            Ok(reply) => {
                assert!(reply.len() > LARGE, "a part of it");
                complete += 1;
            }
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::WouldBlock, "neither message nor end");
            }
        }
    }
    assert!((1..20).contains(&complete), "{complete} have got it");
}
