//! An echo over TCP. The peer's program is the server: it says at which port it listens, and answers until it
//! is killed. `load` starts it, is all of its clients, and measures.

use crate::{Args, Runtime, process};
use std::io::{Read, Write};
use std::net::Ipv4Addr;

/// Where servers listen: at a port that the kernel chooses.
pub const ANYWHERE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// How much is read at a time, into a buffer that each connection has for itself.
pub const BUFFER: usize = 4096;
/// The other size that there is. What a task keeps on a stack takes memory by whole pages.
pub const SMALL_BUFFER: usize = 1024;

/// Serves, with buffers of the size that the arguments say.
pub fn tcp_echo<R: Runtime>(args: &Args) -> ! {
    if is_small(args) {
        R::tcp_echo::<SMALL_BUFFER>(announce)
    } else {
        R::tcp_echo::<BUFFER>(announce)
    }
}

/// Are the buffers to be the small ones?
pub fn is_small(args: &Args) -> bool {
    match args.get("buffer", BUFFER as u64) {
        4096 => false,
        1024 => true,
        other => panic!("there are no buffers of {other} bytes"),
    }
}

/// Tells whoever has started this program at which port it listens.
pub fn announce(port: u16) {
    assert!(process::print(&format!("{port}\n")), "nobody wants to know the port");
}

/// Sends back what comes, until the client closes the connection or something fails.
pub fn echo<const BUFFER: usize>(mut stream: impl Read + Write) {
    let mut buffer = [0; BUFFER];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
