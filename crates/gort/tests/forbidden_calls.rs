//! System calls that fail: forbidden by the program when the runtime has long begun, as sandboxes do, or for want of what
//! they make; and a poller that is closed by who does not own it.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(feature = "threads")))]

mod support;

use gort::net::{TcpStream, UdpSocket, UnixStream};
use gort::process::{Command, Stdio};
use gort::signal::{Signal, notify};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;
use support::net::{assert_timed_out, listener, past};
use support::{
    LIMIT, assert_success, child, compute_until, in_child, in_turn, on, programs, stderr,
};

/// From now on the call fails, in all threads.
fn forbid(call: libc::c_long, error: libc::c_int) {
    // Whatever the lower half of the first argument is.
    forbid_with(call, (0, 0), 0, error);
}

/// The same where the lower half of the argument of that number, with this mask, is `value`. Without an error it does nothing, and says zero.
fn forbid_with(call: libc::c_long, (argument, mask): (u32, u32), value: u32, error: libc::c_int) {
    const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const MASK: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        // The number of the call comes first, and the arguments after 16 bytes.
        step(LOAD_WORD, 0, 0, 0),
        step(JUMP_IF_EQUAL, call as u32, 0, 4),
        step(LOAD_WORD, 16 + 8 * argument, 0, 0),
        step(MASK, mask, 0, 0),
        step(JUMP_IF_EQUAL, value, 0, 1),
        step(RETURN, libc::SECCOMP_RET_ERRNO | error as u32, 0, 0),
        step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: sets a mark of the calling thread.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the program is valid for the call, which copies it.
    let set = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const program,
        )
    };
    assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
}

/// Has the runtime poll from now on.
fn poll() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    socket.recv(&mut [0]).expect_err("nobody sends anything");
}

/// The last part of each sleep is the timer's that is polled, and longer than the monitor looks on.
#[test]
fn without_the_timer_sleepers_wake_all_the_same() {
    if !in_child() {
        return assert_success(&child("without_the_timer_sleepers_wake_all_the_same", |_| {}));
    }
    on(1, || {
        poll();
        forbid(libc::SYS_timerfd_settime, libc::EPERM);
        (0..5).for_each(|_| gort::sleep(Duration::from_millis(9)));
    });
}

#[track_caller]
fn assert_ended_with(test: &str, told: &str) {
    let output = child(test, |_| {});
    assert!(programs::aborted(&output), "{}\n{}", output.status, stderr(&output));
    assert!(stderr(&output).contains(told), "{}", stderr(&output));
}

/// Processors cannot be taken any more, so who waits for one would wait for ever.
#[test]
fn without_the_barrier_the_process_ends() {
    if !in_child() {
        return assert_ended_with("without_the_barrier_the_process_ends", "GORT_BARRIER=fence");
    }
    on(1, || {
        let is_over = Arc::new(AtomicBool::new(false));
        forbid(libc::SYS_membarrier, libc::EPERM);
        let other = is_over.clone();
        gort::go!(move || other.store(true, SeqCst));
        compute_until(LIMIT, || is_over.load(SeqCst));
    });
}

/// The descriptors of what has this in its name.
fn open(name: &str) -> Vec<RawFd> {
    let files = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let is_so = |path: &PathBuf| {
        std::fs::read_link(path).is_ok_and(|found| found.to_string_lossy().contains(name))
    };
    let number = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().parse().unwrap();
    files.map(|file| file.path()).filter(is_so).map(number).collect()
}

#[test]
fn without_the_poller_the_process_ends() {
    if !in_child() {
        let told = "waiting for sockets has failed";
        return assert_ended_with("without_the_poller_the_process_ends", told);
    }
    on(1, || {
        poll();
        for number in open("eventpoll") {
            // SAFETY: the runtime's own, which it is to miss.
            unsafe { libc::close(number) };
        }
        gort::sleep(Duration::from_millis(50));
    });
}

/// The system has only a number to say that by.
#[test]
fn an_error_says_that_threads_are_missing() {
    if !in_child() {
        return assert_success(&child("an_error_says_that_threads_are_missing", |_| {}));
    }
    for call in [libc::SYS_clone, libc::SYS_clone3] {
        forbid(call, libc::EAGAIN);
    }
    let of_runtime = gort::Runtime::new().unwrap_err();
    let of_signals = notify(&[Signal::USER1]).unwrap_err();
    for error in [of_runtime, of_signals] {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(error.to_string().contains("a thread"), "{error}");
    }
}

