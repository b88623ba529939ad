//! What a signal is called.

use crate::sys::signals::{self, numbers};
use std::fmt;
use std::io;

/// A signal, by its number.
///
/// ```
/// use gort::signal::Signal;
///
/// assert_eq!(Signal::TERMINATE.to_string(), "SIGTERM");
/// assert_eq!(Signal::from_raw(9), Signal::KILL);
/// assert_eq!(Signal::from_raw(-1).to_string(), "signal -1"); // there is no such signal
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

impl Signal {
    /// `SIGINT`: Ctrl-C in the terminal.
    pub const INTERRUPT: Signal = Signal(numbers::SIGINT);
    /// `SIGTERM`: the process is asked to end.
    pub const TERMINATE: Signal = Signal(numbers::SIGTERM);
    /// `SIGHUP`: the terminal is gone; for servers, by custom: the configuration has changed.
    pub const HANGUP: Signal = Signal(numbers::SIGHUP);
    /// `SIGQUIT`: Ctrl-\ in the terminal.
    pub const QUIT: Signal = Signal(numbers::SIGQUIT);
    /// `SIGUSR1`: whatever the program takes it for.
    pub const USER1: Signal = Signal(numbers::SIGUSR1);
    /// `SIGUSR2`: whatever the program takes it for.
    pub const USER2: Signal = Signal(numbers::SIGUSR2);
    /// `SIGCHLD`: a child process has ended or was stopped.
    pub const CHILD: Signal = Signal(numbers::SIGCHLD);
    /// `SIGWINCH`: the terminal's window has another size.
    pub const WINDOW_CHANGE: Signal = Signal(numbers::SIGWINCH);
    /// `SIGALRM`: a timer of `alarm` or `setitimer` has fired.
    pub const ALARM: Signal = Signal(numbers::SIGALRM);
    /// `SIGPIPE`: written to a pipe or socket that nobody reads from. Rust programs ignore it, and see an error.
    pub const PIPE: Signal = Signal(numbers::SIGPIPE);
    /// `SIGTSTP`: Ctrl-Z in the terminal.
    pub const TERMINAL_STOP: Signal = Signal(numbers::SIGTSTP);
    /// `SIGCONT`: goes on after it was stopped.
    pub const CONTINUE: Signal = Signal(numbers::SIGCONT);
    /// `SIGURG`: urgent data at a socket. The runtime's own where goroutines are
    /// [preempted in place](crate::RuntimeBuilder::preempt_in_place).
    pub const URGENT: Signal = Signal(numbers::SIGURG);
    /// `SIGABRT`: the process has aborted.
    pub const ABORT: Signal = Signal(numbers::SIGABRT);
    /// `SIGKILL`: ends the process. Cannot be received or ignored.
    pub const KILL: Signal = Signal(numbers::SIGKILL);
    /// `SIGSTOP`: stops the process. Cannot be received or ignored.
    pub const STOP: Signal = Signal(numbers::SIGSTOP);

    /// The signal of a number, as the system counts. Whether there is one is found out when it is used.
    pub const fn from_raw(number: i32) -> Signal {
        Signal(number)
    }

    /// The system's number of the signal; the opposite of [`from_raw`](Self::from_raw).
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Sends the signal to the process itself. It may have come when this returns, or be about to. (On Windows this does what gort's
    /// handler does; others that the program has are not called.)
    ///
    /// ```
    /// use gort::signal::{Signal, ignore, notify};
    ///
    /// let signals = notify(&[Signal::USER2])?;
    /// Signal::USER2.raise()?;
    /// assert_eq!(signals.recv(), Some(Signal::USER2));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` if there is no such signal, on Windows for all but [`INTERRUPT`](Self::INTERRUPT) and [`TERMINATE`](Self::TERMINATE).
    pub fn raise(self) -> io::Result<()> {
        signals::raise(self.0)
    }

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            numbers::SIGHUP => "SIGHUP",
            numbers::SIGINT => "SIGINT",
            numbers::SIGQUIT => "SIGQUIT",
            numbers::SIGILL => "SIGILL",
            numbers::SIGTRAP => "SIGTRAP",
            numbers::SIGABRT => "SIGABRT",
            numbers::SIGBUS => "SIGBUS",
            numbers::SIGFPE => "SIGFPE",
            numbers::SIGKILL => "SIGKILL",
            numbers::SIGUSR1 => "SIGUSR1",
            numbers::SIGSEGV => "SIGSEGV",
            numbers::SIGUSR2 => "SIGUSR2",
            numbers::SIGPIPE => "SIGPIPE",
            numbers::SIGALRM => "SIGALRM",
            numbers::SIGTERM => "SIGTERM",
            numbers::SIGCHLD => "SIGCHLD",
            numbers::SIGCONT => "SIGCONT",
            numbers::SIGSTOP => "SIGSTOP",
            numbers::SIGTSTP => "SIGTSTP",
            numbers::SIGTTIN => "SIGTTIN",
            numbers::SIGTTOU => "SIGTTOU",
            numbers::SIGURG => "SIGURG",
            numbers::SIGXCPU => "SIGXCPU",
            numbers::SIGXFSZ => "SIGXFSZ",
            numbers::SIGVTALRM => "SIGVTALRM",
            numbers::SIGPROF => "SIGPROF",
            numbers::SIGWINCH => "SIGWINCH",
            numbers::SIGIO => "SIGIO",
            numbers::SIGSYS => "SIGSYS",
            _ => return None,
        })
    }
}

impl fmt::Display for Signal {
    /// As C names it, `SIGTERM`; one without a name by its number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "Signal({})", self.0),
        }
    }
}
