//! What goes wrong with descriptors and system calls, and what is left of it.
#![cfg(target_os = "linux")]

mod support;

use gort::net::{Shutdown, TcpListener, TcpStream, UnixStream};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};
use support::net::{
    after, allow_descriptors, assert_closed, assert_kind, assert_timed_out, descriptors, listener,
    listener_at, receive_text, reset, send_text,
};
use support::{LIMIT, assert_success, child, in_child, on, runtime, stderr, within};

/// Opens files until there are no descriptors left.
fn use_up() -> Vec<File> {
    (0..).map_while(|_| File::open("/dev/null").ok()).collect()
}

/// An accept backs off, tells of it once in a second, and goes on when there are descriptors again.
#[test]
fn no_descriptors_to_accept_with() {
    if in_child() {
        return on(1, || {
            let (listener, address) = listener();
            let listener = Arc::new(listener);
            listener.set_deadline(after(Duration::from_nanos(1))).unwrap();
            assert_timed_out(listener.accept());
            listener.set_deadline(None).unwrap();
            let clients: Vec<_> = (0..5).map(|_| TcpStream::connect(address).unwrap()).collect();
            let mut files = use_up();
            assert!(TcpStream::connect(address).is_err());
            let start = Instant::now();
            let server = {
                let listener = listener.clone();
                gort::spawn(move || (0..5).map(|_| listener.accept().unwrap()).collect::<Vec<_>>())
            };
            // Others go on.
            (0..20).for_each(|_| gort::sleep(Duration::from_millis(1)));
            assert!(!server.is_finished());
            files.clear();
            assert_eq!(server.join().unwrap().len(), clients.len());
            eprintln!("seconds: {}", start.elapsed().as_secs());
        });
    }
    let output = child("no_descriptors_to_accept_with", |command| {
        limit_descriptors(command, 200);
    });
    assert_success(&output);
    let told = stderr(&output);
    // It is told again after a second, which is long for what goes on there.
    let seconds = told.lines().find_map(|line| line.strip_prefix("seconds: ")?.parse().ok());
    let most = 1 + seconds.unwrap_or(0);
    let times = told.matches("cannot accept for now").count();
    assert!((1..=most).contains(&times), "{told}");
}

/// Lets the process have so many descriptors only.
fn limit_descriptors(command: &mut std::process::Command, most: libc::rlim_t) {
    let set = move || {
        let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
        // SAFETY: the structure is valid for the call.
        match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: it makes one system call.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, set) };
}

#[test]
fn no_descriptors_and_a_deadline_or_a_close() {
    if in_child() {
        return on(1, || {
            let (listener, address) = listener_at(80);
            let _client = TcpStream::connect(address).unwrap();
            let files = use_up();
            let start = Instant::now();
            listener.set_deadline(after(Duration::from_millis(20))).unwrap();
            assert_timed_out(listener.accept());
            assert!(start.elapsed() < LIMIT / 6);
            listener.set_deadline(None).unwrap();
            let waiting = listener.try_clone().unwrap();
            let server = gort::spawn(move || waiting.accept().map(drop));
            gort::yield_now();
            // There is none to put in its place either.
            assert_eq!(listener.close().unwrap_err().raw_os_error(), Some(libc::EMFILE));
            assert_closed(server.join().unwrap());
            assert_closed(listener.accept());
            drop(files);
            listener.close().unwrap();
            assert_kind(TcpStream::connect(address), ErrorKind::ConnectionRefused);
        });
    }
    let test = "no_descriptors_and_a_deadline_or_a_close";
    assert_success(&child(test, |command| limit_descriptors(command, 200)));
}

/// Who has to wait and cannot, as there is no descriptor for a poller, gets an error.
#[test]
fn no_descriptors_for_a_poller() {
    if in_child() {
        return within(LIMIT, || {
            let (one, mut other) = UnixStream::pair().unwrap();
            runtime(1).run(move || {
                let files = use_up();
                let error = (&one).read(&mut [0]).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
                drop(files);
                let reader = gort::spawn(move || (&one).read(&mut [0]));
                gort::yield_now();
                other.write_all(b"x").unwrap();
                assert_eq!(reader.join().unwrap().unwrap(), 1);
            });
        });
    }
    let test = "no_descriptors_for_a_poller";
    assert_success(&child(test, |command| limit_descriptors(command, 100)));
}

