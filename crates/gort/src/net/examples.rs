//! What the examples of the methods that all kinds of sockets have differ in.

/// Lines that make one, `socket`, at which nothing arrives.
macro_rules! socket {
    (TcpStream) => {
        "# use gort::net::TcpListener;\n# use std::io::{Read, Write};\n\
         let listener = TcpListener::bind(\"127.0.0.1:0\")?;\n\
         let socket = TcpStream::connect(listener.local_addr()?)?;"
    };
    (TcpListener) => {
        "let socket = TcpListener::bind(\"127.0.0.1:0\")?;"
    };
    (UdpSocket) => {
        "let socket = UdpSocket::bind(\"127.0.0.1:0\")?;"
    };
    (UnixStream) => {
        "# use std::io::{Read, Write};\nlet (socket, _peer) = UnixStream::pair()?;"
    };
    (UnixListener) => {
        "# let path = format!(\"gort-socket-{}\", std::process::id());\n\
         # let path = std::env::temp_dir().join(path);\n\
         let socket = UnixListener::bind(&path)?;\n\
         # std::fs::remove_file(&path)?;"
    };
    (UnixDatagram) => {
        "let (socket, _peer) = UnixDatagram::pair()?;"
    };
}

/// What waits for something to arrive at `other`.
macro_rules! wait {
    (TcpStream) => {
        "(&other).read(&mut [0; 64])"
    };
    (UnixStream) => {
        "(&other).read(&mut [0; 64])"
    };
    (UdpSocket) => {
        "other.recv_from(&mut [0; 64])"
    };
    (UnixDatagram) => {
        "other.recv_from(&mut [0; 64])"
    };
    (TcpListener) => {
        "other.accept()"
    };
    (UnixListener) => {
        "other.accept()"
    };
}

/// What sends five bytes through `socket`.
macro_rules! send {
    (TcpStream) => {
        "(&socket).write(b\"hello\")"
    };
    (UnixStream) => {
        "(&socket).write(b\"hello\")"
    };
    (UdpSocket) => {
        "socket.send_to(b\"hello\", socket.local_addr()?)"
    };
    (UnixDatagram) => {
        "socket.send(b\"hello\")"
    };
}

/// Lines that make a `listener`, to which somebody has connected.
macro_rules! listener_with_client {
    (TcpListener) => {
        "let listener = TcpListener::bind(\"127.0.0.1:0\")?;\n\
         let client = TcpStream::connect(listener.local_addr()?)?;"
    };
    (UnixListener) => {
        "# let path = format!(\"gort-client-{}\", std::process::id());\n\
         # let path = std::env::temp_dir().join(path);\n\
         let listener = UnixListener::bind(&path)?;\n\
         let client = UnixStream::connect(&path)?;\n\
         # std::fs::remove_file(&path)?;"
    };
}

pub(super) use {listener_with_client, send, socket, wait};
