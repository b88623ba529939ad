//! Senders of datagrams that wait for room at a receiver.

use crate::At;
use crate::support::net::{assert_closed, assert_kind, assert_timed_out, descriptors, past};
use crate::support::{
    LIMIT, assert_success, child, good_once_in_five, in_child, in_turn, on, runtime, within,
};
use gort::net::{Shutdown, UnixDatagram};
use std::io::ErrorKind;
use std::os::unix::net;
use std::time::Duration;

/// Sends so many numbered datagrams from each of the senders to one who begins to receive late.
fn to_a_full_receiver(
    receiver: UnixDatagram,
    senders: Vec<impl Fn(&[u8]) -> std::io::Result<usize> + Send + 'static>,
) {
    const EACH: usize = 200;
    let count = senders.len();
    let senders: Vec<_> = senders
        .into_iter()
        .enumerate()
        .map(|(sender, send)| {
            gort::spawn(move || {
                for number in 0..EACH {
                    send(&(sender * EACH + number).to_ne_bytes()).unwrap();
                }
            })
        })
        .collect();
    gort::sleep(Duration::from_millis(2)); // most often it is full by then
    let mut next = vec![0; count];
    let mut buffer = [0; 8];
    for _ in 0..count * EACH {
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 8);
        let number = usize::from_ne_bytes(buffer);
        assert_eq!(number % EACH, next[number / EACH], "in order");
        next[number / EACH] += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

#[test]
fn a_receiver_that_is_full_of_its_partners_datagrams() {
    on(2, || {
        let (one, other) = UnixDatagram::pair().unwrap();
        let another = one.try_clone().unwrap();
        let send = |socket: UnixDatagram| move |bytes: &[u8]| socket.send(bytes);
        to_a_full_receiver(other, vec![send(one), send(another)]);
    });
}

#[test]
fn a_receiver_that_is_full_of_datagrams_from_those_connected_to_it() {
    on(2, || {
        let at = At::new();
        let receiver = UnixDatagram::bind(&at.0).unwrap();
        let senders = (0..5).map(|_| {
            let socket = UnixDatagram::unbound().unwrap();
            socket.connect(&at.0).unwrap();
            move |bytes: &[u8]| socket.send(bytes)
        });
        let senders = senders.collect();
        to_a_full_receiver(receiver, senders);
    });
}

/// A receiver that has no room for datagrams from those who are not connected to it, and how many it has got.
fn full_receiver(at: &At) -> (UnixDatagram, usize) {
    let receiver = UnixDatagram::bind(&at.0).unwrap();
    let filler = net::UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    let count = (0..1000).take_while(|_| filler.send_to(b"x", &at.0).is_ok()).count();
    assert!(0 < count && count < 1000);
    (receiver, count)
}

/// Who has waited in vain for room there: it has been told what the poller tells at first.
fn who_has_waited_in_vain(at: &At) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_timed_out(socket.send_to(b"x", &at.0));
    socket.set_write_timeout(None).unwrap();
    socket
}

/// Those who are not connected wait for room, too.
#[test]
fn a_receiver_that_is_full_of_anothers_datagrams() {
    in_turn(|| {
        let at = At::new();
        let (receiver, count) = full_receiver(&at);
        let (one, two) = (who_has_waited_in_vain(&at), who_has_waited_in_vain(&at));
        let (path, address) = (at.0.clone(), receiver.local_addr().unwrap());
        let senders = [
            gort::spawn(move || one.send_to(b"x", path).unwrap()),
            gort::spawn(move || two.send_to_addr(b"x", &address).unwrap()),
        ];
        gort::yield_now(); // they wait from here on
        assert!(senders.iter().all(|sender| !sender.is_finished()));
        for _ in 0..count + 2 {
            receiver.recv(&mut [0; 9]).unwrap();
        }
        senders.into_iter().for_each(|sender| assert_eq!(sender.join().unwrap(), 1));
    });
}

