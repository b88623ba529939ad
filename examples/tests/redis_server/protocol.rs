//! Requests in all forms, right and wrong, and in pieces.

use crate::harness::Server;

#[test]
fn lines_and_arrays() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send("PING\r\n");
    client.expect("PONG");
    client.send("\r\n\nset 'a b' \"\\x41\\n\"\n");
    client.expect("OK");
    client.request(&["GeT", "a b"]);
    client.expect("\"A\\n\"");
    client.send("*0\r\n*-1\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
    client.expect("\"\"");
}

#[test]
fn many_requests_at_once() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut requests = String::new();
    for n in 0..10_000 {
        requests.push_str(&format!("INCR n\r\n*2\r\n$4\r\nECHO\r\n$1\r\n{}\r\n", n % 10));
    }
    client.send(requests);
    for n in 0..10_000 {
        client.expect(&(n + 1).to_string());
        client.expect(&format!("\"{}\"", n % 10));
    }
}

#[test]
fn a_request_byte_by_byte() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nGET k\r\n" {
        client.send([*byte]);
    }
    client.expect("OK");
    client.expect("\"hello\"");
}

#[test]
fn a_large_value() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let value = vec![b'x'; 20 << 20];
    client.request(&[b"SET", &b"k"[..], &value]);
    client.expect("OK");
    client.ask("STRLEN k", &value.len().to_string());
    client.request(&["GET", "k"]);
    assert_eq!(client.reply().len(), value.len() + 2);
    client.ask("DEL k", "1");
}

/// Each gets the error of the protocol, after the replies to what came before it, and loses its connection.
#[test]
fn what_is_malformed() {
    let server = Server::start(&[]);
    for (request, error) in [
        ("*x\r\n", "invalid multibulk length"),
        ("*2000000\r\n", "invalid multibulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$99999999999\r\n", "invalid bulk length"),
        ("*1\r\n$1\r\nabc\r\n", "expected CRLF after a bulk string"),
        ("GET \"k\r\n", "unbalanced quotes in request"),
        (&"x".repeat(70 << 10), "too big inline request"),
        (&format!("*{}", "1".repeat(70 << 10)), "too big mbulk count string"),
        (&format!("*1\r\n${}", "1".repeat(70 << 10)), "too big bulk count string"),
    ] {
        let mut client = server.connect();
        client.send(format!("PING\r\n{request}"));
        client.expect("PONG");
        client.expect(&format!("-ERR Protocol error: {error}"));
        client.expect_end();
    }
    server.connect().ask("PING", "PONG");
}

/// These only get an error.
#[test]
fn what_is_no_command() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client
        .ask("nonsense a b", "-ERR unknown command 'nonsense', with args beginning with: 'a' 'b' ");
    client.request(&["a\r\n+OK"]);
    client.expect("-ERR unknown command 'a  +OK', with args beginning with: ");
    client.request(&[""]);
    client.expect("-ERR unknown command '', with args beginning with: ");
    client.request(&["x".repeat(1000)]);
    assert!(client.reply().len() < 300);
    client.ask("GET", "-ERR wrong number of arguments for 'get' command");
    client.ask("CLIENT SETNAME", "-ERR wrong number of arguments for 'client|setname' command");
    client.ask("CLIENT nonsense", "-ERR unknown subcommand 'nonsense'. Try CLIENT HELP.");
    client.ask("PING", "PONG");
}

/// A client that goes away in the middle of a request leaves nothing behind.
#[test]
fn half_a_request() {
    let server = Server::start(&[]);
    for half in ["*2\r\n$3\r\nGET\r\n", "SET k", "*", "*1\r\n$1000\r\nabc"] {
        let mut client = server.connect();
        client.ask("PING", "PONG");
        client.send(half);
        drop(client);
    }
    // The one that asks.
    server.wait_for("connected_clients:1");
    server.connect().ask("DBSIZE", "0");
}
