//! Sockets and runtimes: their ends, several of them, processors that come and go, other processes.

mod support;

use gort::net::{TcpListener, TcpStream, UdpSocket};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};
use support::net::{PIECE, assert_timed_out, descriptors, listener, pair, receive_text, send_text};
use support::{
    LIMIT, Tally, assert_success, child, eventually, in_child, in_turn, on, runtime, within,
};

/// Those who wait for sockets when the runtime ends are unwound; what they have is dropped, and their sockets closed.
#[test]
fn a_runtime_ends_while_goroutines_wait() {
    if !in_child() {
        return assert_success(&child("a_runtime_ends_while_goroutines_wait", |_| {}));
    }
    within(LIMIT, || {
        // This thread may have to wait for a socket below: the process's runtime, which polls for it, has its descriptors
        // from now on.
        let (mut client, server) = pair();
        client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(client.read(&mut [0]));
        drop((client, server));
        let before = descriptors();
        for round in 0..20 {
            let runtime = runtime(1 + round % 2);
            let tally = Tally::new();
            let mut peers = Vec::new();
            let wait = |f: Box<dyn FnOnce() + Send>| {
                let token = tally.token();
                drop(runtime.spawn(move || {
                    let _token = token;
                    f();
                    unreachable!("nothing ever comes");
                }));
            };
            for _ in 0..20 {
                let (client, server) = pair();
                wait(Box::new(move || drop((&client).read(&mut [0]))));
                peers.push(server);
                let (client, server) = pair();
                wait(Box::new(move || while (&client).write(&PIECE).is_ok() {}));
                peers.push(server);
                let (listener, _) = listener();
                wait(Box::new(move || drop(listener.accept())));
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(LIMIT)).unwrap();
                wait(Box::new(move || drop(socket.recv(&mut [0]))));
            }
            if round % 3 > 0 {
                runtime.run(|| gort::sleep(Duration::from_millis(1))); // most wait by now
            }
            runtime.shutdown(LIMIT).unwrap();
            assert_eq!(tally.alive(), 0);
            drop(peers);
            // The runtime's own go with its last thread, which has been told to end.
            eventually("as many descriptors as before", || descriptors() == before);
        }
    });
}

/// What polls for a runtime goes with it, although sockets that it has polled stay.
#[test]
fn sockets_outlive_the_runtime_that_polled_them() {
    if !in_child() {
        return assert_success(&child("sockets_outlive_the_runtime_that_polled_them", |_| {}));
    }
    within(LIMIT, || {
        let (client, server) = pair();
        client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let before = descriptors();
        for _ in 0..3 {
            let runtime = runtime(1);
            runtime.run(|| assert_timed_out((&client).read(&mut [0])));
            runtime.shutdown(LIMIT).unwrap();
            eventually("no more descriptors than before", || descriptors() <= before);
        }
        // And go on elsewhere.
        client.set_read_timeout(None).unwrap();
        let runtime = runtime(1);
        let reader = runtime.spawn(move || (&client).read(&mut [0]));
        (&server).write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    });
}

/// The other side reads the end, and other handles go on.
#[test]
fn a_goroutine_panics_with_a_socket() {
    in_turn(|| {
        let (client, server) = pair();
        let (other, mut other_server) = pair();
        let kept = other.try_clone().unwrap();
        let reader = gort::spawn(move || {
            let _other = other;
            (&client).read_exact(&mut [0]).unwrap();
            panic!("on purpose");
        });
        gort::yield_now(); // it waits from here on
        (&server).write_all(b"x").unwrap();
        assert!(reader.join().is_err());
        assert_eq!((&server).read(&mut [0]).unwrap(), 0);
        (&kept).write_all(b"x").unwrap();
        assert_eq!(other_server.read(&mut [0; 9]).unwrap(), 1);
    });
}

/// Two runtimes and a thread have handles of the same sockets; the one with which they are registered ends first.
#[test]
fn a_socket_of_several_runtimes() {
    within(LIMIT, || {
        for _ in 0..20 {
            let (first, second) = (runtime(1), runtime(2));
            let (client, server) = pair();
            let clone = client.try_clone().unwrap();
            first.run(move || {
                clone.set_read_timeout(Some(Duration::from_micros(100))).unwrap();
                assert_timed_out((&clone).read(&mut [0]));
                clone.set_read_timeout(None).unwrap();
            });
            let clone = client.try_clone().unwrap();
            let lost = first.spawn(move || (&clone).read(&mut [0]));
            let writer = second.spawn(move || {
                send_text(&client, 1, 200_000);
                client.shutdown(gort::net::Shutdown::Write).unwrap();
                receive_text(&client, 2)
            });
            let thread = thread::spawn(move || {
                assert_eq!(receive_text(&server, 1), 200_000);
                server
            });
            first.shutdown(LIMIT).unwrap();
            assert!(lost.join().is_err());
            let server = thread.join().unwrap();
            let sender = second.spawn(move || send_text(server, 2, 200_000));
            assert_eq!(writer.join().unwrap(), 200_000);
            sender.join().unwrap();
            second.shutdown(LIMIT).unwrap();
        }
    });
}

