//! Connections with an echo at the other end, while others set deadlines, close and reset them: every byte that comes back
//! is the one that was sent, all of them come back unless somebody has disturbed the connection, nobody waits
//! for ever, and no descriptor is left.

use super::Storm;
use crate::descriptors;
use crate::random::Random;
use crate::watchdog;
use crate::world::{Home, Round, dawdle, shut_down};
use gort::net::{Shutdown, TcpListener, TcpStream, UnixStream, is_closed};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(super) const STORM: Storm = Storm {
    name: "sockets",
    about: "echoes, deadlines, closes, resets: every byte is accounted for, no descriptor is left",
    run,
};

/// What is known of one connection.
struct Line {
    seed: u64,
    len: usize,
    sent: AtomicUsize,
    received: AtomicUsize,
    /// Somebody has cut it short, or is about to.
    disturbed: AtomicBool,
    /// The client's side, for those who meddle with it.
    stream: Mutex<Option<TcpStream>>,
}

impl Line {
    fn new(random: &mut Random) -> Line {
        Line {
            seed: random.next(),
            len: random.below(30_000),
            sent: AtomicUsize::new(0),
            received: AtomicUsize::new(0),
            disturbed: AtomicBool::new(false),
            stream: Mutex::new(None),
        }
    }

    /// The byte at a place of what is sent.
    fn byte(&self, place: usize) -> u8 {
        (self.seed.wrapping_add(place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
    }

    fn handle(&self) -> Option<TcpStream> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.as_ref().map(|stream| stream.try_clone().expect("a handle"))
    }

    /// Nothing was made up, and nothing lost without a reason.
    fn check(&self) {
        let (sent, received) = (self.sent.load(SeqCst), self.received.load(SeqCst));
        assert!(received <= sent && sent <= self.len, "{received} of {sent} of {}", self.len);
        if !self.disturbed.load(SeqCst) {
            assert_eq!((sent, received), (self.len, self.len), "sent and received");
        }
    }
}

/// Tries again as long as it is only a deadline.
fn persist<R>(random: &mut Random, mut f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match f() {
            Err(error) if error.kind() == ErrorKind::TimedOut => dawdle(random),
            result => return result,
        }
    }
}

/// An error is fine if somebody has disturbed the line.
fn forgive(line: &Line, error: &io::Error) {
    assert!(line.disturbed.load(SeqCst), "undisturbed, and yet {error:?}");
}

fn send(line: &Line, mut stream: &TcpStream, mut random: Random) {
    while line.sent.load(SeqCst) < line.len {
        let from = line.sent.load(SeqCst);
        let to = line.len.min(from + 1 + random.below(5_000));
        let bytes: Vec<u8> = (from..to).map(|place| line.byte(place)).collect();
        match persist(&mut random, || stream.write(&bytes)) {
            Ok(count) => _ = line.sent.fetch_add(count, SeqCst),
            Err(error) => return forgive(line, &error),
        }
        dawdle(&mut random);
    }
    if let Err(error) = stream.shutdown(Shutdown::Write) {
        forgive(line, &error);
    }
}

fn receive(line: &Line, mut stream: &TcpStream, mut random: Random) {
    let mut buffer = vec![0; 1 + random.below(5_000)];
    loop {
        match persist(&mut random, || stream.read(&mut buffer)) {
            Ok(0) => return,
            Ok(count) => {
                let from = line.received.fetch_add(count, SeqCst);
                for (place, &byte) in (from..).zip(&buffer[..count]) {
                    assert_eq!(byte, line.byte(place), "at {place}");
                }
            }
            Err(error) => return forgive(line, &error),
        }
    }
}

/// The whole life of a client; its other half is a goroutine.
fn call(lines: &Arc<[Line]>, number: usize, address: SocketAddr, mut random: Random) {
    let line = &lines[number];
    dawdle(&mut random);
    let stream = match TcpStream::connect(address) {
        Ok(stream) => stream,
        Err(error) => return forgive(line, &error),
    };
    if let Err(error) = (&stream).write_all(&(number as u64).to_ne_bytes()) {
        return forgive(line, &error);
    }
    *line.stream.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(stream.try_clone().expect("a handle"));
    let reader = {
        let (lines, stream, seed) = (lines.clone(), stream.try_clone(), random.fork());
        gort::spawn(move || receive(&lines[number], &stream.expect("a handle"), seed))
    };
    send(line, &stream, random.fork());
    drop(stream);
    // It may have been unwound with its runtime.
    assert!(reader.join().is_ok() || line.disturbed.load(SeqCst));
    *line.stream.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

fn answer(lines: &[Line], mut stream: TcpStream, mut random: Random) {
    let mut number = [0; 8];
    if stream.read_exact(&mut number).is_err() {
        return; // the client has given up before it said who it was
    }
    let line = &lines[u64::from_ne_bytes(number) as usize];
    let mut buffer = vec![0; 1 + random.below(3_000)];
    let rude = random.one_in(20);
    loop {
        if rude && random.one_in(4) {
            line.disturbed.store(true, SeqCst);
            stream.set_linger(Some(Duration::ZERO)).expect("it is open");
            return;
        }
        let copied = match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => stream.write_all(&buffer[..count]),
            Err(error) => Err(error),
        };
        if let Err(error) = copied {
            return forgive(line, &error);
        }
        dawdle(&mut random);
    }
}

