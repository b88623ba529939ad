//! Requests, one after the other, well and badly formed.

use crate::server::Server;
use std::net::Shutdown;

#[test]
fn a_connection_is_kept_and_requests_may_be_sent_ahead() {
    let server = Server::start(&[]);
    server.folder.file("a.txt", b"content of a");
    server.folder.file("b.txt", b"content of b");
    let mut client = server.connect();
    assert_eq!(client.get("/a.txt", "").text(), "content of a");
    let get = |name| format!("GET /{name} HTTP/1.1\r\nHost: test\r\n\r\n");
    let echo = "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nback";
    client.send([get("b.txt"), echo.into(), get("none"), get("a.txt")].concat().repeat(100));
    for _ in 0..100 {
        assert_eq!(client.response().text(), "content of b");
        assert_eq!(client.response().text(), "back");
        assert_eq!(client.response().status, 404);
        assert_eq!(client.response().text(), "content of a");
    }
    let last = client.get("/a.txt", "Connection: close\r\n");
    assert!(last.closes());
    client.ended();
}

#[test]
fn requests_that_come_byte_by_byte() {
    let server = Server::start(&[]);
    server.folder.file("a.txt", b"content");
    let mut client = server.connect();
    client.stream.set_nodelay(true).expect("a socket");
    let text = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n\
        POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    for byte in text.as_bytes() {
        client.send([*byte]);
    }
    assert_eq!(client.response().text(), "content");
    assert_eq!(client.response().text(), "abcde");
}

#[test]
fn head_says_what_get_would() {
    let server = Server::start(&[]);
    server.folder.file("a.txt", b"content");
    let mut client = server.connect();
    let get = client.get("/a.txt", "");
    for target in ["/a.txt", "/slow", "/none", "/a.txt"] {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let head = client.head();
        if target == "/a.txt" {
            assert_eq!(head.status, 200);
            for name in ["Content-Length", "Content-Type", "ETag", "Last-Modified"] {
                assert_eq!(head.field(name), get.field(name));
            }
        }
    }
    client.send("HEAD /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.head();
    client.ended();
}

#[test]
fn http_1_0() {
    let server = Server::start(&[]);
    server.folder.file("a.txt", b"content");
    let mut client = server.connect();
    client.send("GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!(response.field("Connection"), Some("keep-alive"));
    assert_eq!(response.text(), "content");
    // It knows no chunks: the end of the connection is that of the content.
    client.send("GET /slow?lines=2&ms=1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let response = client.response();
    assert_eq!(response.field("Transfer-Encoding"), None);
    assert!(response.closes());
    assert_eq!(response.text(), "line 1 of 2\nline 2 of 2\n");
}

#[test]
fn targets_and_methods() {
    let server = Server::start(&[]);
    server.folder.file("a.txt", b"content");
    let mut client = server.connect();
    assert_eq!(client.get("http://elsewhere/a.txt?x", "").text(), "content");
    for (request, status, allow) in [
        ("OPTIONS *", 204, Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")),
        ("OPTIONS /a.txt", 204, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS /echo", 204, Some("POST, PUT, OPTIONS")),
        ("DELETE /a.txt", 405, Some("GET, HEAD, OPTIONS")),
        ("GET /echo", 405, Some("POST, PUT, OPTIONS")),
        ("POST /slow", 405, Some("GET, HEAD, OPTIONS")),
    ] {
        client.send(format!("{request} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let response = client.response();
        assert_eq!((response.status, response.field("Allow")), (status, allow), "{request}");
    }
}

/// Each is answered, ends its own connection, and leaves the others alone.
#[test]
fn malformed_requests() {
    let server = Server::start(&["--body-bytes", "1000"]);
    server.folder.file("a.txt", b"content");
    let mut bystander = server.connect();
    let long = |length| "a".repeat(length);
    let post = |fields: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n") + body;
    for (request, status) in [
        ("nonsense\r\n\r\n".into(), 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".into(), 400),
        ("GET / HTTP/1.1\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\nHost: a\n\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nName : value\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nName: \0\r\n\r\n".into(), 400),
        ("GET nowhere HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /slow?lines=x HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /slow?lines=2&ms=18446744073709551615 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /slow?lines=18446744073709551615&ms=0 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /slow?lines=99999999999&ms=999999 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        (post(""), 411),
        (post("Content-Length: 1\r\nContent-Length: 2\r\n") + "ab", 400),
        (post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n") + "1\r\na\r\n0\r\n\r\n", 400),
        (post("Content-Length: +1\r\n") + "a", 400),
        (post("Content-Length: 1001\r\n"), 413),
        (post("Content-Length: 99999999999999999999\r\n"), 413),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501),
        (post("Transfer-Encoding: gzip\r\n"), 400),
        (post("Content-Length: 1\r\nExpect: a miracle\r\n"), 417),
        (chunked("x\r\n"), 400),
        (chunked("0x1\r\na\r\n0\r\n\r\n"), 400),
        (chunked("1\na\r\n0\r\n\r\n"), 400),
        (chunked("1\r\nab\r\n0\r\n\r\n"), 400),
        (chunked("11111111111111111\r\n"), 400),
        (chunked("fffffffffffffff0\r\n"), 413),
        (chunked("3e9\r\n"), 413),
        (chunked("0\r\nbad trailer\r\n\r\n"), 400),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(9000)), 414),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nLong: {}\r\n\r\n", long(17_000)), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(101)), 431),
        ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n".into(), 501),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".into(), 501),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 505),
        ("GET / HTTP/1.9\r\nHost: a\r\n\r\n".into(), 505),
    ] {
        let what: String = request.chars().take(100).collect();
        let mut client = server.connect();
        client.send(&request);
        let response = client.response();
        assert_eq!(response.status, status, "{what:?}");
        assert!(response.closes(), "{what:?}");
        client.ended();
    }
    assert_eq!(bystander.get("/a.txt", "").status, 200);
}

/// What comes behind a request that is refused is not taken for another: that is what smuggling needs.
#[test]
fn nothing_is_answered_behind_a_refusal() {
    let server = Server::start(&[]);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for fields in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding\r\n : chunked\r\n",
    ] {
        let mut client = server.connect();
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n{smuggled}"));
        assert_eq!(client.response().status, 400, "{fields:?}");
        client.ended();
    }
}

#[test]
fn a_request_that_breaks_off() {
    let server = Server::start(&[]);
    for request in [
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ] {
        let mut client = server.connect();
        client.send(request);
        client.stream.shutdown(Shutdown::Write).expect("a socket");
        assert_eq!(client.response().status, 400, "{request:?}");
        client.ended();
    }
    // Nothing was asked, so nothing is answered.
    let client = server.connect();
    client.stream.shutdown(Shutdown::Write).expect("a socket");
    client.ended();
}
