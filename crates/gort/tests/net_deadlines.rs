//! Deadlines and time-outs: when they end what waits, and that nothing is lost by that.

mod support;

use gort::net::{TcpStream, UdpSocket};
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};
use support::net::{PIECE, after, assert_kind, assert_timed_out, fill, listener, pair, past};
use support::{LIMIT, in_turn, on, within};

const TABLE: [Duration; 10] = [
    Duration::from_nanos(1),
    Duration::from_nanos(500),
    Duration::from_micros(1),
    Duration::from_micros(50),
    Duration::from_millis(1),
    Duration::from_micros(3_300),
    Duration::from_millis(9),
    Duration::from_millis(11),
    Duration::from_millis(100),
    Duration::from_secs(1),
];

/// Calls `f` with each time of the table, in goroutines: it must not come back before.
fn each_time(f: impl Fn(Duration) -> std::io::Result<()> + Send + Sync + 'static) {
    let f = Arc::new(f);
    let handles = TABLE.map(|time| {
        let f = f.clone();
        gort::spawn(move || {
            let start = Instant::now();
            assert_timed_out(f(time));
            assert!(start.elapsed() >= time, "after {:?} of {time:?}", start.elapsed());
            assert!(start.elapsed() < time + LIMIT / 6, "after {:?} of {time:?}", start.elapsed());
        })
    });
    handles.into_iter().for_each(|handle| handle.join().unwrap());
}

#[test]
fn reads_end_at_their_deadline() {
    on(2, || {
        each_time(|time| {
            let (mut client, _server) = pair();
            client.set_read_deadline(after(time))?;
            client.read(&mut [0; 10]).map(drop)
        });
    });
}

#[test]
fn writes_end_at_their_deadline() {
    on(2, || {
        each_time(|time| {
            let (mut client, _server) = pair();
            client.set_write_deadline(after(time))?;
            loop {
                client.write_all(&PIECE)?;
            }
        });
    });
}

#[test]
fn accepts_end_at_their_deadline() {
    on(2, || {
        each_time(|time| {
            let (listener, _) = listener();
            listener.set_deadline(after(time))?;
            listener.accept().map(drop)
        });
    });
}

#[test]
fn datagrams_are_waited_for_up_to_the_deadline() {
    on(2, || {
        each_time(|time| {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.set_deadline(after(time))?;
            socket.recv_from(&mut [0; 10]).map(drop)
        });
        #[cfg(unix)]
        each_time(|time| {
            let (socket, _other) = gort::net::UnixDatagram::pair()?;
            socket.set_deadline(after(time))?;
            loop {
                socket.send(&[0; 100])?;
            }
        });
    });
}

#[test]
fn time_outs_are_for_each_operation() {
    on(2, || {
        each_time(|time| {
            let (mut client, _server) = pair();
            client.set_read_timeout(Some(time))?;
            let first = Instant::now();
            assert_timed_out(client.read(&mut [0]));
            assert!(first.elapsed() >= time);
            let second = Instant::now();
            let result = client.peek(&mut [0]);
            assert!(second.elapsed() >= time);
            result.map(drop)
        });
    });
}

