//! The ways to copy, in turns in one process: megabytes a second, and how much CPU time the process took for a gigabyte.
//! The sender and the receiver are in that process, too; they do the same each time.
//!
//! `cargo bench -p gort --bench copy`

use gort::fs::File;
use gort::io::{self, PipeReader, pipe};
use gort::net::{TcpListener, TcpStream};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const BYTES: usize = 1 << 30;
const ROUNDS: usize = 5;

fn main() {
    gort::run(|| {
        for piece in [64 << 10, 1 << 10] {
            println!("TCP to TCP, sent in pieces of {piece}");
            let run = |copy: fn(&TcpStream, &TcpStream)| {
                let bytes = BYTES * piece / (64 << 10);
                let (a, b) = pair();
                gort::go!(move || send(a, bytes, piece));
                relay(bytes, |to| copy(&b, to))
            };
            compare([
                ("std::io::copy", &|| run(|from, to| drop(std::io::copy(&mut &*from, &mut &*to)))),
                ("a buffer", &|| run(|from, to| drop(through_a_buffer(from, to)))),
                ("io::copy", &|| run(|from, to| drop(io::copy(&mut &*from, &mut &*to)))),
            ]);
        }
        println!("pipe to TCP");
        let run = |copy: fn(&PipeReader, &TcpStream)| {
            let (reader, writer) = pipe().expect("a pipe");
            gort::go!(move || send(writer, BYTES, 64 << 10));
            relay(BYTES, |to| copy(&reader, to))
        };
        compare([
            ("std::io::copy", &|| run(|from, to| drop(std::io::copy(&mut &*from, &mut &*to)))),
            ("a buffer", &|| run(|from, to| drop(through_a_buffer(from, to)))),
            ("io::copy", &|| run(|from, to| drop(io::copy(&mut &*from, &mut &*to)))),
        ]);
        println!("file in memory to TCP");
        let path = std::env::temp_dir().join(format!("gort-bench-copy-{}", std::process::id()));
        let bytes = BYTES / 8;
        std::fs::write(&path, vec![7; bytes]).expect("a file");
        let run = |copy: fn(&File, &TcpStream)| {
            let file = File::open(&path).expect("the file");
            relay(bytes, |to| copy(&file, to))
        };
        compare([
            ("std::io::copy", &|| run(|from, to| drop(std::io::copy(&mut &*from, &mut &*to)))),
            ("a buffer", &|| run(|from, to| drop(through_a_buffer(from, to)))),
            ("io::copy", &|| run(|from, to| drop(io::copy(&mut &*from, &mut &*to)))),
        ]);
        let _ = std::fs::remove_file(&path);
    });
}

/// As `io::copy` does what it does not know.
fn through_a_buffer(mut from: impl Read, mut to: impl Write) -> std::io::Result<u64> {
    let (from, to): (&mut dyn Read, &mut dyn Write) = (&mut from, &mut to);
    io::copy(from, to)
}

/// Megabytes a second, and seconds of CPU time a gigabyte.
type Figures = (f64, f64);

/// Each in turn, and of each figure the median.
fn compare<const N: usize>(ways: [(&str, &dyn Fn() -> Figures); N]) {
    let mut figures = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for ((_, run), figures) in ways.iter().zip(&mut figures) {
            figures.push(run());
        }
    }
    for ((name, _), figures) in ways.iter().zip(figures) {
        let median = |figure: fn(&Figures) -> f64| {
            let mut of: Vec<f64> = figures.iter().map(figure).collect();
            of.sort_by(f64::total_cmp);
            of[of.len() / 2]
        };
        println!("  {name:14} {:6.0} MB/s {:6.2} s/GB", median(|f| f.0), median(|f| f.1));
    }
}

/// Has `copy` copy so many bytes to a connection, from whose other end they are read.
fn relay(bytes: usize, copy: impl FnOnce(&TcpStream)) -> Figures {
    let (to, mut sink) = pair();
    let receiver = gort::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        let mut left = bytes;
        while left > 0 {
            left -= sink.read(&mut buffer).expect("something");
        }
    });
    let (start, cpu) = (Instant::now(), cpu_time());
    copy(&to);
    receiver.join().expect("all of it");
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
    (bytes as f64 / 1e6 / seconds, cpu / (bytes as f64 / 1e9))
}

fn send(mut to: impl Write, bytes: usize, piece: usize) {
    let text = vec![7; piece];
    (0..bytes / piece).for_each(|_| to.write_all(&text).expect("it is read"));
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = gort::spawn(move || TcpStream::connect(address).expect("a connection"));
    let (server, _) = listener.accept().expect("a connection");
    (client.join().expect("a connection"), server)
}

/// What the process has taken so far.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the time is valid for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
