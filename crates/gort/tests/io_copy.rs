//! Copying, through a buffer and in the kernel.
#![cfg(target_os = "linux")]

mod support;

use gort::io::{self, pipe};
use gort::net::{Shutdown, UnixStream};
use socket2::SockRef;
use std::ffi::CString;
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::net::{descriptors, fill, pair};
use support::{assert_success, child, in_child, on, yield_until};

/// Bytes that tell where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn copies_of_anything() {
    on(1, || {
        let text = pattern(300_000);
        let (mut reader, mut writer) = pipe().unwrap();
        let copier = gort::spawn({
            let text = text.clone();
            move || io::copy(&mut &*text, &mut writer)
        });
        let mut all = Vec::new();
        let reader: &mut dyn Read = &mut reader;
        assert_eq!(io::copy(reader, &mut all).unwrap(), 300_000);
        assert_eq!(all, text);
        assert_eq!(copier.join().unwrap().unwrap(), 300_000);
        // One that is interrupted now and then, and one that fails.
        struct Odd(u32);
        impl Read for Odd {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 => Err(ErrorKind::Interrupted.into()),
                    2 => {
                        buffer[0] = 7;
                        Ok(1)
                    }
                    _ => Err(ErrorKind::InvalidData.into()),
                }
            }
        }
        let mut all = Vec::new();
        let error = io::copy(&mut Odd(0), &mut all).unwrap_err();
        assert_eq!((error.kind(), all), (ErrorKind::InvalidData, vec![7]));
    });
}

#[test]
fn splicing_between_all_kinds() {
    on(2, || {
        let text = Arc::new(pattern(1_000_000));
        let send = |mut to: Box<dyn Write + Send>| {
            let text = text.clone();
            gort::spawn(move || to.write_all(&text).unwrap())
        };
        let receive = |mut from: Box<dyn Read + Send>| {
            let text = text.clone();
            gort::spawn(move || {
                let mut all = Vec::new();
                from.read_to_end(&mut all).unwrap();
                assert!(all == *text, "{} of {} bytes", all.len(), text.len());
            })
        };
        let length = text.len() as u64;

        let ((a, b), (c, d)) = (pair(), pair());
        let ends = [send(Box::new(a)), receive(Box::new(d))];
        assert_eq!(io::splice(&b, &c).unwrap(), length);
        drop(c);
        ends.into_iter().for_each(|end| end.join().unwrap());

        let ((a, b), (c, d)) = (UnixStream::pair().unwrap(), pipe().unwrap());
        let ends = [send(Box::new(a)), receive(Box::new(c))];
        assert_eq!(io::splice(&b, &d).unwrap(), length);
        drop(d);
        ends.into_iter().for_each(|end| end.join().unwrap());

        let path = std::env::temp_dir().join(format!("gort-splice-{}", std::process::id()));
        let (a, b) = pipe().unwrap();
        let sender = send(Box::new(b));
        let mut options = gort::fs::OpenOptions::new();
        let mut file =
            options.create(true).truncate(true).read(true).write(true).open(&path).unwrap();
        assert_eq!(io::splice(&a, &file).unwrap(), length);
        sender.join().unwrap();
        file.rewind().unwrap();
        let (a, b) = pair();
        let receiver = receive(Box::new(b));
        let (_reader, writer) = a.split();
        assert_eq!(io::splice(&file, &writer).unwrap(), length);
        drop(writer);
        receiver.join().unwrap();

        // The kernel does not move pages to the end of a file; so it is copied.
        let mut options = gort::fs::OpenOptions::new();
        let log = options.append(true).open(&path).unwrap();
        let (a, b) = pipe().unwrap();
        let sender = send(Box::new(b));
        assert_eq!(io::splice(&Arc::new(a), &log).unwrap(), length);
        sender.join().unwrap();
        let twice = gort::fs::read(&path).unwrap();
        assert!(twice.len() == 2 * text.len() && twice.ends_with(&text));
        gort::fs::remove_file(&path).unwrap();
    });
}

/// A FIFO of its own, which goes with this.
struct Fifo(PathBuf);

