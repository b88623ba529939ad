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
