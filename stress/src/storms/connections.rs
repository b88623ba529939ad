//! As many connections at once as there are descriptors for, up to fifty thousand.

use super::Storm;
use crate::descriptors;
use crate::watchdog;
use crate::world::Round;
use gort::net::{TcpListener, TcpStream};
use gort::sync::{Semaphore, WaitGroup};
use std::io::{Read, Write};
use std::sync::{Arc, Once};

pub(super) const STORM: Storm = Storm {
    name: "connections",
    about: "50,000 connections at once, or as many as there are descriptors for, all echoing",
    run,
};

const WANTED: usize = 50_000;
/// Descriptors for other things.
const SPARE: usize = 200;
/// Connections to one port; there are some 28,000 ports to connect from.
const OF_A_PORT: usize = 20_000;
/// Clients that connect at a time: fewer than may wait to be accepted.
const AT_A_TIME: usize = 200;

fn echo(mut stream: &TcpStream) {
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).expect("no error") {
            0 => return,
            count => stream.write_all(&buffer[..count]).expect("no error"),
        }
    }
}

fn ask(mut stream: &TcpStream, n: usize) {
    let mut answer = [0; 8];
    stream.write_all(&n.to_ne_bytes()).expect("no error");
    stream.read_exact(&mut answer).expect("no error");
    assert_eq!(usize::from_ne_bytes(answer), n, "the answer to another");
    watchdog::progress();
}

/// The memory that the process has, in KiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

fn run(round: &mut Round<'_>) {
    static TOLD: Once = Once::new();
    let allowed = descriptors::allow_all();
    let number = WANTED.min(allowed.saturating_sub(SPARE) / 2).max(1);
    let before = descriptors::count();
    let runtime = round.runtime();
    let rounds = 1 + round.random.below(3);
    watchdog::note(&format!("{number} connections, {rounds} rounds"));
    runtime.run(move || {
        let (connecting, all_connected, go) =
            (Arc::new(Semaphore::new(AT_A_TIME)), WaitGroup::new(), WaitGroup::new());
        all_connected.add(number.cast_signed());
        go.add(1);
        let memory_before = memory();
        let mut handles = Vec::new();
        for first in (0..number).step_by(OF_A_PORT) {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("it is open");
            let last = number.min(first + OF_A_PORT);
            handles.push(gort::spawn(move || {
                for _ in first..last {
                    let (stream, _) = listener.accept().expect("no error");
                    gort::go!(move || echo(&stream));
                }
            }));
            handles.extend((first..last).map(|n| {
                let (connecting, all_connected, go) =
                    (connecting.clone(), all_connected.clone(), go.clone());
                gort::spawn(move || {
                    let permit = connecting.acquire(1);
                    let stream = TcpStream::connect(address).expect("a connection");
                    ask(&stream, n); // it has been accepted
                    drop(permit);
                    all_connected.done();
                    go.wait();
                    (0..rounds).for_each(|round| ask(&stream, n + round));
                })
            }));
        }
        all_connected.wait();
        TOLD.call_once(|| {
            let each = (memory() - memory_before) / number as f64;
            println!("{number} connections at once, {each:.1} KiB for both ends of each and two goroutines");
            if number < WANTED {
                println!("NOT {WANTED}: {allowed} descriptors are allowed here");
            }
        });
        go.done();
        handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    });
    crate::world::shut_down(runtime);
    descriptors::wait_for(before);
}
