//! An echo over TCP. The peer's program is the server: it says at which port it listens, and answers until it
//! is killed. `load` starts it, is all of its clients, and measures.

use crate::process;
use std::io::{Read, Write};
use std::net::Ipv4Addr;

/// Where servers listen: at a port that the kernel chooses.
pub const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// How much is read at a time, into a buffer that each connection has for itself.
pub const BUFFER: usize = 4096;

/// Tells whoever has started this program at which port it listens.
pub fn announce(port: u16) {
    assert!(process::print(&format!("{port}\n")), "nobody wants to know the port");
}

/// Sends back what comes, until the client closes the connection or something fails.
pub fn echo(mut stream: impl Read + Write) {
    let mut buffer = [0; BUFFER];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
