//! The process's own streams. Each test runs in a process whose streams are pipes.
#![cfg(target_os = "linux")]

mod support;

use gort::io::PipeReader;
use gort::process::{Child, Command, Stdio};
use std::io::{BufRead, BufReader, ErrorKind, Lines, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};
use support::net::blocks;
use support::{in_child, in_turn, on, programs};

/// Runs a test of this file in a process of its own, with pipes for streams.
fn with_streams(test: &str) -> Child {
    let mut command = Command::from(programs::this_test(test));
    command.env("GORT_TEST_CHILD", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What the child writes, a line at a time.
struct Told(Lines<BufReader<PipeReader>>);

impl Told {
    fn by(stream: Option<PipeReader>) -> Told {
        Told(BufReader::new(stream.unwrap()).lines())
    }

    /// Reads up to a line, as what the test harness writes comes before.
    #[track_caller]
    fn up_to(&mut self, line: &str) {
        assert!(self.0.any(|told| told.unwrap() == line), "never told: {line}");
    }

    #[track_caller]
    fn next(&mut self) -> String {
        self.0.next().expect("it has ended").unwrap()
    }

    /// Reads to the end, which the harness wants to be read, and waits.
    #[track_caller]
    fn ends(self, mut child: Child) {
        self.0.for_each(drop);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn lines_from_stdin() {
    const TEST: &str = "lines_from_stdin";
    if in_child() {
        return in_turn(|| {
            // It goes on while the line is waited for, which only comes afterwards.
            gort::go!(|| {
                (0..3).for_each(|_| gort::sleep(Duration::from_millis(1)));
                println!("\nready");
            });
            let mut line = String::new();
            gort::io::stdin().read_line(&mut line).unwrap();
            println!("first {line}");
            for line in gort::io::stdin().lines() {
                println!("{}", line.unwrap().to_uppercase());
            }
            assert!(blocks(&std::io::stdin()), "it is others' too");
            println!("end");
        });
    }
    on(2, || {
        let mut child = with_streams(TEST);
        let mut told = Told::by(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        told.up_to("ready");
        stdin.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(told.next(), "first one");
        assert_eq!(told.next(), "");
        assert_eq!(told.next(), "TWO");
        stdin.write_all(b"ee\nfour").unwrap();
        assert_eq!(told.next(), "THREE");
        drop(stdin);
        assert_eq!(told.next(), "FOUR");
        assert_eq!(told.next(), "end");
        told.ends(child);
    });
}

#[test]
fn the_streams_lend_their_descriptors() {
    fn number(stream: impl AsFd + AsRawFd) -> i32 {
        assert_eq!(stream.as_fd().as_raw_fd(), stream.as_raw_fd());
        stream.as_raw_fd()
    }
    let (stdin, stdout, stderr) = (gort::io::stdin(), gort::io::stdout(), gort::io::stderr());
    assert_eq!([number(stdin.lock()), number(stdin)], [0, 0]);
    assert_eq!([number(stdout.lock()), number(stdout)], [1, 1]);
    assert_eq!([number(stderr.lock()), number(stderr)], [2, 2]);
}

/// What a command writes goes where it is told to, also crosswise.
#[test]
fn the_streams_are_streams_of_commands() {
    const TEST: &str = "the_streams_are_streams_of_commands";
    if in_child() {
        return on(1, || {
            let mut command = Command::new("sh");
            command.args(["-c", "echo; echo out; echo >&2; echo error >&2"]);
            command.stdout(gort::io::stderr()).stderr(gort::io::stdout());
            assert!(command.status().unwrap().success());
        });
    }
    on(1, || {
        let mut child = with_streams(TEST);
        Told::by(child.stderr.take()).up_to("out");
        let mut told = Told::by(child.stdout.take());
        told.up_to("error");
        told.ends(child);
    });
}

/// Several read what comes bit by bit, and each gets all that it has asked for.
#[test]
fn records_from_stdin() {
    const TEST: &str = "records_from_stdin";
    const RECORD: usize = 1000;
    const COUNT: usize = 20;
    if in_child() {
        return on(2, || {
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    gort::spawn(|| {
                        let mut record = [0; RECORD];
                        let mut count = 0;
                        while gort::io::stdin().read_exact(&mut record).is_ok() {
                            assert_eq!(record, [record[0]; RECORD]);
                            count += 1;
                        }
                        count
                    })
                })
                .collect();
            let counts: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
            assert_eq!(counts, COUNT);
        });
    }
    on(1, || {
        let mut child = with_streams(TEST);
        let mut stdin = child.stdin.take().unwrap();
        for number in 0..COUNT {
            for half in [number as u8; RECORD].chunks(RECORD / 2) {
                stdin.write_all(half).unwrap();
                gort::sleep(Duration::from_millis(2));
            }
        }
        drop(stdin);
        Told::by(child.stdout.take()).ends(child);
    });
}

#[test]
fn stdin_that_is_a_file_or_closed() {
    const TEST: &str = "stdin_that_is_a_file_or_closed";
    if in_child() {
        return on(1, || {
            let mut all = Vec::new();
            gort::io::stdin().read_to_end(&mut all).unwrap();
            println!("\nread {}", all.len());
        });
    }
    on(1, || {
        let exe = std::env::current_exe().unwrap();
        let exe = exe.to_str().unwrap();
        let length = std::fs::metadata(exe).unwrap().len();
        for (redirection, expected) in [("<\"$0\"", length), ("</dev/null", 0), ("<&-", 0), ("", 0)]
        {
            let test = programs::this_test(TEST);
            let output = Command::new("sh")
                .args(["-c", &format!("\"$@\" {redirection}"), exe])
                .arg(test.get_program())
                .args(test.get_args())
                .env("GORT_TEST_CHILD", "1")
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains(&format!("\nread {expected}\n")), "{redirection}: {text}");
        }
    });
}

/// A goroutine that waits for input is told to stop, and nothing that was typed is lost.
#[test]
fn stdin_with_a_deadline() {
    const TEST: &str = "stdin_with_a_deadline";
    if in_child() {
        return on(1, || {
            let stdin = gort::io::stdin();
            stdin.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            let mut line = String::new();
            assert_eq!(stdin.read_line(&mut line).unwrap_err().kind(), ErrorKind::TimedOut);
            stdin.set_read_timeout(None).unwrap();
            let waiter = gort::spawn(move || gort::io::stdin().read_line(&mut String::new()));
            gort::yield_now();
            stdin.set_read_deadline(Some(Instant::now())).unwrap();
            assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
            stdin.set_read_deadline(None).unwrap();
            println!("\nready");
            // A part of a line stays where it is.
            stdin.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            for part in ["hel", "hello, "] {
                while line != part {
                    assert_eq!(stdin.read_line(&mut line).unwrap_err().kind(), ErrorKind::TimedOut);
                }
                println!("{part}");
            }
            stdin.set_read_timeout(None).unwrap();
            assert_eq!(stdin.read_line(&mut line).unwrap(), 6);
            println!("{line}");
        });
    }
    on(1, || {
        let mut child = with_streams(TEST);
        let mut told = Told::by(child.stdout.take());
        told.up_to("ready");
        let mut stdin = child.stdin.as_ref().unwrap();
        stdin.write_all(b"hel").unwrap();
        assert_eq!(told.next(), "hel");
        stdin.write_all(b"lo, ").unwrap();
        assert_eq!(told.next(), "hello, ");
        stdin.write_all(b"world\n").unwrap();
        assert_eq!(told.next(), "hello, world");
        told.ends(child);
    });
}

/// Nobody reads what is written, and the others go on: the lock is held by a goroutine, not by a thread.
#[test]
fn stdout_that_nobody_reads() {
    const TEST: &str = "stdout_that_nobody_reads";
    const LONG: usize = 1 << 20;
    if in_child() {
        return in_turn(|| {
            println!("\nready");
            let mut out = gort::io::stdout();
            let text = "x".repeat(LONG);
            let writer = gort::spawn(move || writeln!(&gort::io::stdout(), "{text}"));
            gort::yield_now();
            assert!(!writer.is_finished());
            writeln!(gort::io::stderr(), "others go on").unwrap();
            writer.join().unwrap().unwrap();
            let mut lock = out.lock();
            let other = gort::spawn(|| writeln!(gort::io::stdout(), "after"));
            writeln!(lock, "one").unwrap();
            gort::yield_now();
            lock.write_all(b"tw").unwrap();
            println!("o");
            lock.flush().unwrap();
            drop(lock);
            other.join().unwrap().unwrap();
            out.flush().unwrap();
            assert!(blocks(&std::io::stdout()));
        });
    }
    on(2, || {
        let mut child = with_streams(TEST);
        // Nothing is read before the child has told that it goes on.
        Told::by(child.stderr.take()).up_to("others go on");
        let mut told = Told::by(child.stdout.take());
        told.up_to("ready");
        assert_eq!(told.next().len(), LONG);
        assert_eq!(told.next(), "one");
        assert_eq!(told.next(), "two");
        assert_eq!(told.next(), "after");
        told.ends(child);
    });
}