#[test]
fn plain_threads_end_at_their_deadline() {
    within(LIMIT, || {
        let threads = TABLE.map(|time| {
            thread::spawn(move || {
                let (mut client, server) = pair();
                let start = Instant::now();
                client.set_read_timeout(Some(time)).unwrap();
                assert_timed_out(client.read(&mut [0]));
                server.set_deadline(after(time)).unwrap();
                assert_timed_out((&server).read(&mut [0]));
                assert!(start.elapsed() >= 2 * time, "after {:?} of {time:?}", start.elapsed());
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn what_has_come_is_there_after_a_deadline_has_passed() {
    on(1, || {
        let (mut client, mut server) = pair();
        server.write_all(b"all of it").unwrap();
        client.peek(&mut [0]).unwrap(); // it has arrived
        client.set_read_deadline(past()).unwrap();
        assert_timed_out(client.read(&mut [0; 4]));
        assert_timed_out(client.read_vectored(&mut []));
        assert_timed_out(client.peek(&mut [0; 4]));
        client.set_read_deadline(None).unwrap();
        let mut text = [0; 9];
        client.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"all of it");

        client.set_write_deadline(past()).unwrap();
        assert_timed_out(client.write(b"none of it"));
        client.set_write_deadline(after(LIMIT)).unwrap();
        client.write_all(b"this").unwrap();
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "this");
    });
}

#[test]
fn who_waits_to_be_accepted_is_there_after_a_deadline_has_passed() {
    on(1, || {
        let (listener, address) = listener();
        let client = TcpStream::connect(address).unwrap();
        for _ in 0..3 {
            listener.set_deadline(past()).unwrap();
            assert_timed_out(listener.accept());
        }
        listener.set_deadline(None).unwrap();
        assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
        listener.set_deadline(after(Duration::from_millis(5))).unwrap();
        assert_timed_out(listener.accept());
        listener.set_deadline(after(LIMIT)).unwrap();
        let _again = TcpStream::connect(address).unwrap();
        listener.accept().unwrap();
    });
}

#[test]
fn each_direction_has_its_own() {
    on(1, || {
        let (mut client, mut server) = pair();
        client.set_read_deadline(past()).unwrap();
        client.write_all(b"?").unwrap();
        assert_timed_out(client.read(&mut [0]));
        server.set_write_deadline(past()).unwrap();
        server.read_exact(&mut [0]).unwrap();
        assert_timed_out(server.write(b"!"));
        server.set_deadline(None).unwrap();
        client.set_deadline(None).unwrap();
        server.write_all(b"!").unwrap();
        client.read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn a_deadline_set_earlier_ends_who_waits() {
    for time in [Duration::ZERO, Duration::from_micros(300), Duration::from_millis(20)] {
        for first in [None, Some(LIMIT)] {
            in_turn(move || {
                let (client, _server) = pair();
                client.set_read_deadline(first.map(|time| Instant::now() + time)).unwrap();
                let mut other = client.try_clone().unwrap();
                let reader = gort::spawn(move || other.read(&mut [0]));
                gort::yield_now(); // it waits from here on
                let start = Instant::now();
                client.set_read_deadline(Some(start + time)).unwrap();
                assert_timed_out(reader.join().unwrap());
                assert!(start.elapsed() >= time);
                assert!(start.elapsed() < LIMIT / 6);
            });
        }
    }
}

#[test]
fn a_deadline_set_later_lets_who_waits_wait_on() {
    let mut time = Duration::from_millis(20);
    let mut is_in_time = false;
    while !is_in_time {
        is_in_time = in_turn(move || {
            let (client, mut server) = pair();
            let start = Instant::now();
            client.set_read_deadline(Some(start + time)).unwrap();
            let mut other = client.try_clone().unwrap();
            let reader = gort::spawn(move || other.read(&mut [0]));
            gort::yield_now(); // it waits from here on
            client.set_read_deadline(after(LIMIT)).unwrap();
            if start.elapsed() >= time {
                return false; // the machine was busy with something else
            }
            gort::sleep_until(start + time + Duration::from_millis(5));
            assert!(!reader.is_finished());
            client.set_read_deadline(None).unwrap();
            server.write_all(b"!").unwrap();
            assert_eq!(reader.join().unwrap().unwrap(), 1);
            true
        });
        time *= 2;
    }
}

#[test]
fn a_deadline_ends_all_who_wait() {
    in_turn(|| {
        let (listener, _) = listener();
        let (client, _server) = pair();
        let listener = Arc::new(listener);
        let mut waiters = Vec::new();
        for _ in 0..10 {
            let (listener, mut client) = (listener.clone(), client.try_clone().unwrap());
            waiters.push(gort::spawn(move || listener.accept().map(drop)));
            waiters.push(gort::spawn(move || client.read(&mut [0]).map(drop)));
        }
        gort::yield_now();
        listener.set_deadline(past()).unwrap();
        client.set_read_deadline(after(Duration::from_micros(100))).unwrap();
        waiters.into_iter().for_each(|waiter| assert_timed_out(waiter.join().unwrap()));
    });
}

#[test]
fn a_time_out_is_not_for_who_waits_already() {
    in_turn(|| {
        let (client, mut server) = pair();
        let mut other = client.try_clone().unwrap();
        let reader = gort::spawn(move || other.read(&mut [0]));
        gort::yield_now(); // it waits from here on
        client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        gort::sleep(Duration::from_millis(10));
        assert!(!reader.is_finished());
        server.write_all(b"!").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn of_a_time_out_and_a_deadline_the_first_counts() {
    on(1, || {
        let (short, long) = (Duration::from_millis(5), LIMIT);
        for (timeout, deadline) in [(short, long), (long, short)] {
            let (mut client, _server) = pair();
            let start = Instant::now();
            client.set_read_timeout(Some(timeout)).unwrap();
            client.set_read_deadline(after(deadline)).unwrap();
            assert_timed_out(client.read(&mut [0]));
            assert!(start.elapsed() >= short && start.elapsed() < LIMIT / 6);
        }
    });
}

#[test]
fn time_outs_that_are_set_can_be_read() {
    on(1, || {
        let (client, _server) = pair();
        assert_eq!(client.read_timeout().unwrap(), None);
        let time = Some(Duration::from_nanos(1_234_567));
        client.set_read_timeout(time).unwrap();
        assert_eq!((client.read_timeout().unwrap(), client.write_timeout().unwrap()), (time, None));
        let clone = client.try_clone().unwrap();
        clone.set_write_timeout(time).unwrap();
        clone.set_read_timeout(None).unwrap();
        assert_eq!((client.read_timeout().unwrap(), client.write_timeout().unwrap()), (None, time));
        assert_kind(client.set_read_timeout(Some(Duration::ZERO)), ErrorKind::InvalidInput);
        assert_kind(client.set_write_timeout(Some(Duration::ZERO)), ErrorKind::InvalidInput);
        assert_eq!(client.write_timeout().unwrap(), time);
    });
}

/// Times beyond what clocks can count are no limit.
#[test]
fn endless_times() {
    in_turn(|| {
        let (client, mut server) = pair();
        client.set_read_timeout(Some(Duration::MAX)).unwrap();
        client.set_read_deadline(after(Duration::from_secs(1 << 40))).unwrap();
        let mut other = client.try_clone().unwrap();
        let reader = gort::spawn(move || other.read(&mut [0]));
        gort::yield_now();
        assert!(!reader.is_finished());
        server.write_all(b"!").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    });
}

/// The reader does not read: the writer's time-out ends it, as often as it tries, and goes on where it was.
#[test]
fn a_writer_goes_on_after_its_time_out() {
    on(2, || {
        let (client, mut server) = pair();
        let written = fill(&client);
        assert!(written > 0);
        assert_timed_out({
            client.set_write_timeout(Some(Duration::from_micros(100))).unwrap();
            (&client).write(b"x")
        });
        client.set_write_timeout(None).unwrap();
        let writer = gort::spawn(move || (&client).write_all(b"the end"));
        let mut text = Vec::new();
        server.read_to_end(&mut text).unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(text.len(), written + 7);
        assert!(text[..written].iter().all(|&byte| byte == b'.'));
        assert_eq!(&text[written..], b"the end");
    });
}

/// Deadlines come and go, set by goroutines and a thread, while others read what comes: nothing is lost, and the last one
/// set counts.
#[test]
fn deadlines_set_by_many_at_once() {
    const BYTES: usize = 2_000;
    within(LIMIT, || {
        let runtime = support::runtime(2);
        let (client, mut server) = pair();
        let client = Arc::new(client);
        let is_over = Arc::new(AtomicBool::new(false));
        let setter = |n: u64| {
            let (client, is_over) = (client.clone(), is_over.clone());
            move || {
                let mut random = n;
                while !is_over.load(SeqCst) {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(n);
                    let deadline = match random >> 61 {
                        0 => None,
                        1 => past(),
                        _ => after(Duration::from_nanos(random >> 44)),
                    };
                    client.set_read_deadline(deadline).unwrap();
                    gort::yield_now();
                }
            }
        };
        let setters: Vec<_> = (1..20).map(|n| runtime.spawn(setter(n))).collect();
        let thread = thread::spawn(setter(20));
        let received = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (client, received, is_over) =
                    (client.clone(), received.clone(), is_over.clone());
                runtime.spawn(move || {
                    loop {
                        match (&*client).read(&mut [0]) {
                            Ok(count) => {
                                received.fetch_add(count, SeqCst);
                            }
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::TimedOut);
                                if is_over.load(SeqCst) {
                                    return;
                                }
                                gort::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        for _ in 0..BYTES {
            server.write_all(b".").unwrap();
        }
        support::eventually("all have come", || received.load(SeqCst) == BYTES);
        is_over.store(true, SeqCst);
        setters.into_iter().for_each(|handle| handle.join().unwrap());
        thread.join().unwrap();
        client.set_read_deadline(past()).unwrap();
        readers.into_iter().for_each(|handle| handle.join().unwrap());
    });
}
