//! What goes wrong with connections, and what is left of it.

mod support;

use gort::net::{Shutdown, TcpStream};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};
use support::net::{
    after, assert_kind, assert_timed_out, fill, listener, pair, receive_text, reset, send_text,
};
use support::{LIMIT, in_turn, on};

#[test]
fn a_reset_while_others_read_and_write() {
    in_turn(|| {
        let (client, server) = pair();
        fill(&client);
        let (reader, writer) = (client.try_clone().unwrap(), client.try_clone().unwrap());
        let reader = gort::spawn(move || (&reader).read(&mut [0]));
        let writer = gort::spawn(move || (&writer).write_all(&[0; 1000]));
        gort::yield_now(); // both wait from here on
        reset(server);
        // The system tells of a reset once.
        let errors = [reader.join().unwrap().map(drop), writer.join().unwrap()];
        let kinds = errors.map(|result| result.err().map(|error| error.kind()));
        assert!(kinds.contains(&Some(ErrorKind::ConnectionReset)), "{kinds:?}");
        // Windows goes on telling of it.
        if cfg!(unix) {
            assert_kind((&client).write(b"x"), ErrorKind::BrokenPipe);
            assert_eq!((&client).read(&mut [0]).unwrap(), 0);
        }
    });
}

#[test]
fn a_reset_before_anybody_waits() {
    on(1, || {
        let (mut client, mut server) = pair();
        server.write_all(b"lost").unwrap();
        reset(server);
        assert_kind(client.read_to_end(&mut Vec::new()), ErrorKind::ConnectionReset);
        let (mut client, server) = pair();
        client.write_all(b"never read").unwrap();
        drop(server); // which is a reset, too
        let mut errors = (0..).map(|_| client.write(b"x")).filter_map(Result::err);
        let kind = errors.next().unwrap().kind();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    });
}

/// Those who give up while they wait to be accepted are none of the server's business.
#[test]
fn resets_in_the_queue_of_a_listener() {
    in_turn(|| {
        let (listener, address) = listener();
        (0..20).for_each(|_| reset(TcpStream::connect(address).unwrap()));
        let client = TcpStream::connect(address).unwrap();
        let mut accepted = 0;
        loop {
            let (mut stream, peer) = listener.accept().unwrap();
            accepted += 1;
            if peer == client.local_addr().unwrap() {
                break;
            }
            assert_kind(stream.read(&mut [0]), ErrorKind::ConnectionReset);
        }
        assert!(accepted <= 21);
    });
}

/// Peers that say nothing and hear nothing hold up nobody but those who talk to them, and not for ever.
#[test]
fn peers_that_are_only_half_there() {
    on(2, || {
        let (mute, server) = pair();
        mute.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&server).read(&mut [0]).unwrap(), 0);
        send_text(&server, 1, 1000); // it still hears
        drop(server);
        assert_eq!(receive_text(&mute, 1), 1000);

        let (_silent, server) = pair();
        server.set_deadline(after(Duration::from_millis(5))).unwrap();
        assert_timed_out((&server).read(&mut [0]));
        let (_deaf, server) = pair();
        // There is room at first.
        assert!((&server).write(&[0; 10_000]).unwrap() > 0);
        server.set_deadline(after(Duration::from_millis(50))).unwrap();
        let start = Instant::now();
        let error = loop {
            if let Err(error) = (&server).write(&[0; 10_000]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(start.elapsed() < LIMIT / 6);
    });
}

#[test]
fn a_byte_at_a_time() {
    const BYTES: usize = 3_000;
    on(2, || {
        let (client, server) = pair();
        client.set_nodelay(true).unwrap();
        let sender = gort::spawn(move || {
            for n in 0..BYTES {
                (&client).write_all(&[n as u8]).unwrap();
                if n % 3 == 0 {
                    gort::yield_now();
                }
            }
            client
        });
        let mut text = [0; BYTES];
        (&server).read_exact(&mut text).unwrap();
        assert!(text.into_iter().eq((0..BYTES).map(|n| n as u8)));
        // And back, to a reader of single bytes.
        let client = sender.join().unwrap();
        let reader = gort::spawn(move || {
            for n in 0..BYTES {
                let mut byte = [0];
                (&client).read_exact(&mut byte).unwrap();
                assert_eq!(byte[0], n as u8);
            }
        });
        (&server).write_all(&text).unwrap();
        reader.join().unwrap();
    });
}
