//! The same over TLS.

#![expect(clippy::large_stack_frames, reason = "rustls' values are large, and these are threads")]

use crate::client::Client;
use crate::server::{PROGRAM, Server};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

/// A server with a certificate in files, and clients that trust just that.
struct TlsServer {
    server: Server,
    config: Arc<ClientConfig>,
}

impl TlsServer {
    fn start(options: &[&str]) -> TlsServer {
        let made = rcgen::generate_simple_self_signed(["localhost".into()]).expect("a certificate");
        let name = format!("gort-http-tls-{}-{:p}", std::process::id(), &made);
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).expect("a file");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
        let path = |path: &std::path::Path| path.to_str().expect("a path of text").to_owned();
        let (cert_path, key_path) = (path(&certificate), path(&key));
        let identity = ["--cert", &cert_path, "--key", &key_path];
        let server = Server::start(&[&identity, options].concat());
        std::fs::remove_dir_all(&folder).expect("a folder");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_root_certificates(roots)
            .with_no_client_auth();
        TlsServer { server, config: Arc::new(config) }
    }

    fn connect(&self) -> TlsClient {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(self.config.clone(), name).expect("a client");
        Client::new(StreamOwned::new(connection, self.server.connect().stream))
    }
}

#[test]
fn requests_and_bodies() {
    let tls = TlsServer::start(&[]);
    let large: Vec<u8> = (0..1_000_000).map(|index| (index % 251) as u8).collect();
    tls.server.folder.file("large", &large);
    tls.server.folder.file("a", b"content");
    let mut client = tls.connect();
    assert_eq!(client.get("/a", "").text(), "content");
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20));
    for _ in 0..20 {
        assert_eq!(client.response().text(), "content");
    }
    assert!(client.get("/large", "").body == large);
    assert_eq!(client.get("/slow?lines=2&ms=1", "").text(), "line 1 of 2\nline 2 of 2\n");
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "hello");
    client.send("nonsense\r\n\r\n");
    assert_eq!(client.response().status, 400);
    // A clean end: an error would mean that it could have been cut off.
    client.ended();
}

#[test]
fn a_client_that_speaks_http_1_0_alone() {
    let mut tls = TlsServer::start(&[]);
    tls.server.folder.file("a", b"content");
    let config = Arc::get_mut(&mut tls.config).expect("it is ours");
    config.alpn_protocols = vec![b"http/1.0".to_vec()];
    let mut client = tls.connect();
    client.send("GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().text(), "content");
    client.ended();
}

#[test]
fn clients_without_tls_and_slow_ones() {
    let tls = TlsServer::start(&["--head-time", "2"]);
    let mut plain = tls.server.connect();
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!plain.until_end().starts_with(b"HTTP"));
    // One that begins a handshake and leaves it at that.
    let mut half = tls.server.connect();
    half.send(b"\x16\x03\x01\x02\x00");
    half.until_end();
    let mut client = tls.connect();
    client.send("GET / HTTP/1.1\r\n");
    assert_eq!(client.response().status, 408);
    client.ended();
}

#[test]
fn sigterm() {
    let mut tls = TlsServer::start(&["--stop-time", "1000"]);
    tls.server.folder.file("a", b"content");
    let mut idle = tls.connect();
    assert_eq!(idle.get("/a", "").status, 200);
    let mut upload = tls.connect();
    upload.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
    );
    assert_eq!(upload.head().status, 100);
    tls.server.terminate();
    idle.ended();
    upload.send("body");
    let response = upload.response();
    assert!(response.closes(), "there is no next request");
    assert_eq!(response.text(), "body");
    upload.ended();
    let (status, said) = tls.server.wait();
    assert!(status.success(), "{status}: {said}");
}

/// There is one, and no reason to trust it.
#[test]
fn a_certificate_that_is_made_at_the_start() {
    let trusting = TlsServer::start(&[]);
    let tls = TlsServer { server: Server::start(&["--self-signed"]), ..trusting };
    let mut client = tls.connect();
    let refused = client.stream.flush().expect_err("the client does not know this certificate");
    assert!(refused.to_string().starts_with("invalid peer certificate"), "{refused}");
}

#[test]
fn files_that_are_no_certificates() {
    for (cert, expected) in [("/nowhere", "/nowhere"), ("/dev/null", "no certificate")] {
        let output = Command::new(PROGRAM)
            .args(["--listen", "127.0.0.1:0", "--cert", cert, "--key", cert, "."])
            .output()
            .expect("the server starts");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
    }
}
