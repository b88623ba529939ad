//! Pipes: their ends, what they wait for, and what they become.
#![cfg(target_os = "linux")]

mod support;

use gort::io::{PipeReader, PipeWriter, pipe};
use gort::net::is_closed;
use gort::process::{Command, Stdio};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::net::{assert_kind_in_the_end, blocks, poll_once};
use support::{LIMIT, eventually, in_turn, on, within};

/// A shutdown ends who reads again and again, and never has to wait, between two reads.
#[test]
fn a_shutdown_loses_nothing_that_was_read() {
    const WRITTEN: usize = 60_000;
    within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(1);
        let runtime = builder.time_slice(Duration::from_millis(1)).build().unwrap();
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(&vec![b'x'; WRITTEN]).unwrap();
        drop(writer);
        let (reader, count) = (Arc::new(reader), Arc::new(AtomicUsize::new(0)));
        let (readers, counts) = (reader.clone(), count.clone());
        let reads = runtime.spawn(move || {
            while (&*readers).read(&mut [0]).unwrap() > 0 {
                counts.fetch_add(1, SeqCst);
            }
        });
        eventually("it reads", || count.load(SeqCst) > 100);
        runtime.shutdown(LIMIT).unwrap();
        drop(reads.join());
        let rest = (&*reader).read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(count.load(SeqCst) + rest, WRITTEN);
    });
}

/// With one processor, whose goroutines are not made room for: it is free while a pipe is waited for.
#[test]
fn who_waits_for_a_pipe_holds_no_processor() {
    in_turn(|| {
        let (mut reader, mut writer) = pipe().unwrap();
        let text = gort::spawn(move || {
            let mut text = Vec::new();
            reader.read_to_end(&mut text).map(|_| text)
        });
        gort::yield_now();
        assert!(!text.is_finished());
        // More than it holds: the writer waits, too.
        let long = vec![b'x'; 1 << 20];
        writer.write_all(&long).unwrap();
        let pieces = [IoSlice::new(b"a"), IoSlice::new(b"b")];
        assert_eq!(writer.write_vectored(&pieces).unwrap(), 2);
        drop(writer);
        let text = text.join().unwrap().unwrap();
        assert_eq!(text.len(), long.len() + 2);
        assert!(text.ends_with(b"xab"));
    });
}

/// A read takes one packet, and stops at its end. The next one is not waited for in vain.
#[test]
fn a_pipe_of_packets() {
    in_turn(|| {
        let (mut reader, writer) = pipe().unwrap();
        let flags = libc::O_NONBLOCK | libc::O_DIRECT;
        // SAFETY: touches no memory; the descriptor is open.
        assert_eq!(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, flags) }, 0);
        let writer = Arc::new(writer);
        let other = writer.clone();
        gort::go!(move || (&*other).write_all(b"-").unwrap());
        reader.read_exact(&mut [0]).unwrap(); // has waited, so it is polled
        (&*writer).write_all(b"abc").unwrap();
        (&*writer).write_all(b"def").unwrap();
        poll_once();
        reader.set_read_timeout(Some(LIMIT)).unwrap();
        let mut text = [0; 6];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"abcdef");
    });
}

