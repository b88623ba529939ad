//! A source that is being closed while others begin to wait for it.

use super::closed;
use super::source::Source;
use crate::poll::Direction;
use crate::sys;
use std::net::UdpSocket;

/// What its poller says then is that it does not know the descriptor.
#[test]
fn who_registers_what_is_just_being_closed_is_told_so() {
    let source = Source::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
    // By another who waits, after the one who closes has taken the first registration out.
    source.register(Direction::Read).unwrap();
    source.record().readiness(Direction::Read).close();
    source.record().readiness(Direction::Write).close();
    sys::close_in_place(&source.io).unwrap();
    let told = source.register(Direction::Write).unwrap_err();
    assert_eq!(told.to_string(), closed().to_string());
}

/// Who has looked before it was closed, and sends afterwards: else it would arrive, and come from nobody.
#[test]
fn who_sends_what_is_just_being_closed_is_told_so() {
    use std::os::unix::net::UnixDatagram;
    let path = std::env::temp_dir().join(format!("gort-closed-{}", std::process::id()));
    // One that was killed has left it, with the same number.
    let _ = std::fs::remove_file(&path);
    let _receiver = UnixDatagram::bind(&path).unwrap();
    let source = Source::new(UnixDatagram::unbound().unwrap()).unwrap();
    sys::close_in_place(&source.io).unwrap();
    let sent = source.io.send_to(b"from nobody", &path);
    std::fs::remove_file(&path).unwrap();
    assert!(sent.is_err());
}
