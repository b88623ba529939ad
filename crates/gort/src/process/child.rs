//! A process that was started.

use super::wait::{Process, Until};
use super::{ExitStatus, Output};
use crate::context::Context;
use crate::io::{PipeReader, PipeWriter};
use crate::scope;
use crate::signal::Signal;
use crate::sys::OwnedFile;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// What a child reads from, if it was [`piped`](std::process::Stdio::piped).
pub type ChildStdin = PipeWriter;
/// What a child writes to, if it was [`piped`](std::process::Stdio::piped).
pub type ChildStdout = PipeReader;
/// What a child writes errors to, if it was [`piped`](std::process::Stdio::piped).
pub type ChildStderr = PipeReader;

/// A process that was started by [`Command::spawn`](super::Command::spawn), like [`std::process::Child`].
///
/// Dropped, it goes on, and nobody hears how it ends.
///
/// ```
/// use gort::process::Command;
/// use std::time::Duration;
///
/// # gort::run(|| {
/// let mut child = Command::new("sleep").arg("1000").spawn()?;
/// if child.wait_timeout(Duration::from_millis(5))?.is_none() {
///     child.kill()?;
/// }
/// assert!(!child.wait()?.success());
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Child {
    /// To write to what the process reads. It sees the end when this is dropped, as [waiting](Self::wait) does.
    pub stdin: Option<ChildStdin>,
    /// To read what the process writes.
    pub stdout: Option<ChildStdout>,
    /// To read what the process writes as errors.
    pub stderr: Option<ChildStderr>,
    process: Process,
}

impl TryFrom<std::process::Child> for Child {
    type Error = io::Error;

    /// Takes over a process that std has started, with the streams that were not taken from it.
    ///
    /// # Errors
    /// If there are too many descriptors that are waited for; the process is ended then.
    fn try_from(child: std::process::Child) -> io::Result<Child> {
        Child::new(child)
    }
}

impl Child {
    pub(super) fn new(mut child: std::process::Child) -> io::Result<Child> {
        let stdin = child.stdin.take().map(OwnedFile::from);
        let stdout = child.stdout.take().map(OwnedFile::from);
        let stderr = child.stderr.take().map(OwnedFile::from);
        // If the streams cannot be had it is not left alone.
        let mut process = Process::new(child);
        let streams = || {
            io::Result::Ok((
                stdin.map(PipeWriter::try_from).transpose()?,
                stdout.map(PipeReader::try_from).transpose()?,
                stderr.map(PipeReader::try_from).transpose()?,
            ))
        };
        match streams() {
            Ok((stdin, stdout, stderr)) => Ok(Child { stdin, stdout, stderr, process }),
            Err(error) => {
                process.kill()?;
                process.wait(Until::TheEnd)?;
                Err(error)
            }
        }
    }