/// Who waits for room elsewhere does nothing meanwhile, least of all try.
#[test]
fn waiting_for_room_elsewhere_takes_no_time_of_a_cpu() {
    if !in_child() {
        return assert_success(&child(
            "room::waiting_for_room_elsewhere_takes_no_time_of_a_cpu",
            |_| {},
        ));
    }
    waits_idly(who_has_waited_in_vain);
}

/// Nor does one that has been shut down to read: it is not over for who writes.
#[test]
fn nor_of_who_is_shut_down_to_read() {
    if !in_child() {
        return assert_success(&child("room::nor_of_who_is_shut_down_to_read", |_| {}));
    }
    waits_idly(|at| {
        let sender = who_has_waited_in_vain(at);
        sender.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_timed_out(sender.recv(&mut [0])); // and so is polled for reads
        sender.shutdown(Shutdown::Read).unwrap();
        sender
    });
}

fn waits_idly(sender: impl FnOnce(&At) -> UnixDatagram + Send + 'static) {
    in_turn(|| {
        let at = At::new();
        let _full = full_receiver(&at);
        let sender = sender(&at);
        const WAIT: Duration = Duration::from_millis(300);
        sender.set_write_timeout(Some(WAIT)).unwrap();
        let wait = || {
            let before = time_of_cpus();
            assert_timed_out(sender.send_to(b"x", &at.0));
            time_of_cpus() - before
        };
        // Where the machine is busy with something else, what little is done meanwhile may take longer.
        good_once_in_five(wait, |used| *used < WAIT / 10);
    });
}

/// What this process has computed for.
fn time_of_cpus() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the time is valid for the call.
    let got = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(got, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// One that waits for room at a receiver does not hold up those who send to others.
#[test]
fn others_that_are_not_full() {
    in_turn(|| {
        let (at, elsewhere) = (At::new(), At::new());
        let (receiver, _) = full_receiver(&at);
        let other = UnixDatagram::bind(&elsewhere.0).unwrap();
        let socket = who_has_waited_in_vain(&at);
        let waiting = {
            let (socket, path) = (socket.try_clone().unwrap(), at.0.clone());
            gort::spawn(move || socket.send_to(b"x", path))
        };
        gort::yield_now(); // it waits from here on
        assert_eq!(socket.send_to(b"not connected", &elsewhere.0).unwrap(), 13);
        socket.connect(&elsewhere.0).unwrap();
        assert_eq!(socket.send(b"connected").unwrap(), 9);
        let mut buffer = [0; 20];
        assert_eq!(other.recv(&mut buffer).unwrap(), 13);
        assert_eq!(other.recv(&mut buffer).unwrap(), 9);
        assert!(!waiting.is_finished());
        // Whom it waits for goes away.
        drop(receiver);
        assert_kind(waiting.join().unwrap(), ErrorKind::ConnectionRefused);
    });
}

/// What ends the wait for room at a receiver: a deadline, a close, the end of the runtime. No descriptor is left of it.
#[test]
fn the_end_of_a_wait_for_room() {
    if !in_child() {
        return assert_success(&child("room::the_end_of_a_wait_for_room", |_| {}));
    }
    within(LIMIT, || {
        let at = At::new();
        let (_receiver, _) = full_receiver(&at);
        let runtime = runtime(1);
        let path = at.0.clone();
        let before = descriptors();
        let wait = move || {
            let socket = UnixDatagram::unbound().unwrap();
            let waiting = {
                let (socket, path) = (socket.try_clone().unwrap(), path.clone());
                gort::spawn(move || socket.send_to(b"x", path))
            };
            (0..10).for_each(|_| gort::sleep(Duration::from_millis(1))); // it waits, most often
            (socket, waiting)
        };
        let left = runtime.run(move || {
            let (socket, waiting) = wait();
            socket.set_write_deadline(past()).unwrap();
            assert_timed_out(waiting.join().unwrap());
            let (socket, waiting) = wait();
            socket.close().unwrap();
            assert_closed(waiting.join().unwrap());
            wait()
        });
        runtime.shutdown(LIMIT).unwrap();
        assert!(left.1.join().is_err());
        drop(left.0);
        assert_eq!(descriptors(), before);
    });
}
