//! Processes that goroutines start and wait for. Those that count descriptors or children run in a process of their own.
#![cfg(target_os = "linux")]

mod support;

use gort::context::{background, with_cancel};
use gort::process::{Child, Command, Stdio};
use gort::signal::Signal;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::time::{Duration, Instant};
use support::net::descriptors;
use support::{assert_success, child, in_child, in_turn, on, within};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// One that ends when its input does.
fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn status_and_output() {
    on(2, || {
        assert_eq!(shell("exit 3").status().unwrap().code(), Some(3));
        let output = shell("echo out; echo err >&2; exit 4").output().unwrap();
        assert_eq!(output.status.code(), Some(4));
        assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!(shell("kill -KILL $$").status().unwrap().signal(), Some(9));
        let error = Command::new("there is no such program").spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

/// The kernel treats it as if the program itself had started it, which asks for nothing: on time, and at once, is for machines.
#[test]
fn what_a_program_inherits() {
    const OF_THE_KERNEL: &str = "cat /proc/self/timerslack_ns; grep se.slice /proc/self/sched";
    let usual = std::process::Command::new("sh").args(["-c", OF_THE_KERNEL]).output().unwrap();
    on(1, move || {
        let inherited = shell(OF_THE_KERNEL).output().unwrap();
        assert!(!inherited.stdout.is_empty());
        assert_eq!(inherited.stdout, usual.stdout);
    });
}

#[test]
fn what_a_command_is_told() {
    on(2, || {
        let mut command = Command::new("sh");
        command.arg("-c").args(["echo $A $B $0 $1; pwd", "zero", "one"]);
        command.env("A", "a").envs([("B", "b"), ("C", "c")]).env_remove("C").current_dir("/");
        assert_eq!(command.get_program(), "sh");
        assert_eq!(command.get_args().count(), 4);
        assert_eq!(command.get_envs().count(), 3);
        assert_eq!(command.get_current_dir().unwrap().to_str(), Some("/"));
        assert_eq!(command.output().unwrap().stdout, b"a b zero one\n/\n");
        // Twice, and with what was said of the streams before.
        let (mut reader, writer) = gort::io::pipe().unwrap();
        let output = command.stdout(writer).output().unwrap();
        assert!(output.stdout.is_empty());
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a b zero one\n/\n");

        let mut of_std = std::process::Command::new("sh");
        of_std.arg0("named").args(["-c", "echo $0; cat"]);
        let mut command = Command::from(of_std);
        assert_eq!(command.output().unwrap().stdout, b"named\n", "there is nothing to be read");
        assert_eq!(command.env_clear().as_std().get_args().count(), 2);
        let mut of_std = command.into_std();
        let child = of_std.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let output = Child::try_from(child).unwrap().wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, b"named\n");
    });
}

/// With one processor, whose goroutines are not made room for: it is free while a process is waited for, read from and
/// written to.
#[test]
fn who_waits_for_a_process_holds_no_processor() {
    in_turn(|| {
        let mut child = cat();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let reader = gort::spawn(move || {
            let mut all = Vec::new();
            stdout.read_to_end(&mut all).map(|_| all)
        });
        let waiter = gort::spawn(move || child.wait());
        gort::yield_now();
        assert!(!reader.is_finished() && !waiter.is_finished());
        // More than a pipe holds: the writer waits for `cat`, which waits for the reader.
        let text = vec![b'x'; 1 << 20];
        stdin.write_all(&text).unwrap();
        assert!(!waiter.is_finished());
        drop(stdin);
        assert_eq!(reader.join().unwrap().unwrap(), text);
        assert!(waiter.join().unwrap().unwrap().success());
    });
}

#[test]
fn a_conversation() {
    on(1, || {
        let mut child = shell("while read line; do echo \"<$line>\"; done");
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for n in 0..100 {
            writeln!(stdin, "{n}").unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), format!("<{n}>"));
        }
        drop(stdin);
        assert!(lines.next().is_none());
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn waiting_up_to_a_time() {
    on(1, || {
        let mut child = cat();
        let stdin = child.stdin.take();
        let start = Instant::now();
        assert!(child.wait_timeout(Duration::from_millis(20)).unwrap().is_none());
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(child.wait_deadline(start).unwrap().is_none(), "it has passed");
        assert!(child.wait_timeout(Duration::ZERO).unwrap().is_none());
        assert!(child.try_wait().unwrap().is_none());
        drop(stdin);
        assert!(child.wait_timeout(Duration::MAX).unwrap().unwrap().success());
        assert!(child.wait_timeout(Duration::ZERO).unwrap().unwrap().success());
        assert!(child.wait().unwrap().success(), "again");
        assert!(child.try_wait().unwrap().unwrap().success());
    });
}

#[test]
fn waiting_up_to_the_end_of_a_context() {
    on(1, || {
        let (context, cancel) = with_cancel(&background());
        let mut child = cat();
        let stdin = child.stdin.take();
        let waiter = gort::spawn(move || (child.wait_context(&context).unwrap(), child, context));
        gort::yield_now();
        assert!(!waiter.is_finished());
        cancel.cancel();
        let (status, mut child, context) = waiter.join().unwrap();
        assert!(status.is_none());
        assert!(child.wait_context(&context).unwrap().is_none(), "it is done");
        drop(stdin);
        assert!(child.wait_context(&background()).unwrap().unwrap().success());
        assert!(child.wait_context(&context).unwrap().unwrap().success());
    });
}

#[test]
fn ending_a_process() {
    on(2, || {
        let mut child = cat();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
        // There is nobody to be hit any more.
        child.kill().unwrap();
        child.signal(Signal::TERMINATE).unwrap();
        let mut child = shell("trap 'exit 7' TERM; echo ready; while true; do sleep 0.01; done");
        let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        assert_eq!(child.signal(Signal::from_raw(99)).unwrap_err().kind(), ErrorKind::InvalidInput);
        child.signal(Signal::TERMINATE).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
    });
}

/// No thread is taken for one that waits.
#[test]
#[cfg(not(feature = "threads"))]
fn a_hundred_are_waited_for() {
    if in_child() {
        return on(1, || {
            let mut inputs = Vec::new();
            let waiters: Vec<_> = (0..100)
                .map(|_| {
                    let mut child = cat();
                    inputs.push(child.stdin.take());
                    gort::spawn(move || child.wait().unwrap())
                })
                .collect();
            gort::yield_now();
            let threads = std::fs::read_dir("/proc/self/task").unwrap().count();
            assert!(threads < 20, "{threads} threads");
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
            drop(inputs);
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap().success()));
        });
    }
    assert_success(&child("a_hundred_are_waited_for", |_| {}));
}

#[test]
fn many_at_once() {
    on(2, || {
        let handles: Vec<_> = (0..50)
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

/// Both streams at once, each more than its pipe holds.
#[test]
fn large_output_on_both_streams() {
    let script = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; \
                  head -c 300000 /dev/zero >&2";
    let expected = (600_000, 300_000);
    let run = move || {
        let output = shell(script).output().unwrap();
        (output.stderr.len(), output.stdout.len())
    };
    assert_eq!(on(1, run), expected);
    assert_eq!(within(support::LIMIT, run), expected, "on a plain thread");
}

#[test]
fn a_pipe_is_closed_by_the_other_side() {
    on(1, || {
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        assert!(child.wait().unwrap().success());
        let error = stdin.write_all(&[0; 1 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

/// One writes into the other.
#[test]
fn a_pipeline() {
    on(1, || {
        let mut first =
            shell("for i in 1 2 3; do echo $i; done").stdout(Stdio::piped()).spawn().unwrap();
        let second = shell("sort -r").stdin(first.stdout.take().unwrap()).output().unwrap();
        assert_eq!(second.stdout, b"3\n2\n1\n");
        assert!(first.wait().unwrap().success());
    });
}

/// The children of this process, dead ones included.
fn children() -> usize {
    let list = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(entry.unwrap().path().join("children")).unwrap_or_default()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.map(list).map(|children| children.split_whitespace().count()).sum()
}

#[test]
fn nothing_is_left_behind() {
    if in_child() {
        return on(2, || {
            let round = || {
                assert!(cat().wait().unwrap().success());
                shell("echo; echo >&2").output().unwrap();
                assert!(Command::new("there is no such program").output().is_err());
                let mut child = cat();
                child.kill().unwrap();
                // The next that is started waits for it.
                drop(child);
            };
            round();
            let before = descriptors();
            (0..20).for_each(|_| round());
            assert_eq!(descriptors(), before);
            support::yield_until("the last is waited for", || {
                shell("true").status().unwrap();
                children() == 0
            });
        });
    }
    assert_success(&child("nothing_is_left_behind", |_| {}));
}

/// Limits the descriptors of this process to those that there are and `more`.
fn limit_descriptors(more: usize) {
    let most = (descriptors() + more) as libc::rlim_t;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: 1024 };
    // SAFETY: a limit of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// Without a descriptor for the process it is waited for all the same; without one for its streams it is not started.
#[test]
fn without_descriptors() {
    if in_child() {
        return on(1, || {
            shell("true").status().unwrap(); // what is opened once is open
            let mut waiting = cat();
            let stdin = waiting.stdin.take();
            limit_descriptors(0);
            let (context, cancel) = with_cancel(&background());
            let waiter = gort::spawn(move || {
                assert!(waiting.wait_timeout(Duration::from_millis(2)).unwrap().is_none());
                assert!(waiting.wait_context(&context).unwrap().is_none());
                waiting.wait()
            });
            gort::sleep(Duration::from_millis(5));
            cancel.cancel();
            gort::sleep(Duration::from_millis(10));
            assert!(!waiter.is_finished());
            let error = shell("true").output().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            drop(stdin);
            assert!(waiter.join().unwrap().unwrap().success());
            limit_descriptors(20);
            assert!(shell("true").output().unwrap().status.success());
            assert_eq!(children(), 0);
        });
    }
    assert_success(&child("without_descriptors", |_| {}));
}

/// Signals interrupt system calls; nobody notices.
#[test]
fn among_signals() {
    if in_child() {
        return on(2, || {
            // One may be on its way when the receiver is dropped.
            gort::signal::ignore(&[Signal::USER1]).unwrap();
            let _signals = gort::signal::notify(&[Signal::USER1]).unwrap();
            let storm = gort::spawn(|| {
                (0..300).for_each(|_| {
                    Signal::USER1.raise().unwrap();
                    gort::sleep(Duration::from_micros(100));
                });
            });
            while !storm.is_finished() {
                assert_eq!(shell("echo a").output().unwrap().stdout, b"a\n");
            }
        });
    }
    assert_success(&child("among_signals", |_| {}));
}

/// A goroutine that waits for a process when its runtime ends is ended; the process is not.
#[test]
fn the_runtime_ends_while_a_process_is_waited_for() {
    within(support::LIMIT, || {
        let runtime = support::runtime(1);
        let (tx, rx) = std::sync::mpsc::channel();
        runtime.spawn(move || {
            let mut child = cat();
            let stdin = child.stdin.take();
            tx.send((child.id(), stdin)).unwrap();
            child.wait()
        });
        let (id, stdin) = rx.recv().unwrap();
        drop(runtime);
        // SAFETY: asks whether there is such a process.
        assert_eq!(unsafe { libc::kill(id as libc::pid_t, 0) }, 0);
        drop(stdin);
    });
}

#[test]
fn on_plain_threads() {
    let threads: Vec<_> = (0..4)
        .map(|n| {
            std::thread::spawn(move || {
                let mut child = cat();
                child.stdin.as_mut().unwrap().write_all(&[n]).unwrap();
                let mut all = Vec::new();
                child.stdin = None;
                child.stdout.take().unwrap().read_to_end(&mut all).unwrap();
                assert_eq!(all, [n]);
                assert!(child.wait().unwrap().success());
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