#[test]
fn an_error_says_that_the_poller_is_full() {
    if !in_child() {
        return assert_success(&child("an_error_says_that_the_poller_is_full", |_| {}));
    }
    on(1, || {
        poll();
        let (reader, mut writer) = gort::io::pipe().unwrap();
        forbid(libc::SYS_epoll_ctl, libc::ENOSPC);
        let error = (&reader).read(&mut [0]).unwrap_err();
        assert!(error.to_string().contains("max_user_watches"), "{error}");
        writer.write_all(b"x").unwrap();
        assert_eq!((&reader).read(&mut [0]).unwrap(), 1, "what need not wait goes on");
    });
}

/// It is told, and tried again at intervals.
#[test]
fn a_listener_that_may_not_accept_says_so() {
    const TEST: &str = "a_listener_that_may_not_accept_says_so";
    if !in_child() {
        let output = child(TEST, |_| {});
        assert_success(&output);
        return assert!(stderr(&output).contains("cannot accept"), "{}", stderr(&output));
    }
    in_turn(|| {
        let (listener, address) = listener();
        let _client = TcpStream::connect(address).unwrap();
        forbid(libc::SYS_accept4, libc::EPERM);
        let accepting = listener.try_clone().unwrap();
        let accepting = gort::spawn(move || accepting.accept());
        gort::yield_now(); // it has tried, and waits from here on
        assert!(!accepting.is_finished());
        listener.set_deadline(past()).unwrap();
        assert_timed_out(accepting.join().unwrap());
    });
}

/// What the kernel may not copy is copied all the same.
#[test]
fn what_may_not_be_spliced_is_copied() {
    if !in_child() {
        return assert_success(&child("what_may_not_be_spliced_is_copied", |_| {}));
    }
    on(1, || {
        let text: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        forbid(libc::SYS_splice, libc::EPERM);
        let (mut reader, mut writer) = gort::io::pipe().unwrap();
        let (mut near, mut far) = UnixStream::pair().unwrap();
        gort::scope(|s| {
            s.go(|| {
                writer.write_all(&text).unwrap();
                writer.close().unwrap();
            });
            s.go(|| {
                assert_eq!(gort::io::copy(&mut reader, &mut near).unwrap(), text.len() as u64);
                near.close().unwrap();
            });
            let mut got = Vec::new();
            far.read_to_end(&mut got).unwrap();
            assert!(got == text);
        });
    });
}

/// Of a write that takes nothing an error is made, as `Write::write_all` does, instead of an endless loop.
#[test]
fn what_takes_nothing_is_not_written_to_for_ever() {
    if !in_child() {
        return assert_success(&child("what_takes_nothing_is_not_written_to_for_ever", |_| {}));
    }
    on(1, || {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(&[0; 40_000]).unwrap();
        let (_reader, writer) = gort::io::pipe().unwrap();
        let number = writer.as_raw_fd() as u32;
        // The first 16 KiB are copied through a buffer.
        forbid_with(libc::SYS_splice, (2, u32::MAX), number, 0);
        let error = gort::io::splice(&near, &writer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
        forbid_with(libc::SYS_write, (0, u32::MAX), number, 0);
        far.write_all(b"x").unwrap();
        let error = gort::io::splice(&near, &writer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    });
}

/// The look whether there is room is interrupted by a signal; the writing is not.
#[test]
fn output_is_not_interrupted() {
    if !in_child() {
        return assert_success(&child("output_is_not_interrupted", |_| {}));
    }
    on(1, || {
        forbid(libc::SYS_poll, libc::EINTR);
        for mut output in [gort::io::stdout(), gort::io::stderr()] {
            output.write_all(b"some, ").unwrap();
            writeln!(output, "and a line").unwrap();
            output.flush().unwrap();
        }
    });
}

/// Linux knows no flags for that before 5.10, and the descriptors of processes from 5.3 on.
#[test]
fn processes_are_polled_without_flags() {
    if !in_child() {
        return assert_success(&child("processes_are_polled_without_flags", |_| {}));
    }
    in_turn(|| {
        let flag = libc::PIDFD_NONBLOCK;
        forbid_with(libc::SYS_pidfd_open, (1, flag), flag, libc::EINVAL);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let waiting = gort::spawn(move || child.wait());
        gort::yield_now(); // it waits from here on
        assert_eq!(open("pidfd").len(), 1);
        drop(input);
        assert!(waiting.join().unwrap().unwrap().success());
    });
}
