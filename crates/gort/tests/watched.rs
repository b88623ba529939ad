//! Somebody always waits for timers and sockets, whatever the machines do.
#![cfg(target_os = "linux")]

mod support;

use gort::net::{TcpListener, TcpStream};
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{net, thread};
use support::{LIMIT, assert_success, child, compute_until, in_child, on, within};

/// The only machine is in a blocking call, so there is none that would wait for the timer.
#[test]
fn a_timer_is_due_during_the_only_machines_blocking_call() {
    on(1, || {
        let (tx, rx) = mpsc::channel();
        let sleeper = gort::spawn(move || {
            gort::sleep(Duration::from_millis(1));
            tx.send(()).unwrap();
        });
        gort::yield_now(); // it sleeps from here on
        gort::blocking(|| rx.recv_timeout(LIMIT / 2).expect("it wakes during the call"));
        sleeper.join().unwrap();
    });
}

/// The same with a call that a plain thread has put on, when the monitor rests.
#[test]
fn a_plain_threads_call_is_due_during_the_only_machines_blocking_call() {
    if !in_child() {
        let test = "a_plain_threads_call_is_due_during_the_only_machines_blocking_call";
        return assert_success(&child(test, |command| {
            command.env("GOMAXPROCS", "1");
        }));
    }
    let (begins, begun) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let call = gort::spawn(move || {
        gort::blocking(|| {
            begins.send(()).unwrap();
            ends.recv_timeout(LIMIT).unwrap_err()
        })
    });
    begun.recv_timeout(LIMIT).unwrap();
    // Not before the monitor rests, most often.
    thread::sleep(Duration::from_millis(50));
    let (tx, rx) = mpsc::channel();
    let after = gort::time::after_func(Duration::from_millis(1), move || tx.send(()).unwrap());
    rx.recv_timeout(LIMIT / 2).expect("it is called during the call");
    drop((after, end));
    assert_eq!(call.join().unwrap(), mpsc::RecvTimeoutError::Disconnected);
}

/// An echo for one client on a socket of gort's.
fn echo() -> (net::SocketAddr, gort::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = gort::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        while stream.read(&mut byte).unwrap() > 0 {
            stream.write_all(&byte).unwrap();
        }
    });
    (address, server)
}

/// A client that blocks its thread.
fn ask(mut stream: &net::TcpStream) {
    stream.set_read_timeout(Some(LIMIT / 2)).unwrap();
    stream.write_all(b"?").unwrap();
    stream.read_exact(&mut [0]).expect("an answer");
}

#[test]
fn a_socket_is_ready_during_the_only_machines_blocking_call() {
    on(1, || {
        let (address, server) = echo();
        gort::yield_now(); // it waits from here on
        gort::blocking(|| {
            let client = net::TcpStream::connect(address).unwrap();
            (0..10).for_each(|_| ask(&client));
        });
        server.join().unwrap();
    });
}

/// Answers a client that is a plain thread while `processors` goroutines compute until it is through.
fn answer_while_all_compute(processors: usize) {
    on(processors, move || {
        let (address, server) = echo();
        gort::yield_now();
        let answered = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (1..processors)
            .map(|_| {
                let answered = answered.clone();
                gort::spawn(move || compute_until(LIMIT, || answered.load(SeqCst)))
            })
            .collect();
        let client = thread::spawn({
            let answered = answered.clone();
            move || {
                let client = net::TcpStream::connect(address).unwrap();
                (0..10).for_each(|_| ask(&client));
                answered.store(true, SeqCst);
            }
        });
        assert!(compute_until(LIMIT, || answered.load(SeqCst)), "the client is answered");
        hogs.into_iter().for_each(|hog| assert!(hog.join().unwrap()));
        client.join().unwrap();
        server.join().unwrap();
    });
}

/// The monitor polls, and takes the processor away. Nobody sleeps in the poller, as the only machine computes.
#[test]
fn a_socket_is_ready_while_the_only_machine_computes() {
    answer_while_all_compute(1);
}

/// Who polls is the monitor, or a machine that has fallen asleep in the poller before all were busy.
#[test]
fn a_socket_is_ready_while_all_compute() {
    answer_while_all_compute(2);
}

/// Plain threads at both ends, and no goroutine anywhere.
#[test]
fn plain_threads_wait_too() {
    within(LIMIT, || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"hello").unwrap();
        drop(client);
        assert_eq!(server.join().unwrap(), "hello");
    });
}

/// The runtime with which a socket is registered ends while others wait for it, or before they do.
#[test]
fn a_socket_outlives_the_runtime_that_polled_for_it() {
    within(LIMIT, || {
        for _ in 0..20 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let first = support::runtime(1);
            first.run(|| {
                listener.set_deadline(Some(Instant::now() + Duration::from_millis(1))).unwrap();
                // It has waited, and so is registered.
                assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::TimedOut);
                listener.set_deadline(None).unwrap();
            });
            let (ready, is_ready) = mpsc::channel();
            let server = thread::spawn(move || {
                ready.send(()).unwrap();
                listener.accept().map(drop)
            });
            is_ready.recv().unwrap();
            first.shutdown(LIMIT).unwrap();
            let client = net::TcpStream::connect(address).unwrap();
            server.join().unwrap().expect("a connection");
            drop(client);
        }
    });
}
