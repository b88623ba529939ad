//! Messages to subscribers.

use crate::harness::Server;

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
