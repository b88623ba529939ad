//! Other processes: started from goroutines, waited for, and forked without what they need.
#![cfg(unix)]

mod support;

use gort::net::UnixStream;
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::{LIMIT, assert_success, child, in_child, on, runtime, within};

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

/// The exit status of a process that is forked off, and does this.
fn forked(f: impl FnOnce() -> i32) -> i32 {
    let status = forked_to(f);
    assert!(libc::WIFEXITED(status), "{status:#x}");
    libc::WEXITSTATUS(status)
}

/// How a process ends that is forked off, and does this. One that hangs there is killed.
fn forked_to(f: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child has one thread, calls nothing that another one may have locked, and leaves.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: its signal ends the process.
        unsafe { libc::alarm(30) };
        let status = f();
        // SAFETY: ends the process, and runs nothing else.
        unsafe { libc::_exit(status) };
    }
    assert!(child > 0);
    let mut status = 0;
    // SAFETY: waits for the child that was just made.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}

/// A forked process has the memory and one thread: no machines. It may do what is safe after a fork in a
/// process with threads, and the parent goes on.
#[test]
fn a_forked_child_runs_no_goroutines() {
    on(2, || {
        let busy = gort::spawn(|| (0..100).for_each(|_| gort::yield_now()));
        assert_eq!(gort::blocking(|| forked(|| 7)), 7);
        busy.join().unwrap();
    });
}

/// It has an error instead of a wait that never ends.
#[test]
fn a_forked_child_is_told_that_it_runs_no_goroutines() {
    if !in_child() {
        let test = "a_forked_child_is_told_that_it_runs_no_goroutines";
        return assert_success(&child(test, |_| {}));
    }
    static PLACES: AtomicUsize = AtomicUsize::new(0);
    std::panic::set_hook(Box::new(|info| {
        if info.location().is_some_and(|place| place.file() == file!()) {
            PLACES.fetch_add(1, SeqCst);
        }
    }));
    let own = runtime(1);
    gort::run(gort::yield_now);
    let told = forked(|| {
        let starts: [&dyn Fn(); 7] = [
            &|| own.run(|| ()),
            &|| drop(own.spawn(|| ())),
            &|| gort::run(|| ()),
            &|| drop(gort::spawn(|| ())),
            &|| gort::go!(|| ()),
            &|| gort::scope(|s| drop(s.go(|| ()))),
            &|| drop(gort::time::after_func(LIMIT, || ())),
        ];
        for start in starts {
            assert!(catch_unwind(AssertUnwindSafe(start)).is_err());
        }
        let of_own = PLACES.load(SeqCst) == starts.len();
        drop(own);
        let is_said =
            [gort::Builder::new(), gort::Builder::new().stack_size(1 << 20)].map(|builder| {
                let error = builder.spawn(|| ()).map(drop).expect_err("nothing runs it");
                error.to_string().contains("forked off")
            });
        i32::from(of_own && is_said == [true; 2])
    });
    assert_eq!(told, 1);
    assert_eq!(gort::run(|| 5), 5);
}

/// Also who waits for what has been waited for before: it is the parent's poller that knows it.
#[test]
fn a_forked_child_is_told_that_it_polls_nothing() {
    if !in_child() {
        let test = "a_forked_child_is_told_that_it_polls_nothing";
        return assert_success(&child(test, |_| {}));
    }
    let (mut reader, mut writer) = gort::io::pipe().unwrap();
    reader.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    reader.set_read_timeout(None).unwrap();
    let told = forked(|| {
        let error = (&reader).read(&mut [0]).unwrap_err();
        i32::from(error.kind() == ErrorKind::Unsupported)
    });
    assert_eq!(told, 1);
    writer.write_all(b"x").unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap(), 1);
}

/// With a runtime of its own it polls what the parent does.
#[test]
#[cfg(target_os = "linux")] // where threads may be started after a fork
fn a_forked_child_polls_with_a_runtime_of_its_own() {
    if !in_child() {
        let test = "a_forked_child_polls_with_a_runtime_of_its_own";
        return assert_success(&child(test, |_| {}));
    }
    let (reader, writer) = UnixStream::pair().unwrap();
    let is_woken = |runtime: &gort::Runtime| {
        runtime.run(|| {
            let (reader, writer) = (reader.try_clone()?, writer.try_clone()?);
            let waiting = gort::spawn(move || (&reader).read_exact(&mut [0]));
            gort::yield_now();
            (&writer).write_all(b"x")?;
            waiting.join().unwrap()
        })
    };
    let own = runtime(1);
    is_woken(&own).unwrap();
    assert_eq!(forked(|| i32::from(is_woken(&runtime(1)).is_ok())), 1);
    is_woken(&own).unwrap();
}