impl Fifo {
    fn new(name: &str) -> Fifo {
        let path = std::env::temp_dir().join(format!("gort-{name}-{}", std::process::id()));
        let text = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path is valid for the call.
        assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
        Fifo(path)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// Is there no room in a pipe?
fn is_full(pipe: &impl AsRawFd) -> bool {
    let mut asked = libc::pollfd { fd: pipe.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one structure, valid for the call, which does not wait.
    let told = unsafe { libc::poll(&raw mut asked, 1, 0) };
    told == 0
}

/// A file that is a FIFO waits for whoever writes: at each byte of the middle part the copy has come to the end of what there is.
#[test]
fn copying_from_a_fifo_that_is_slow() {
    let fifo = Fifo::new("slow-fifo");
    let path = fifo.0.clone();
    on(1, move || {
        let text = pattern(2 * 65_536 + 500);
        let (middle, last) = (65_536..66_036, 66_036..text.len());
        let (mut reader, mut writer) = pipe().unwrap();
        let from = path.clone();
        let copier =
            gort::spawn(move || io::copy(&mut gort::fs::File::open(from).unwrap(), &mut writer));
        let mut fifo = gort::fs::OpenOptions::new().write(true).open(path).unwrap();
        let mut arrived = vec![0; text.len()];
        fifo.write_all(&text[..middle.start]).unwrap();
        reader.read_exact(&mut arrived[..middle.start]).unwrap();
        for place in middle {
            fifo.write_all(&text[place..=place]).unwrap();
            reader.read_exact(&mut arrived[place..=place]).unwrap();
        }
        fifo.write_all(&text[last.clone()]).unwrap();
        reader.read_exact(&mut arrived[last]).unwrap();
        assert!(arrived == text);
        drop(fifo);
        assert_eq!(copier.join().unwrap().unwrap(), text.len() as u64);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    });
}

/// The same of one that waits for whoever reads: each time it is full.
#[test]
fn copying_to_a_fifo_that_is_slow() {
    let fifo = Fifo::new("full-fifo");
    let path = fifo.0.clone();
    on(1, move || {
        let text = pattern(1 << 20);
        let (reader, mut writer) = pipe().unwrap();
        let sent = text.clone();
        let sender = gort::spawn(move || writer.write_all(&sent));
        let from = path.clone();
        let opened = gort::spawn(move || gort::fs::File::open(from).unwrap());
        let to = gort::fs::OpenOptions::new().write(true).open(path).unwrap();
        let room = to.try_clone().unwrap();
        let copier = gort::spawn(move || io::splice(&reader, &to));
        let mut fifo = opened.join().unwrap();
        let mut arrived = vec![0; text.len()];
        let (first, last) = arrived.split_at_mut(100 * 4096);
        for page in first.chunks_mut(4096) {
            yield_until("it is full", || is_full(&room) || copier.is_finished());
            fifo.read_exact(page).unwrap();
        }
        drop(room);
        fifo.read_exact(last).unwrap();
        assert!(arrived == text);
        assert_eq!(copier.join().unwrap().unwrap(), text.len() as u64);
        sender.join().unwrap().unwrap();
        assert_eq!(fifo.read(&mut [0]).unwrap(), 0);
    });
}

/// Who waits first has the runtime get its poller's descriptors.
fn wait_once() {
    let (mut reader, _writer) = pipe().unwrap();
    reader.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
}

/// `copy` has the kernel copy where it can, which takes a pipe; and nowhere else.
#[test]
fn copies_between_descriptors_are_spliced() {
    /// What `from` writes is copied to `far`; in the middle of it that takes so many descriptors.
    fn check(
        taken: usize,
        mut from: impl Write + Send + 'static,
        copy: impl FnOnce() -> std::io::Result<u64> + Send + 'static,
        mut far: impl Read,
    ) {
        let text = pattern(1 << 20);
        let before = descriptors();
        let (end, may_end) = gort::chan::chan::<()>(0);
        let sender = gort::spawn({
            let text = text.clone();
            move || {
                from.write_all(&text).unwrap();
                may_end.recv();
            }
        });
        let copier = gort::spawn(copy);
        let mut arrived = vec![0; text.len()];
        far.read_exact(&mut arrived).unwrap();
        assert!(arrived == text);
        assert_eq!(descriptors(), before + taken);
        drop(end);
        sender.join().unwrap();
        assert_eq!(copier.join().unwrap().unwrap(), text.len() as u64);
    }
    if in_child() {
        return on(2, || {
            wait_once();
            let ends = || (pair(), pair());
            let ((a, mut b), (mut c, d)) = ends();
            check(2, a, move || io::copy(&mut b, &mut c), d);
            let ((a, b), (c, d)) = ends();
            check(2, a, move || io::copy(&mut &b, &mut &c), d);
            let ((a, b), (c, d)) = ends();
            let ((mut b, _b), (_c, mut c)) = (b.split(), c.split());
            check(2, a, move || io::copy(&mut b, &mut c), d);
            let ((a, mut b), (c, mut d)) = (UnixStream::pair().unwrap(), pipe().unwrap());
            check(2, a, move || io::copy(&mut b, &mut d), c);
            // What is hidden in something else may have been read ahead.
            let ((a, b), (mut c, d)) = ends();
            let mut b = std::io::BufReader::new(b);
            check(0, a, move || io::copy(&mut b, &mut c), d);
        });
    }
    assert_success(&child("copies_between_descriptors_are_spliced", |_| {}));
}

#[test]
fn splicing_to_one_that_is_gone() {
    on(1, || {
        let ((mut a, b), (c, d)) = (pair(), pair());
        drop(d);
        let sender = gort::spawn(move || while a.write_all(&[0; 10_000]).is_ok() {});
        let error = io::splice(&b, &c).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
            "{error}"
        );
        drop(b);
        sender.join().unwrap();
    });
}

/// Splices 64 KiB, urgent data, four bytes, and an end that is sent before those have arrived, or afterwards.
fn splice_past_urgent_data(ends_at_once: bool) {
    on(1, move || {
        let ((mut a, b), (c, mut d)) = (pair(), pair());
        let copier = gort::spawn(move || io::splice(&b, &c));
        let text = pattern(64 << 10);
        a.write_all(&text).unwrap();
        let mut arrived = vec![0; text.len()];
        d.read_exact(&mut arrived).unwrap();
        assert!(arrived == text);
        SockRef::from(&a).send_out_of_band(b"!").unwrap();
        a.write_all(b"tail").unwrap();
        let end = || a.shutdown(Shutdown::Write).unwrap();
        if ends_at_once {
            end();
        }
        let mut tail = [0; 4];
        d.read_exact(&mut tail).unwrap();
        assert_eq!(&tail, b"tail");
        if !ends_at_once {
            end();
        }
        assert_eq!(copier.join().unwrap().unwrap(), text.len() as u64 + 4);
    });
}

/// The kernel does not copy past the mark, and takes what is behind it for the end.
#[test]
fn splicing_past_urgent_data_to_the_end() {
    splice_past_urgent_data(true);
}

/// Or for nothing.
#[test]
fn splicing_past_urgent_data() {
    splice_past_urgent_data(false);
}

/// A proxy: both directions, one of which ends before the other.
#[test]
fn two_connections_are_joined() {
    on(1, || {
        let ((mut client, near), (far, mut server)) = (pair(), pair());
        let proxy = gort::spawn(move || io::copy_both(&near, &far));
        client.write_all(b"question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).unwrap();
        assert_eq!(question, "question");
        gort::yield_now();
        assert!(!proxy.is_finished(), "the answer is still to come");
        server.write_all(b"the answer").unwrap();
        drop(server);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "the answer");
        assert_eq!(proxy.join().unwrap().unwrap(), (8, 10));
    });
}

/// One side is gone while the other sends: both end.
#[test]
fn a_joined_connection_breaks() {
    on(1, || {
        let ((mut client, near), (far, server)) = (pair(), pair());
        let proxy = gort::spawn(move || io::copy_both(&near, &far));
        drop(server);
        while client.write_all(&[0; 10_000]).is_ok() {}
        assert!(proxy.join().unwrap().is_err());
    });
}

/// One direction fails, and has the other fail, which is in the middle of a write.
#[test]
fn the_first_error_of_a_joined_connection_is_told() {
    on(1, || {
        let ((client, near), (far, server)) = (pair(), pair());
        let silent = far.try_clone().unwrap();
        let proxy = gort::spawn(move || io::copy_both(&near, &far));
        fill(&client); // nobody reads at the other end
        silent.set_read_deadline(Some(Instant::now())).unwrap();
        assert_eq!(proxy.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        drop(server);
    });
}

#[test]
fn no_descriptors_are_left() {
    if in_child() {
        return on(2, || {
            let round = || {
                let (mut reader, writer) = pipe().unwrap();
                let waiter = gort::spawn(move || reader.read(&mut [0]));
                gort::yield_now();
                drop(writer.try_clone().unwrap());
                drop(writer);
                assert_eq!(waiter.join().unwrap().unwrap(), 0);
                let (a, b) = UnixStream::pair().unwrap();
                let (c, d) = UnixStream::pair().unwrap();
                drop((a, d));
                io::copy_both(&b, &c).unwrap();
            };
            wait_once();
            let before = descriptors();
            (0..50).for_each(|_| round());
            assert_eq!(descriptors(), before);

            let limit = libc::rlimit { rlim_cur: before as libc::rlim_t + 20, rlim_max: 1024 };
            // SAFETY: a limit of this process.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            let mut pipes = Vec::new();
            let error = loop {
                match pipe() {
                    Ok(pipe) => pipes.push(pipe),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            // The kernel's way takes two, and there are none: through a buffer.
            pipes.truncate(2);
            let filler: Vec<_> =
                std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
            let (from, to) = (&pipes[0], &pipes[1]);
            let text = pattern(40_000);
            (&from.1).write_all(&text).unwrap();
            from.0.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert_eq!(io::splice(&from.0, &to.1).unwrap_err().kind(), ErrorKind::TimedOut);
            let mut arrived = vec![0; text.len()];
            (&to.0).read_exact(&mut arrived).unwrap();
            assert!(arrived == text);
            drop(filler);
        });
    }
    assert_success(&child("no_descriptors_are_left", |_| {}));
}
