//! Waiting for elements of lists.

use crate::harness::Server;
use std::time::{Duration, Instant};

#[test]
fn an_element_wakes_who_waits() {
    let server = Server::start(&[]);
    let (mut waiting, mut pushing) = (server.connect(), server.connect());
    // What comes behind it waits, too.
    waiting.request(&["BLPOP", "a", "b", "0"]);
    waiting.request(&["PING"]);
    server.wait_for("blocked_clients:1");
    pushing.ask("RPUSH b first second", "2");
    waiting.expect("[\"b\" \"first\"]");
    waiting.expect("PONG");
    pushing.ask("LRANGE b 0 -1", "[\"second\"]");
    // Nobody waits for the other list any more.
    pushing.ask("LPUSH a x", "1");
    pushing.ask("LLEN a", "1");
    waiting.ask("BRPOP nothing a 0", "[\"a\" \"x\"]");
    server.wait_for("blocked_clients:0");
}

#[test]
fn who_came_first_is_served_first() {
    let server = Server::start(&[]);
    let mut pushing = server.connect();
    let mut waiting: Vec<_> = (0..5).map(|_| server.connect()).collect();
    for (index, client) in waiting.iter_mut().enumerate() {
        client.request(&["BLPOP", "l", "0"]);
        server.wait_for(&format!("blocked_clients:{}", index + 1));
    }
    pushing.ask("RPUSH l 0 1 2 3 4 5", "6");
    for (index, client) in waiting.iter_mut().enumerate() {
        client.expect(&format!("[\"l\" \"{index}\"]"));
    }
    pushing.ask("LRANGE l 0 -1", "[\"5\"]");
}

#[test]
fn a_timeout() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let start = Instant::now();
    client.ask("BLPOP l 0.05", "nil");
    assert!(start.elapsed() >= Duration::from_millis(50));
    client.ask("RPUSH l x", "1");
    client.ask("LPOP l", "\"x\"");
    client.ask("BLPOP l x", "-ERR timeout is not a float or out of range");
    client.ask("BLPOP l -1", "-ERR timeout is negative");
    client.ask("SET s v", "OK");
    client.ask("BLPOP s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value");
}

/// Its element goes to somebody else.
#[test]
fn who_waits_goes_away() {
    let server = Server::start(&[]);
    let mut gone = server.connect();
    gone.request(&["BLPOP", "l", "0"]);
    server.wait_for("blocked_clients:1");
    drop(gone);
    server.wait_for("blocked_clients:0");
    let mut client = server.connect();
    client.ask("RPUSH l x", "1");
    client.ask("BLPOP l 0", "[\"l\" \"x\"]");
}

/// Every element gets to exactly one of many, with time-outs that strike about when it comes.
#[test]
fn no_element_is_lost_or_doubled() {
    const ELEMENTS: usize = 600;
    let server = Server::start(&[]);
    let mut popped: Vec<String> = std::thread::scope(|scope| {
        let takers: Vec<_> = (0..6)
            .map(|taker| {
                let mut client = server.connect();
                let command = if taker % 2 == 0 { "BLPOP" } else { "BRPOP" };
                scope.spawn(move || {
                    let mut popped = Vec::new();
                    loop {
                        let reply = client.call(&format!("{command} other l 0.002"));
                        match reply.strip_prefix("[\"l\" ") {
                            Some("\"end\"]") => return popped,
                            Some(element) => popped.push(element.to_string()),
                            None => assert_eq!(reply, "nil"),
                        }
                    }
                })
            })
            .collect();
        let mut client = server.connect();
        for element in 0..ELEMENTS {
            client.call(&format!("RPUSH l {element}"));
            if element % 100 == 0 {
                // Those who wait get to their time-outs.
                client.ask("BLPOP nothing 0.003", "nil");
            }
        }
        while client.call("LLEN l") != "0" {
            std::thread::yield_now();
        }
        takers.iter().for_each(|_| drop(client.call("RPUSH l end")));
        takers.into_iter().flat_map(|taker| taker.join().expect("it has checked")).collect()
    });
    let mut expected: Vec<String> =
        (0..ELEMENTS).map(|element| format!("\"{element}\"]")).collect();
    popped.sort();
    expected.sort();
    assert_eq!(popped, expected);
}

/// A key that is named again and again is waited for once: that takes no time beyond all measure.
#[test]
fn the_same_key_many_times() {
    let server = Server::start(&[]);
    let mut request = vec!["BLPOP"];
    request.resize(200_000, "k");
    request.push("0");
    let mut waiting: Vec<_> = (0..2).map(|_| server.connect()).collect();
    waiting.iter_mut().for_each(|client| client.request(&request));
    server.wait_for("blocked_clients:2");
    waiting.pop();
    // It and the one that asks: the other has been taken from the list of those who wait.
    server.wait_for("connected_clients:2");
    server.connect().ask("RPUSH k x", "1");
    waiting[0].expect("[\"k\" \"x\"]");
}