/// Signals that interrupt system calls, to all threads, while data go both ways.
#[test]
fn interrupted_calls() {
    if !in_child() {
        return assert_success(&child("interrupted_calls", |_| {}));
    }
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn take(_signal: libc::c_int) {
        TAKEN.fetch_add(1, SeqCst);
    }
    // SAFETY: all zeros is a value of it, with no flags: calls are not begun anew.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = take as *const () as usize;
    // SAFETY: the handler does what one may; the structure is valid.
    let set = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    on(2, || {
        let is_over = Arc::new(AtomicBool::new(false));
        let pest = {
            let is_over = is_over.clone();
            thread::spawn(move || {
                while !is_over.load(SeqCst) {
                    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
                        let task: libc::pid_t = task.file_name().to_str().unwrap().parse().unwrap();
                        // SAFETY: signals have a handler, and go to threads of this process only.
                        unsafe {
                            libc::syscall(
                                libc::SYS_tgkill,
                                std::process::id() as libc::pid_t,
                                task,
                                libc::SIGUSR1,
                            )
                        };
                    }
                }
            })
        };
        for seed in 0..10 {
            let (listener, address) = listener();
            let server = gort::spawn(move || {
                let (stream, _) = listener.accept().unwrap();
                assert_eq!(receive_text(&stream, seed), 300_000);
                send_text(&stream, seed + 1, 100_000);
            });
            let client = thread::spawn(move || {
                let client = TcpStream::connect(address).unwrap();
                send_text(&client, seed, 300_000);
                client.shutdown(Shutdown::Write).unwrap();
                assert_eq!(receive_text(&client, seed + 1), 100_000);
                let deadline = Instant::now() + Duration::from_millis(1);
                client.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
                client.set_read_deadline(Some(deadline)).unwrap();
                gort::sleep_until(deadline);
                assert_timed_out((&client).read(&mut [0]));
            });
            server.join().unwrap();
            gort::blocking(|| client.join().unwrap());
        }
        is_over.store(true, SeqCst);
        gort::blocking(|| pest.join().unwrap());
        assert!(TAKEN.load(SeqCst) > 1000);
    });
}

/// Connections that end in all ways, many at once: as many descriptors as before.
#[test]
fn no_descriptor_is_left_of_failing_connections() {
    if !in_child() {
        return assert_success(&child("no_descriptor_is_left_of_failing_connections", |_| {}));
    }
    allow_descriptors(2_000);
    fn serve(mut stream: TcpStream) {
        let mut buffer = [0; 100];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    }
    let round = |listener: &TcpListener, address: net::SocketAddr| {
        let server = {
            let listener = listener.try_clone().unwrap();
            gort::spawn(move || {
                (0..200).for_each(|_| {
                    let (stream, _) = listener.accept().unwrap();
                    gort::go!(move || serve(stream));
                });
            })
        };
        let clients: Vec<_> = (0..200)
            .map(|n| {
                gort::spawn(move || {
                    let mut client = TcpStream::connect(address).unwrap();
                    match n % 5 {
                        0 => drop(client),
                        1 => reset(client),
                        2 => {
                            client.set_read_timeout(Some(Duration::from_micros(10))).unwrap();
                            assert_timed_out(client.read(&mut [0]));
                        }
                        3 => {
                            client.write_all(b"hello").unwrap();
                            client.read_exact(&mut [0; 5]).unwrap();
                            client.close().unwrap();
                        }
                        _ => {
                            client.write_all(&[0; 5000]).unwrap();
                            reset(client);
                        }
                    }
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        server.join().unwrap();
    };
    within(LIMIT, move || {
        let runtime = runtime(2);
        let before = runtime.run(|| {
            let (listener, address) = listener();
            round(&listener, address);
            support::yield_until("the first are served", || gort::num_goroutines() == 1);
            let before = descriptors();
            (0..5).for_each(|_| round(&listener, address));
            support::yield_until("all are served", || gort::num_goroutines() == 1);
            assert_eq!(descriptors(), before);
            before
        });
        runtime.shutdown(LIMIT).unwrap();
        support::eventually("its own are closed", || descriptors() < before);
    });
}