/// The process's runtime polls for one that has no poller.
#[cfg(target_os = "linux")]
#[test]
fn a_runtime_without_a_poller() {
    if !in_child() {
        return assert_success(&child("a_runtime_without_a_poller", |_| {}));
    }
    within(LIMIT, || {
        let wait = |runtime: gort::Runtime| {
            let (client, server) = pair();
            let (tx, has_waited) = gort::chan(1);
            let reader = runtime.spawn(move || {
                client.set_read_timeout(Some(Duration::from_micros(100))).unwrap();
                assert_timed_out((&client).read(&mut [0]));
                client.set_read_timeout(None).unwrap();
                tx.send(()).unwrap();
                (&client).read(&mut [0]).unwrap()
            });
            has_waited.recv().unwrap();
            (&server).write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap(), 1);
            drop(server);
            let while_it_is_there = descriptors();
            runtime.shutdown(LIMIT).unwrap();
            while_it_is_there
        };
        let without = || gort::Runtime::builder().processors(1).poller(false);
        wait(without().build().unwrap()); // which starts the process's
        let before = descriptors();
        assert_eq!(wait(without().build().unwrap()), before);
        assert!(wait(runtime(1)) > before);
        let refused = without().install().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
    });
}

/// An echo for whoever connects, until it is told to stop.
fn echo() -> (TcpListener, SocketAddr) {
    let (listener, address) = listener();
    let handle = listener.try_clone().unwrap();
    gort::go!(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            gort::go!(move || {
                let mut buffer = [0; 1000];
                while let Ok(count @ 1..) = (&stream).read(&mut buffer) {
                    (&stream).write_all(&buffer[..count]).unwrap();
                }
            });
        }
    });
    (handle, address)
}

fn ask(mut stream: &TcpStream, n: u64) {
    let mut answer = [0; 8];
    stream.write_all(&n.to_ne_bytes()).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(u64::from_ne_bytes(answer), n);
}

#[test]
fn processors_come_and_go() {
    within(LIMIT, || {
        let runtime = Arc::new(runtime(2));
        let is_over = Arc::new(AtomicBool::new(false));
        let changer = {
            let (runtime, is_over) = (runtime.clone(), is_over.clone());
            thread::spawn(move || {
                for n in (0..).take_while(|_| !is_over.load(SeqCst)) {
                    runtime.set_processors(1 + n % 4);
                    thread::sleep(Duration::from_micros(300));
                }
            })
        };
        runtime.run(|| {
            let (listener, address) = echo();
            let clients: Vec<_> = (0..20)
                .map(|n| {
                    gort::spawn(move || {
                        let stream = TcpStream::connect(address).unwrap();
                        (0..100).for_each(|round| ask(&stream, n * 1000 + round));
                    })
                })
                .collect();
            clients.into_iter().for_each(|client| client.join().unwrap());
            listener.close().unwrap();
        });
        is_over.store(true, SeqCst);
        changer.join().unwrap();
    });
}

/// Time slices of 50 µs, and goroutines that compute all the time.
#[test]
fn among_goroutines_that_compute() {
    within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(2).time_slice(Duration::from_micros(50));
        builder.build().unwrap().run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let computing: Vec<_> = (0..4)
                .map(|_| {
                    let stop = stop.clone();
                    gort::spawn(move || support::compute(&stop))
                })
                .collect();
            let (listener, address) = echo();
            let stream = TcpStream::connect(address).unwrap();
            (0..50).for_each(|round| ask(&stream, round));
            stop.store(true, SeqCst);
            listener.close().unwrap();
            for handle in computing {
                handle.join().unwrap();
            }
        });
    });
}

/// A timer is on time although a socket is waited for in the poller, and the other way round.
#[test]
fn timers_and_sockets_at_once() {
    on(1, || {
        let (one, mut other) = pair();
        let reader = gort::spawn(move || {
            let mut byte = [0];
            let mut count = 0;
            while (&one).read(&mut byte).unwrap() > 0 {
                count += 1;
            }
            count
        });
        for n in 0..100 {
            let (start, time) = (Instant::now(), Duration::from_micros(n * 37));
            gort::sleep(time);
            assert!(start.elapsed() >= time);
            other.write_all(b"x").unwrap();
        }
        drop(other);
        assert_eq!(reader.join().unwrap(), 100);
    });
}

/// Neither sockets nor what polls them are for other programs.
#[cfg(target_os = "linux")]
#[test]
fn other_processes_inherit_nothing() {
    use gort::net::UnixStream;
    use std::process::{Command, Stdio};

    on(1, || {
        let (listener, address) = echo();
        let stream = TcpStream::connect(address).unwrap();
        ask(&stream, 1);
        let _datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _unix = UnixStream::pair().unwrap();
        let closed = UnixStream::pair().unwrap();
        closed.0.close().unwrap();
        let mut command = Command::new("ls");
        let output = command.args(["-l", "/proc/self/fd"]).stdin(Stdio::null()).output().unwrap();
        let list = String::from_utf8(output.stdout).unwrap();
        assert!(list.contains("pipe:"), "{list}");
        for what in ["socket:", "eventpoll", "eventfd", "timerfd"] {
            assert!(!list.contains(what), "{list}");
        }
        listener.close().unwrap();
    });
}
