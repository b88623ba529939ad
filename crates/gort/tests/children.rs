//! Other programs, pipes, the program's own streams and Ctrl-C, as they are on every system: the other program is this one.

mod support;

use gort::context::{background, with_cancel};
use gort::process::{Command, Stdio};
use gort::signal::{self, Signal};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::time::{Duration, Instant};
use support::net::assert_kind_in_the_end;
use support::{LIMIT, assert_success, child, in_child, in_turn, on, stderr, within};

/// This program, with one test.
fn command(test: &str) -> Command {
    let mut command = support::programs::this_test(test);
    command.env(support::CHILD, "1");
    Command::from(command)
}

#[test]
fn status_and_output() {
    if in_child() {
        print!("out");
        eprint!("err");
        std::process::exit(3);
    }
    on(2, || {
        let output = command("status_and_output").output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stdout).ends_with("out"));
        assert_eq!(output.stderr, b"err");
        let status = command("status_and_output").stdout(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(3));
        let error = Command::new("there is no such program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// With one processor: whoever waits for a line leaves it to others.
#[test]
fn a_conversation() {
    if in_child() {
        return gort::run(|| {
            let mut out = gort::io::stdout();
            writeln!(out, "ready").unwrap();
            for line in gort::io::stdin().lines() {
                writeln!(out, "{}", line.unwrap().to_uppercase()).unwrap();
            }
            writeln!(gort::io::stderr(), "bye").unwrap();
        });
    }
    in_turn(|| {
        let mut child = command("a_conversation")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(from).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with("ready")));
        let (tx, rx) = gort::chan(0);
        let reader =
            gort::spawn(move || lines.by_ref().take(2).for_each(|line| tx.send(line).unwrap()));
        gort::yield_now(); // it waits from here on
        to.write_all(b"one\n").unwrap();
        assert_eq!(rx.recv().unwrap(), "ONE");
        to.write_all(b"two\n").unwrap();
        assert_eq!(rx.recv().unwrap(), "TWO");
        reader.join().unwrap();
        drop(to);
        assert!(child.wait_with_output().unwrap().stderr.starts_with(b"bye"));
    });
}

#[test]
fn waiting_up_to_a_time() {
    if in_child() {
        std::thread::sleep(LIMIT);
    }
    in_turn(|| {
        let mut child = command("waiting_up_to_a_time").stdout(Stdio::null()).spawn().unwrap();
        assert!(child.try_wait().unwrap().is_none());
        let start = Instant::now();
        assert!(child.wait_timeout(Duration::from_millis(5)).unwrap().is_none());
        assert!(start.elapsed() >= Duration::from_millis(5));
        assert!(child.wait_deadline(start).unwrap().is_none());
        let (context, cancel) = with_cancel(&background());
        let canceller = gort::spawn(move || cancel.cancel());
        assert!(child.wait_context(&context).unwrap().is_none());
        canceller.join().unwrap();
        // Whoever waits hears of the end, and others run until then.
        let killer = gort::spawn({
            let mut other = command("waiting_up_to_a_time").stdout(Stdio::null()).spawn().unwrap();
            move || {
                other.kill().unwrap();
                other.wait().unwrap()
            }
        });
        assert!(!killer.join().unwrap().success());
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(!child.wait_timeout(LIMIT).unwrap().unwrap().success());
        child.kill().unwrap();
    });
}

#[test]
fn many_at_once() {
    if in_child() {
        return;
    }
    on(2, || {
        let children: Vec<_> =
            (0..10).map(|_| gort::spawn(|| command("many_at_once").output().unwrap())).collect();
        children.into_iter().for_each(|child| assert_success(&child.join().unwrap()));
    });
}

#[test]
fn a_pipe_within_the_program() {
    in_turn(|| {
        let (mut reader, mut writer) = gort::io::pipe().unwrap();
        let reader = gort::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        gort::yield_now(); // it waits from here on
        writer.write_all(b"hello").unwrap();
        drop(writer);
        assert_eq!(reader.join().unwrap().unwrap(), "hello");
        let (reader, mut writer) = gort::io::pipe().unwrap();
        drop(reader);
        assert_kind_in_the_end(|| writer.write_all(b"x"), ErrorKind::BrokenPipe);
    });
}

/// What cannot be done is refused, and not left out in silence.
#[cfg(windows)]
#[test]
fn waits_for_a_pipe_have_no_end() {
    on(1, || {
        let (reader, writer) = gort::io::pipe().unwrap();
        let unsupported = |result: std::io::Result<()>| {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Unsupported);
        };
        unsupported(reader.set_read_timeout(Some(LIMIT)));
        unsupported(reader.set_read_deadline(Some(Instant::now())));
        unsupported(writer.set_write_timeout(Some(LIMIT)));
        unsupported(reader.close());
        reader.set_read_timeout(None).unwrap();
    });
}

#[test]
fn an_interrupt_is_received() {
    if in_child() {
        return within(LIMIT, || {
            gort::run(|| {
                let both = signal::notify(&[Signal::INTERRUPT, Signal::TERMINATE]).unwrap();
                let interrupts = signal::notify(&[Signal::INTERRUPT]).unwrap();
                Signal::INTERRUPT.raise().unwrap();
                assert_eq!(both.recv(), Some(Signal::INTERRUPT));
                assert_eq!(interrupts.recv(), Some(Signal::INTERRUPT));
                Signal::TERMINATE.raise().unwrap();
                assert_eq!(both.recv(), Some(Signal::TERMINATE));
                assert!(interrupts.try_recv().is_err());
                drop(both);
                signal::ignore(&[Signal::TERMINATE]).unwrap();
                Signal::TERMINATE.raise().unwrap();
                let waiter = gort::spawn(signal::ctrl_c);
                while !waiter.is_finished() {
                    Signal::INTERRUPT.raise().unwrap(); // `interrupts` is there, so it does no harm
                    gort::sleep(Duration::from_millis(1));
                }
                waiter.join().unwrap().unwrap();
            });
        });
    }
    assert_success(&child("an_interrupt_is_received", |_| {}));
}

#[test]
fn an_interrupt_that_nobody_receives_ends_the_program() {
    const TEST: &str = "an_interrupt_that_nobody_receives_ends_the_program";
    if in_child() {
        drop(signal::notify(&[Signal::INTERRUPT]).unwrap());
        signal::ignore(&[Signal::INTERRUPT]).unwrap();
        Signal::INTERRUPT.raise().unwrap();
        eprintln!("so far");
        signal::reset(&[Signal::INTERRUPT]).unwrap();
        Signal::INTERRUPT.raise().unwrap();
        std::thread::sleep(LIMIT);
        return;
    }
    let output = child(TEST, |_| {});
    assert!(!output.status.success() && stderr(&output).contains("so far"), "{output:?}");
}

#[cfg(windows)]
#[test]
fn what_windows_has_no_signal_for() {
    for signal in [Signal::HANGUP, Signal::CHILD, Signal::KILL, Signal::from_raw(99)] {
        assert_eq!(signal::notify(&[signal]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(signal.raise().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(Signal::TERMINATE.to_string(), "SIGTERM");
}