fn accept(lines: &Arc<[Line]>, listener: &TcpListener, mut random: Random) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let (lines, seed) = (lines.clone(), random.fork());
                gort::go!(move || answer(&lines, stream, seed));
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                listener.set_deadline(None).unwrap_or_else(|error| assert!(is_closed(&error)));
            }
            Err(error) => return assert!(is_closed(&error), "{error:?}"),
        }
    }
}

/// Sets deadlines, closes and resets.
fn meddle(lines: &[Line], listener: &TcpListener, gently: bool, mut random: Random, steps: usize) {
    for _ in 0..steps {
        dawdle(&mut random);
        let line = &lines[random.below(lines.len())];
        let Some(stream) = line.handle() else { continue };
        let deadline = Instant::now() + random.micros(200);
        let disturbs = !gently && random.one_in(10);
        if disturbs {
            line.disturbed.store(true, SeqCst);
            match random.below(4) {
                0 => stream.close().expect("there are descriptors"),
                1 => drop((stream.set_linger(Some(Duration::ZERO)), stream.close())),
                2 => drop(stream.shutdown(Shutdown::Both)),
                _ => drop(stream.shutdown(Shutdown::Read)),
            }
            continue;
        }
        let result = match random.below(5) {
            0 => stream.set_read_deadline(Some(deadline)),
            1 => stream.set_write_deadline(Some(deadline)),
            2 => stream.set_deadline(None),
            3 => stream.set_read_timeout(random.one_in(2).then(|| Duration::from_micros(50))),
            _ => listener.set_deadline(Some(deadline)),
        };
        result.unwrap_or_else(|error| assert!(is_closed(&error), "{error:?}"));
    }
}

/// Takes the deadlines away that the meddlers have left, until those are through who still find them in their way.
fn see_through(lines: &[Line], are_through: impl Fn() -> bool) {
    while !are_through() {
        for stream in lines.iter().filter_map(Line::handle) {
            stream.set_deadline(None).unwrap_or_else(|error| assert!(is_closed(&error)));
        }
        thread::sleep(Duration::from_micros(100));
    }
}

/// Has the runtime of the caller make its poller, which it keeps.
fn warm_up() {
    let (one, _other) = UnixStream::pair().expect("descriptors");
    one.set_read_timeout(Some(Duration::from_nanos(1))).expect("it is open");
    assert_eq!((&one).read(&mut [0]).expect_err("nothing").kind(), ErrorKind::TimedOut);
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    warm_up();
    if let Home::Lasting(runtime) = &home {
        runtime.run(warm_up);
    }
    let before = descriptors::count();
    let threads = round.threads();
    let random = &mut round.random;
    let (number, steps, gently) = (1 + random.below(40), random.below(200), random.one_in(3));
    let torn = matches!(home, Home::Fresh(_)) && random.one_in(2);
    watchdog::note(&format!("{number} lines, {steps} steps, gently {gently}, torn {torn}"));
    let lines: Arc<[Line]> = (0..number).map(|_| Line::new(random)).collect();
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").expect("a port"));
    let address = listener.local_addr().expect("it is open");
    for _ in 0..1 + random.below(2) {
        let (lines, listener, seed) = (lines.clone(), listener.clone(), random.fork());
        drop(home.spawn(move || accept(&lines, &listener, seed)));
    }
    let (mut handles, mut plain) = (Vec::new(), Vec::new());
    for number in 0..number {
        let (lines, seed) = (lines.clone(), random.fork());
        let client = move || call(&lines, number, address, seed);
        if plain.len() < threads && random.one_in(8) {
            plain.push(thread::spawn(client));
        } else {
            handles.push(home.spawn(client));
        }
    }
    let meddlers: Vec<_> = (0..random.below(4))
        .map(|_| {
            let (lines, listener, seed) = (lines.clone(), listener.clone(), random.fork());
            home.spawn(move || meddle(&lines, &listener, gently, seed, steps))
        })
        .collect();
    if torn {
        thread::sleep(random.micros(3000));
        lines.iter().for_each(|line| line.disturbed.store(true, SeqCst));
        match home {
            Home::Fresh(runtime) => shut_down(runtime),
            Home::Lasting(_) => unreachable!("it is a fresh one"),
        }
        listener.close().expect("there are descriptors");
        see_through(&lines, || plain.iter().all(thread::JoinHandle::is_finished));
        // Handles keep what is left of the runtime.
        drop((handles, meddlers));
    } else {
        meddlers.into_iter().for_each(|handle| handle.join().expect("no panic"));
        see_through(&lines, || {
            handles.iter().all(gort::JoinHandle::is_finished)
                && plain.iter().all(thread::JoinHandle::is_finished)
        });
        handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
        listener.close().expect("there are descriptors");
        home.leave();
    }
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    lines.iter().for_each(Line::check);
    drop((lines, listener));
    descriptors::wait_for(before);
}
