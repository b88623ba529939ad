//! Standard output and standard error.

use crate::blocking;
use crate::sync::{Mutex, MutexGuard};
use crate::sys;
use std::fmt;
use std::io::{self, Write};
use std::process::Stdio;
use std::sync::PoisonError;

/// There is room in a pipe for so much, at least, when the system says that there is some; with what std keeps in its
/// buffer for a line that is not ended.
const ROOM: usize = 3 << 10;

static STDOUT: Mutex<()> = Mutex::new(());
static STDERR: Mutex<()> = Mutex::new(());

/// Standard output: that of std, with its buffer, so that `print!` can be mixed with it.
///
/// `print!` in a goroutine is right, too. If the terminal or the program that reads is slow, it holds the
/// processor until the [monitor](crate::Preempt) takes it away. This asks the system first whether there is room for a
/// few lines (0.3 µs), and if not, or if it is more, it gives the processor away for as long as the
/// writing lasts.
///
/// ```
/// use std::io::Write;
///
/// # gort::run(|| {
/// let mut out = gort::io::stdout();
/// writeln!(out, "a line")?; // a line is written at once
/// let mut lock = out.lock(); // several lines in a row, with nobody else's in between
/// for n in 0..3 {
///     writeln!(lock, "{n}")?;
/// }
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// Writing to it may be called from plain threads, too. Its errors are the system's: `BrokenPipe` when the program that reads
/// is gone.
pub fn stdout() -> Output {
    Output { stream: Stream::Out }
}

/// Standard error, as [`stdout`] is standard output. It has no buffer.
///
/// ```
/// use std::io::Write;
///
/// # gort::run(|| {
/// writeln!(gort::io::stderr(), "something is the matter")?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub fn stderr() -> Output {
    Output { stream: Stream::Error }
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    Out,
    Error,
}

/// Standard output or standard error, from [`stdout`] or [`stderr`].
///
/// ```
/// use gort::io::Output;
/// use std::io::Write;
///
/// fn report(mut to: &Output, text: &str) -> std::io::Result<()> {
///     writeln!(to, "report: {text}") // nobody else's text comes in between
/// }
///
/// report(&gort::io::stderr(), "all is well")?;
/// # std::io::Result::Ok(())
/// ```
///
/// A command may have it as a stream of its own:
///
/// ```
/// use gort::process::Command;
///
/// # gort::run(|| {
/// let status = Command::new("date").stdout(gort::io::stderr()).status()?;
/// assert!(status.success());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Output {
    stream: Stream,
}

/// The right to write to [`Output`], while others wait; from [`Output::lock`].
///
/// A goroutine may hold it while it waits for something else. (That of std belongs to the thread, and another
/// goroutine on the thread would have it as well.) It does not keep `print!` out.
///
/// ```
/// use gort::io::OutputLock;
/// use std::io::Write;
///
/// fn table(out: &mut OutputLock) -> std::io::Result<()> {
///     (1..=3).try_for_each(|n| writeln!(out, "{n} {}", n * n))
/// }
///
/// table(&mut gort::io::stdout().lock())?;
/// # std::io::Result::Ok(())
/// ```
pub struct OutputLock {
    stream: Stream,
    _turn: MutexGuard<'static, ()>,
}

impl Output {
    /// Parks until nobody else has it, and keeps others who write through this module out until the lock is dropped.
    ///
    /// Unlike std's it may be handed to another goroutine, and is not to be had twice: a goroutine that has it and then writes to
    /// the same stream by [`stdout`] or [`stderr`] instead of by the lock waits for itself, for ever. So does what it calls, like a
    /// [`Display`](fmt::Display) of its arguments: `writeln!(lock, "{value}")` formats before it writes, but has the lock.
    /// (`writeln!(out, "{value}")` takes it when the text is there.)
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// # gort::run(|| {
    /// let mut out = gort::io::stdout().lock();
    /// writeln!(out, "two lines,")?;
    /// gort::yield_now(); // a guard of std's would not keep others out here
    /// writeln!(out, "one below the other")?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn lock(&self) -> OutputLock {
        let turn = match self.stream {
            Stream::Out => &STDOUT,
            Stream::Error => &STDERR,
        };
        let turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        OutputLock { stream: self.stream, _turn: turn }
    }
}

impl OutputLock {
    /// Writes up to `length` bytes, and what is in the buffer.
    fn with<R>(
        &self,
        length: usize,
        operation: impl FnOnce(&mut dyn Write) -> io::Result<R>,
    ) -> io::Result<R> {
        let is_short = length <= ROOM;
        // The look may be interrupted by a signal, which std overcomes when it writes: as if there were no room.
        match self.stream {
            Stream::Out => {
                let stdout = io::stdout();
                let has_room = is_short && sys::is_writable(&stdout).unwrap_or(false);
                let write = || operation(&mut stdout.lock());
                if has_room { write() } else { blocking(write) }
            }
            Stream::Error => {
                let stderr = io::stderr();
                let has_room = is_short && sys::is_writable(&stderr).unwrap_or(false);
                let write = || operation(&mut stderr.lock());
                if has_room { write() } else { blocking(write) }
            }
        }
    }
}

sys::standard_stream!(
    Output,
    Output { stream: Stream::Out } => io::stdout(),
    Output { stream: Stream::Error } => io::stderr()
);
sys::standard_stream!(
    OutputLock,
    OutputLock { stream: Stream::Out, .. } => io::stdout(),
    OutputLock { stream: Stream::Error, .. } => io::stderr()
);

impl From<Output> for Stdio {
    /// The stream of this process as one of another's. What [`stdout`] has in its buffer stays there.
    fn from(output: Output) -> Stdio {
        match output.stream {
            Stream::Out => io::stdout().into(),
            Stream::Error => io::stderr().into(),
        }
    }
}

impl Write for OutputLock {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.with(buffer.len(), |stream| stream.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(0, |stream| stream.flush())
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.with(buffer.len(), |stream| stream.write_all(buffer))
    }

    /// What is formatted may call anything, and so is done before.
    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(fmt::format(arguments).as_bytes())
    }
}

impl Write for &Output {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.lock().write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        self.lock().write_all(buffer)
    }

    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
        // Before the lock is taken, for the same reason.
        self.write_all(fmt::format(arguments).as_bytes())
    }
}

impl Write for Output {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }

    fn write_all(&mut self, buffer: &[u8]) -> io::Result<()> {
        (&*self).write_all(buffer)
    }

    fn write_fmt(&mut self, arguments: fmt::Arguments<'_>) -> io::Result<()> {
        (&*self).write_fmt(arguments)
    }
}

impl fmt::Debug for OutputLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputLock").field("stream", &self.stream).finish_non_exhaustive()
    }
}
