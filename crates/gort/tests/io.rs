//! Pipes, the process's own streams, copying.
#![cfg(target_os = "linux")]

mod support;

use gort::io::{self, PipeReader, PipeWriter, pipe};
use gort::net::{TcpListener, TcpStream, UnixStream, is_closed};
use gort::process::{Child, Command, Stdio};
use std::io::{BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Lines, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{assert_success, child, in_child, in_turn, on, programs, within};

// --- pipes ---

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
        assert_eq!(writer.write(b"a").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert!(is_closed(&Arc::into_inner(reader).unwrap().into_std().unwrap_err()));
    });
}

fn blocks(end: &impl AsFd) -> bool {
    // SAFETY: asks for the flags of an open descriptor.
    let flags = unsafe { libc::fcntl(end.as_fd().as_raw_fd(), libc::F_GETFL) };
    flags & libc::O_NONBLOCK == 0
}

#[test]
fn conversions() {
    on(1, || {
        let (reader, writer) = pipe().unwrap();
        assert!(!blocks(&reader) && !blocks(&writer));
        let (reader, mut writer) = (reader.into_std().unwrap(), writer.into_std().unwrap());
        assert!(blocks(&reader) && blocks(&writer));
        writer.write_all(b"one").unwrap();
        let mut writer = PipeWriter::try_from(writer).unwrap();
        let mut reader = PipeReader::try_from(OwnedFd::from(reader)).unwrap();
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
        assert_eq!(sum, (0..1000).sum());
        thread.join().unwrap();
    });
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
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
            round();
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

// --- the process's own streams ---

/// Runs a test of this file in a process of its own, with pipes for streams.
fn with_streams(test: &str) -> Child {
    let mut command = Command::from(programs::this_test(test));
    command.env("GORT_TEST_CHILD", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What the child writes, a line at a time.
struct Told(Lines<BufReader<PipeReader>>);

impl Told {
    fn by(stream: Option<PipeReader>) -> Told {
        Told(BufReader::new(stream.unwrap()).lines())
    }

    /// Reads up to a line, as what the test harness writes comes before.
    #[track_caller]
    fn up_to(&mut self, line: &str) {
        assert!(self.0.any(|told| told.unwrap() == line), "never told: {line}");
    }

    #[track_caller]
    fn next(&mut self) -> String {
        self.0.next().expect("it has ended").unwrap()
    }

    /// Reads to the end, which the harness wants to be read, and waits.
    #[track_caller]
    fn ends(self, mut child: Child) {
        self.0.for_each(drop);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn lines_from_stdin() {
    const TEST: &str = "lines_from_stdin";
    if in_child() {
        return in_turn(|| {
            // It goes on while the line is waited for, which only comes afterwards.
            gort::go!(|| {
                (0..3).for_each(|_| gort::sleep(Duration::from_millis(1)));
                println!("\nready");
            });
            let mut line = String::new();
            gort::io::stdin().read_line(&mut line).unwrap();
            println!("first {line}");
            for line in gort::io::stdin().lines() {
                println!("{}", line.unwrap().to_uppercase());
            }
            assert!(blocks(&std::io::stdin()), "it is others' too");
            println!("end");
        });
    }
    on(2, || {
        let mut child = with_streams(TEST);
        let mut told = Told::by(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        told.up_to("ready");
        stdin.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(told.next(), "first one");
        assert_eq!(told.next(), "");
        assert_eq!(told.next(), "TWO");
        stdin.write_all(b"ee\nfour").unwrap();
        assert_eq!(told.next(), "THREE");
        drop(stdin);
        assert_eq!(told.next(), "FOUR");
        assert_eq!(told.next(), "end");
        told.ends(child);
    });
}

#[test]
fn stdin_that_is_a_file_or_closed() {
    const TEST: &str = "stdin_that_is_a_file_or_closed";
    if in_child() {
        return on(1, || {
            let mut all = Vec::new();
            gort::io::stdin().read_to_end(&mut all).unwrap();
            println!("\nread {}", all.len());
        });
    }
    on(1, || {
        let exe = std::env::current_exe().unwrap();
        let exe = exe.to_str().unwrap();
        let length = std::fs::metadata(exe).unwrap().len();
        for (redirection, expected) in [("<\"$0\"", length), ("</dev/null", 0), ("<&-", 0), ("", 0)]
        {
            let test = programs::this_test(TEST);
            let output = Command::new("sh")
                .args(["-c", &format!("\"$@\" {redirection}"), exe])
                .arg(test.get_program())
                .args(test.get_args())
                .env("GORT_TEST_CHILD", "1")
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains(&format!("\nread {expected}\n")), "{redirection}: {text}");
        }
    });
}

/// A goroutine that waits for input is told to stop, and nothing that was typed is lost.
#[test]
fn stdin_with_a_deadline() {
    const TEST: &str = "stdin_with_a_deadline";
    if in_child() {
        return on(1, || {
            let stdin = gort::io::stdin();
            stdin.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            let mut line = String::new();
            assert_eq!(stdin.read_line(&mut line).unwrap_err().kind(), ErrorKind::TimedOut);
            stdin.set_read_timeout(None).unwrap();
            let waiter = gort::spawn(move || gort::io::stdin().read_line(&mut String::new()));
            gort::yield_now();
            stdin.set_read_deadline(Some(Instant::now())).unwrap();
            assert_eq!(waiter.join().unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
            stdin.set_read_deadline(None).unwrap();
            println!("\nready");
            stdin.read_line(&mut line).unwrap();
            println!("{line}");
        });
    }
    on(1, || {
        let mut child = with_streams(TEST);
        let mut told = Told::by(child.stdout.take());
        told.up_to("ready");
        child.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
        assert_eq!(told.next(), "hello");
        told.ends(child);
    });
}

/// Nobody reads what is written, and the others go on: the lock is held by a goroutine, not by a thread.
#[test]
fn stdout_that_nobody_reads() {
    const TEST: &str = "stdout_that_nobody_reads";
    const LONG: usize = 1 << 20;
    if in_child() {
        return in_turn(|| {
            println!("\nready");
            let mut out = gort::io::stdout();
            let text = "x".repeat(LONG);
            let writer = gort::spawn(move || writeln!(&gort::io::stdout(), "{text}"));
            gort::yield_now();
            assert!(!writer.is_finished());
            writeln!(gort::io::stderr(), "others go on").unwrap();
            writer.join().unwrap().unwrap();
            let mut lock = out.lock();
            let other = gort::spawn(|| writeln!(gort::io::stdout(), "after"));
            writeln!(lock, "one").unwrap();
            gort::yield_now();
            lock.write_all(b"tw").unwrap();
            println!("o");
            lock.flush().unwrap();
            drop(lock);
            other.join().unwrap().unwrap();
            out.flush().unwrap();
            assert!(blocks(&std::io::stdout()));
        });
    }
    on(2, || {
        let mut child = with_streams(TEST);
        // Nothing is read before the child has told that it goes on.
        Told::by(child.stderr.take()).up_to("others go on");
        let mut told = Told::by(child.stdout.take());
        told.up_to("ready");
        assert_eq!(told.next().len(), LONG);
        assert_eq!(told.next(), "one");
        assert_eq!(told.next(), "two");
        assert_eq!(told.next(), "after");
        told.ends(child);
    });
}

// --- copying ---

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = gort::spawn(move || TcpStream::connect(address).unwrap());
    let (server, _) = listener.accept().unwrap();
    (client.join().unwrap(), server)
}

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

        let ((a, b), (c, d)) = (tcp_pair(), tcp_pair());
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
        let (a, b) = tcp_pair();
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

#[test]
fn splicing_to_one_that_is_gone() {
    on(1, || {
        let ((mut a, b), (c, d)) = (tcp_pair(), tcp_pair());
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

/// A proxy: both directions, one of which ends before the other.
#[test]
fn two_connections_are_joined() {
    on(1, || {
        let ((mut client, near), (far, mut server)) = (tcp_pair(), tcp_pair());
        let proxy = gort::spawn(move || io::copy_both(&near, &far));
        client.write_all(b"question").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
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
        let ((mut client, near), (far, server)) = (tcp_pair(), tcp_pair());
        let proxy = gort::spawn(move || io::copy_both(&near, &far));
        drop(server);
        while client.write_all(&[0; 10_000]).is_ok() {}
        assert!(proxy.join().unwrap().is_err());
    });
}