#[test]
fn both_ends_are_closed() {
    on(1, || {
        let (mut reader, writer) = pipe().unwrap();
        let second = writer.try_clone().unwrap();
        drop(writer);
        (&second).write_all(b"hello").unwrap();
        let (mut one, mut two) = ([0; 2], [0; 8]);
        let mut places = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        assert_eq!(reader.read_vectored(&mut places).unwrap(), 5);
        let waiter = gort::spawn(move || reader.read(&mut [0; 8]).map(|count| (count, reader)));
        gort::yield_now();
        assert!(!waiter.is_finished());
        drop(second);
        let (count, _) = waiter.join().unwrap().unwrap();
        assert_eq!(count, 0);

        let (reader, mut writer) = pipe().unwrap();
        writer.set_write_timeout(Some(Duration::from_millis(1))).unwrap();
        let full = writer.write_all(&[0; 1 << 20]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::TimedOut);
        writer.set_write_timeout(None).unwrap();
        let waiter = gort::spawn(move || writer.write_all(&[0; 1 << 20]));
        gort::yield_now();
        drop(reader);
        assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn time_limits_and_closing() {
    on(1, || {
        let (reader, mut writer) = pipe().unwrap();
        let reader = Arc::new(reader);
        reader.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        assert_eq!((&*reader).read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        reader.set_read_timeout(None).unwrap();
        // It ends the wait of another.
        let waiter = gort::spawn({
            let reader = reader.clone();
            move || (&*reader).read(&mut [0])
        });
        gort::yield_now();
        reader.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        reader.set_read_deadline(None).unwrap();
        writer.write_all(b"a").unwrap();
        assert_eq!((&*reader).read(&mut [0, 0]).unwrap(), 1, "nothing is lost");
        let waiter = gort::spawn({
            let reader = reader.clone();
            move || (&*reader).read(&mut [0])
        });
        gort::yield_now();
        reader.close().unwrap();
        assert!(is_closed(&waiter.join().unwrap().unwrap_err()));
        assert_kind_in_the_end(|| writer.write(b"a"), ErrorKind::BrokenPipe);
        assert!(is_closed(&Arc::into_inner(reader).unwrap().into_std().unwrap_err()));
    });
}

/// They do not wait, as with std, also if another waits in their direction.
#[test]
fn reads_and_writes_of_nothing() {
    in_turn(|| {
        let (reader, writer) = pipe().unwrap();
        let (reader, writer) = (Arc::new(reader), Arc::new(writer));
        let mut empty = [];
        let (of_reader, of_writer) = (reader.clone(), writer.clone());
        let waiter = gort::spawn(move || (&*of_reader).read(&mut [0]));
        gort::yield_now();
        assert_eq!((&*reader).read(&mut empty).unwrap(), 0);
        assert_eq!((&*reader).read_vectored(&mut [IoSliceMut::new(&mut empty)]).unwrap(), 0);
        assert!(!waiter.is_finished());
        (&*writer).write_all(b"a").unwrap();
        assert_eq!(waiter.join().unwrap().unwrap(), 1);

        let waiter = gort::spawn(move || (&*of_writer).write_all(&[0; 1 << 20]));
        gort::yield_now();
        assert_eq!((&*writer).write(&[]).unwrap(), 0);
        assert_eq!((&*writer).write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
        assert!(!waiter.is_finished());
        reader.close().unwrap();
        assert!(is_closed(&(&*reader).read(&mut []).unwrap_err()));
        assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn conversions() {
    on(1, || {
        let (reader, writer) = pipe().unwrap();
        assert!(!blocks(&reader) && !blocks(&writer));
        let reader = OwnedFd::try_from(reader).unwrap();
        let mut writer = std::io::PipeWriter::try_from(writer).unwrap();
        assert!(blocks(&reader) && blocks(&writer));
        writer.write_all(b"one").unwrap();
        let mut writer = PipeWriter::try_from(writer).unwrap();
        let mut reader = PipeReader::try_from(reader).unwrap();
        assert!(!blocks(&reader) && !blocks(&writer));
        writer.write_all(b"two").unwrap();
        let mut text = [0; 6];
        reader.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"onetwo");
        // A child sees what others give it: one that blocks.
        let clone = reader.try_clone().unwrap();
        let child = Command::new("cat").stdin(reader).stdout(Stdio::piped()).spawn().unwrap();
        assert!(blocks(&clone));
        writer.write_all(b"three").unwrap();
        drop(writer);
        assert_eq!(child.wait_with_output().unwrap().stdout, b"three");
    });
}

#[test]
fn on_plain_threads() {
    within(support::LIMIT, || {
        let (mut reader, mut writer) = pipe().unwrap();
        let thread = std::thread::spawn(move || {
            (0..1000_u32).for_each(|n| writer.write_all(&n.to_le_bytes()).unwrap());
        });
        let mut sum = 0;
        let mut word = [0; 4];
        while reader.read_exact(&mut word).is_ok() {
            sum += u32::from_le_bytes(word);
        }
        assert_eq!(sum, (0..1000).sum::<u32>());
        thread.join().unwrap();
    });
}