    /// The number of the process. After it was waited for another may have it.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    ///
    /// let mut shell = Command::new("sh");
    /// let child = shell.args(["-c", "echo $$"]).stdout(Stdio::piped()).spawn()?;
    /// let id = child.id();
    /// assert_eq!(child.wait_with_output()?.stdout, format!("{id}\n").as_bytes());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Blocks until the process ends, after dropping [`stdin`](Self::stdin), so that it does not wait for more. Waiting
    /// again returns the same.
    ///
    /// If it writes to a pipe that nobody reads, it may never end: [`wait_with_output`](Self::wait_with_output) reads.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    ///
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// assert!(child.wait()?.success()); // its input has ended with that
    /// assert!(child.stdin.is_none());
    /// assert!(child.wait()?.success()); // the same again
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// The system's, if it is not there to be waited for: `SIGCHLD` is ignored in this process, or somebody else has waited
    /// for it.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.stdin = None;
        match self.process.wait(Until::TheEnd)? {
            Some(status) => Ok(status),
            None => unreachable!("without a deadline it waits until the end"),
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`. `None`: it goes on. [`Child`] has an example.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        self.stdin = None;
        let deadline = Instant::now().checked_add(timeout);
        self.process.wait(deadline.map_or(Until::TheEnd, Until::Time))
    }

    /// As [`wait`](Self::wait), until `deadline` at the latest. `None`: it goes on.
    ///
    /// ```
    /// use gort::process::Command;
    /// use std::time::Instant;
    ///
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// assert!(child.wait_deadline(Instant::now())?.is_none());
    /// child.kill()?;
    /// assert_eq!(child.wait()?.code(), None); // ended by a signal
    /// child.kill()?; // it is gone, and nobody else is hit
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_deadline(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        self.stdin = None;
        self.process.wait(Until::Time(deadline))
    }

    /// As [`wait`](Self::wait), until `context` is done at the latest. `None`: it goes on.
    ///
    /// ```
    /// use gort::context::{Context, background, with_cancel};
    /// use gort::process::{Command, ExitStatus};
    /// use std::io;
    ///
    /// fn run(context: &Context, command: &mut Command) -> io::Result<ExitStatus> {
    ///     let mut child = command.spawn()?;
    ///     if let Some(status) = child.wait_context(context)? {
    ///         return Ok(status);
    ///     }
    ///     child.kill()?;
    ///     child.wait()
    /// }
    ///
    /// # gort::run(|| {
    /// let (context, cancel) = with_cancel(&background());
    /// gort::go!(move || cancel.cancel());
    /// assert!(!run(&context, Command::new("sleep").arg("1000"))?.success());
    /// # io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_context(&mut self, context: &Context) -> io::Result<Option<ExitStatus>> {
        self.stdin = None;
        self.process.wait(Until::Done(context))
    }

    /// How the process has ended, if it has. Never blocks, and leaves [`stdin`](Self::stdin) as it is.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    ///
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// assert!(child.try_wait()?.is_none()); // it waits for its input to end
    /// assert!(child.wait()?.success());
    /// assert!(child.try_wait()?.is_some());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Reads everything that the process writes, and blocks until it ends. Of a stream that was not piped, or was
    /// taken, there is nothing.
    ///
    /// ```
    /// use gort::process::{Command, Stdio};
    /// use std::io::Write;
    ///
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    /// child.stdin.as_mut().unwrap().write_all(b"hello")?; // little: more than a pipe holds is for another goroutine
    /// assert_eq!(child.wait_with_output()?.stdout, b"hello");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Self::wait), and those of reading.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        self.stdin = None;
        let (stdout, stderr) = match (self.stdout.take(), self.stderr.take()) {
            // Both at once: it may write much to the one before it ends the other.
            (Some(stdout), Some(stderr)) => scope(|scope| {
                let errors = scope.go(|| read_all(Some(stderr)));
                let text = read_all(Some(stdout));
                let errors = errors.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                io::Result::Ok((text?, errors?))
            })?,
            (stdout, stderr) => (read_all(stdout)?, read_all(stderr)?),
        };
        Ok(Output { status: self.wait()?, stdout, stderr })
    }

    /// Has the system end the process at once (`SIGKILL`, on Unix). It is still to be waited for. Does nothing if it has been.
    /// [`Child`] has an example.
    ///
    /// # Errors
    /// The system's: it has changed its user, say.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Sends the process a signal, [`TERMINATE`](Signal::TERMINATE) to ask it to end. Does nothing if it has ended.
    ///
    /// ```
    /// use gort::process::Command;
    /// use gort::signal::Signal;
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// # gort::run(|| {
    /// let mut child = Command::new("sleep").arg("1000").spawn()?;
    /// child.signal(Signal::TERMINATE)?;
    /// assert_eq!(child.wait()?.signal(), Some(Signal::TERMINATE.as_raw()));
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` if there is no such signal; the system's. `Unsupported` on Windows.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        self.process.signal(signal)
    }
}

fn read_all(stream: Option<PipeReader>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut all)?;
    }
    Ok(all)
}
