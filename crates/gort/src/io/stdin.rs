//! Standard input.

use super::Source;
use crate::poll::Direction;
use crate::sync::{Mutex, MutexGuard};
use crate::sys;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::{LazyLock, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Standard input, for goroutines: whoever waits for it parks.
///
/// ```
/// # gort::run(|| {
/// for line in gort::io::stdin().lines() {
///     println!("{}", line?.to_uppercase());
/// }
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// It has a buffer of its own: what this has read is not seen by [`std::io::stdin`], nor the other way round, so a program
/// uses one of the two.
///
/// Terminals, pipes and sockets are waited for by the runtime's poller; files are just read. (On Windows a thread waits, time-outs and deadlines
/// are refused, and what was read is std's buffer's.) Other processes may have the
/// same input, the shell above all, so it is not made non-blocking: the system is asked whether there is something,
/// and then it is read. If another process is faster in between the thread blocks, and the goroutine loses its processor
/// as with any call that blocks.
pub fn stdin() -> Stdin {
    Stdin(())
}

/// Standard input, from [`stdin`].
///
/// ```
/// use std::io::IsTerminal;
/// use std::os::fd::AsFd;
///
/// let (stdin, mut line) = (gort::io::stdin(), String::new());
/// if stdin.as_fd().is_terminal() {
///     println!("type a line");
/// }
/// if stdin.read_line(&mut line)? > 0 {
///     println!("the first one is {line}");
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Stdin(());

/// The right to read from standard input, and its buffer; from [`Stdin::lock`]. A goroutine may hold it while it waits.
///
/// ```
/// use std::io::BufRead;
///
/// let input = gort::io::stdin().lock();
/// let words = input.split(b' ').filter(|word| word.as_ref().is_ok_and(|word| !word.is_empty()));
/// println!("{} words", words.count());
/// ```
pub struct StdinLock {
    buffer: MutexGuard<'static, BufReader<Raw>>,
}

/// Without a buffer.
struct Raw;

static BUFFER: LazyLock<Mutex<BufReader<Raw>>> = LazyLock::new(|| Mutex::new(BufReader::new(Raw)));

fn source() -> io::Result<&'static Source<io::Stdin>> {
    static SOURCE: OnceLock<Source<io::Stdin>> = OnceLock::new();
    match SOURCE.get() {
        Some(source) => Ok(source),
        None => {
            let source = Source::new(io::stdin())?;
            Ok(SOURCE.get_or_init(|| source))
        }
    }
}

impl Stdin {
    /// Parks until nobody else has it, and keeps others out until the lock is dropped.
    ///
    /// ```
    /// use std::io::Read;
    ///
    /// # gort::run(|| {
    /// let mut everything = Vec::new();
    /// gort::io::stdin().lock().read_to_end(&mut everything)?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn lock(&self) -> StdinLock {
        StdinLock { buffer: BUFFER.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Reads a line, with its end, and appends it; parks until there is one. Returns how many bytes it has: zero at the
    /// end. [`Stdin`] has an example.
    ///
    /// # Errors
    /// The system's; `InvalidData` if it is not UTF-8; [`TimedOut`](io::ErrorKind::TimedOut) as said with
    /// [`set_read_timeout`](Self::set_read_timeout).
    ///
    /// What was read of the line by then is appended, as by std's, if it is UTF-8: who calls again with the same `line` has the
    /// rest appended to that, and misses nothing; with another one there is only the rest in it. If it is not UTF-8, which it is
    /// not in the middle of a character either, it is lost, and `line` is as it was.
    pub fn read_line(&self, line: &mut String) -> io::Result<usize> {
        self.lock().read_line(line)
    }

    /// The lines to come, without their ends. Holds the [lock](Self::lock). Of a line that ends in an error, a time-out above
    /// all, nothing is kept: the next one is its rest. [`stdin`] has an example.
    pub fn lines(self) -> io::Lines<StdinLock> {
        self.lock().lines()
    }

    /// For how long a read that begins from now on may wait for something; `None`: without limit. It ends in
    /// [`TimedOut`](io::ErrorKind::TimedOut).
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    ///
    /// let stdin = gort::io::stdin();
    /// stdin.set_read_timeout(Some(Duration::from_millis(5)))?;
    /// match stdin.read_line(&mut String::new()) {
    ///     Ok(0) => {} // its end
    ///     Ok(_) => println!("a line has come"),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a time-out of zero; `Unsupported` on Windows.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        source()?.set_timeout(Direction::Read, timeout)
    }

    /// Up to when reads may wait, also those that wait already; `None`: without limit. A time in the past ends the wait of a
    /// goroutine that is not needed any more.
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::time::Instant;
    ///
    /// # gort::run(|| {
    /// let stdin = gort::io::stdin();
    /// let reader = gort::spawn(|| gort::io::stdin().read_line(&mut String::new()));
    /// stdin.set_read_deadline(Some(Instant::now()))?;
    /// match reader.join().unwrap() {
    ///     Ok(0) => {} // it was at its end
    ///     Ok(_) => println!("a line was there before"),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut),
    /// }
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// If there are too many descriptors that are waited for; `Unsupported` on Windows.
    pub fn set_read_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        source()?.set_deadline(Direction::Read, deadline)
    }
}

sys::standard_stream!(Stdin, Stdin(()) => io::stdin());
sys::standard_stream!(StdinLock, StdinLock { .. } => io::stdin());

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        source()?.run(Direction::Read, |stdin| sys::read_input(stdin, buffer))
    }
}

impl Read for StdinLock {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.buffer.read(buffer)
    }
}

impl BufRead for StdinLock {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.buffer.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }
}

/// What reads more than once holds the lock meanwhile, so that nobody else gets a part.
impl Read for &Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buffer)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buffer)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(text)
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        (&*self).read_exact(buffer)
    }

    fn read_to_end(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buffer)
    }

    fn read_to_string(&mut self, text: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(text)
    }
}

impl fmt::Debug for StdinLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StdinLock { .. }")
    }
}
