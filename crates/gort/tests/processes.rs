//! Other processes: started from goroutines, waited for, and forked without what they need.
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::on;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn commands_in_many_goroutines() {
    on(2, || {
        let handles: Vec<_> = (0..20)
            .map(|n| {
                gort::spawn(move || {
                    let output = shell(&format!("echo {n}; exit {}", n % 3)).output().unwrap();
                    (String::from_utf8(output.stdout).unwrap(), output.status.code())
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join().unwrap(), (format!("{n}\n"), Some(n as i32 % 3)));
        }
    });
}

/// `wait` blocks the thread: the processor is taken meanwhile.
#[test]
fn others_run_while_processes_are_waited_for() {
    on(1, || {
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                gort::spawn(|| assert!(shell("read line").stdin(Stdio::piped()).status().is_ok()))
            })
            .collect();
        waiters.into_iter().for_each(|handle| handle.join().unwrap());
        let mut command = shell("read line; echo $line");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let reader = gort::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let start = Instant::now();
        (0..10).for_each(|_| gort::sleep(Duration::from_millis(1)));
        assert!(start.elapsed() < Duration::from_secs(20));
        assert!(!reader.is_finished());
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        assert_eq!(reader.join().unwrap(), "hello\n");
        assert!(child.wait().unwrap().success());
    });
}

/// A forked process has the memory and one thread: no machines. It may do what is safe after a fork in a
/// process with threads, and the parent goes on.
#[test]
fn a_forked_child_runs_no_goroutines() {
    on(2, || {
        let busy = gort::spawn(|| (0..100).for_each(|_| gort::yield_now()));
        // SAFETY: the child only leaves.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: ends the process, and runs nothing else.
            unsafe { libc::_exit(7) };
        }
        assert!(child > 0);
        let status = gort::blocking(|| {
            let mut status = 0;
            // SAFETY: waits for the child that was just made.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status
        });
        assert_eq!(libc::WEXITSTATUS(status), 7);
        busy.join().unwrap();
    });
}