/// The goroutine that has forked goes on in the child, on the only thread there is. When that would sleep it says so.
#[test]
#[cfg(not(feature = "threads"))] // where the machines' threads are others
fn a_forked_goroutine_that_waits_ends_its_process() {
    if !in_child() {
        let output = child("a_forked_goroutine_that_waits_ends_its_process", |_| {});
        assert_success(&output);
        let told = String::from_utf8_lossy(&output.stderr);
        return assert!(told.contains("aborting, as this process was forked off"), "{told}");
    }
    let waits: [fn(); 4] = [
        || gort::sleep(LIMIT),
        || _ = gort::chan::never::<()>().recv(),
        || {
            let _locked = gort::lock_thread();
            gort::sleep(LIMIT);
        },
        || {
            let _locked = gort::lock_thread();
            _ = gort::chan::never::<()>().recv();
        },
    ];
    for wait in waits {
        let status = on(1, move || {
            forked_to(|| {
                // It need not wait for these, and goes on.
                gort::yield_now();
                assert_eq!(gort::blocking(|| 5), 5);
                wait();
                0
            })
        });
        assert!(libc::WIFSIGNALED(status), "{status:#x}");
        assert_eq!(libc::WTERMSIG(status), libc::SIGABRT);
    }
}

/// As many calls as there are threads for are under way: they are the parent's.
#[test]
fn a_forked_child_blocks_beside_its_parents_calls() {
    let blocks = within(LIMIT, || {
        let runtime = gort::Runtime::builder().processors(1).max_threads(3).build().unwrap();
        runtime.run(|| {
            let (end, ends) = gort::chan::chan::<()>(0);
            let begun = AtomicUsize::new(0);
            gort::scope(|scope| {
                for _ in 0..2 {
                    scope.go(|| {
                        gort::blocking(|| {
                            begun.fetch_add(1, SeqCst);
                            ends.recv()
                        })
                    });
                }
                while begun.load(SeqCst) < 2 {
                    gort::yield_now();
                }
                let blocks = forked(|| i32::from(gort::blocking(|| 5) == 5));
                drop(end);
                blocks
            })
        })
    });
    assert_eq!(blocks, 1);
}

/// Those that wait for their turn where a goroutine forks have it in the parent alone, also if they are made ready in the child.
#[test]
#[cfg(not(feature = "threads"))] // where the machines' threads are others
fn what_is_runnable_at_a_fork_runs_once() {
    let (reader, writer) = std::io::pipe().unwrap();
    let status = support::in_turn(move || {
        let (tx, rx) = gort::chan::chan::<()>(1);
        let tell = |mut writer: std::io::PipeWriter| _ = writer.write_all(b"x");
        let [first, second] = [(); 2].map(|()| writer.try_clone().unwrap());
        let receiver = gort::spawn(move || {
            rx.recv();
            tell(first);
        });
        gort::yield_now();
        let waiting = gort::spawn(move || tell(second));
        let status = forked_to(|| {
            let mut writer = &writer;
            writer.write_all(b"c").unwrap();
            tx.send(()).unwrap();
            assert!(gort::Builder::new().spawn(|| ()).is_err());
            (0..200).for_each(|_| gort::yield_now());
            _ = gort::chan::never::<()>().recv();
            0
        });
        tx.send(()).unwrap();
        waiting.join().unwrap();
        receiver.join().unwrap();
        status
    });
    assert!(libc::WIFSIGNALED(status), "{status:#x}");
    let mut told = String::new();
    (&reader).read_to_string(&mut told).unwrap();
    assert_eq!(told, "cxx");
}

/// What it closes the parent has, too, and polls.
#[test]
fn what_a_forked_child_drops_its_parent_keeps() {
    if !in_child() {
        return assert_success(&child("what_a_forked_child_drops_its_parent_keeps", |_| {}));
    }
    within(LIMIT, || {
        let runtime = runtime(1);
        let (reader, writer) = UnixStream::pair().unwrap();
        let is_woken = || {
            runtime.run(|| {
                let (reader, mut writer) = (reader.try_clone()?, writer.try_clone()?);
                let waiting = gort::spawn(move || (&reader).read_exact(&mut [0]));
                gort::yield_now();
                writer.write_all(b"x")?;
                waiting.join().unwrap()
            })
        };
        is_woken().unwrap();
        assert_eq!(forked(|| i32::from(reader.close().is_ok())), 1);
        is_woken().unwrap();
    });
}
