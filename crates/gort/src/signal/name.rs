//! What a signal is called.

use crate::sys::signals;
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
    pub const INTERRUPT: Signal = Signal(libc::SIGINT);
    /// `SIGTERM`: the process is asked to end.
    pub const TERMINATE: Signal = Signal(libc::SIGTERM);
    /// `SIGHUP`: the terminal is gone; for servers, by custom: the configuration has changed.
    pub const HANGUP: Signal = Signal(libc::SIGHUP);
    /// `SIGQUIT`: Ctrl-\ in the terminal.
    pub const QUIT: Signal = Signal(libc::SIGQUIT);
    /// `SIGUSR1`: whatever the program takes it for.
    pub const USER1: Signal = Signal(libc::SIGUSR1);
    /// `SIGUSR2`: whatever the program takes it for.
    pub const USER2: Signal = Signal(libc::SIGUSR2);
    /// `SIGCHLD`: a child process has ended or was stopped.
    pub const CHILD: Signal = Signal(libc::SIGCHLD);
    /// `SIGWINCH`: the terminal's window has another size.
    pub const WINDOW_CHANGE: Signal = Signal(libc::SIGWINCH);
    /// `SIGALRM`: a timer of `alarm` or `setitimer` has fired.
    pub const ALARM: Signal = Signal(libc::SIGALRM);
    /// `SIGPIPE`: written to a pipe or socket that nobody reads from. Rust programs ignore it, and see an error.
    pub const PIPE: Signal = Signal(libc::SIGPIPE);
    /// `SIGTSTP`: Ctrl-Z in the terminal.
    pub const TERMINAL_STOP: Signal = Signal(libc::SIGTSTP);
    /// `SIGCONT`: goes on after it was stopped.
    pub const CONTINUE: Signal = Signal(libc::SIGCONT);
    /// `SIGURG`: urgent data at a socket. The runtime's own where goroutines are
    /// [preempted in place](crate::RuntimeBuilder::preempt_in_place).
    pub const URGENT: Signal = Signal(libc::SIGURG);
    /// `SIGABRT`: the process has aborted.
    pub const ABORT: Signal = Signal(libc::SIGABRT);
    /// `SIGKILL`: ends the process. Cannot be received or ignored.
    pub const KILL: Signal = Signal(libc::SIGKILL);
    /// `SIGSTOP`: stops the process. Cannot be received or ignored.
    pub const STOP: Signal = Signal(libc::SIGSTOP);

    /// The signal of a number, as the system counts. Whether there is one is found out when it is used.
    pub const fn from_raw(number: i32) -> Signal {
        Signal(number)
    }

    /// The system's number of the signal.
    pub const fn as_raw(self) -> i32 {
        self.0
    }

    /// Sends the signal to the process itself. It may have come when this returns, or be about to.
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
    /// `InvalidInput` if there is no such signal.
    pub fn raise(self) -> io::Result<()> {
        signals::raise(self.0)
    }

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            libc::SIGHUP => "SIGHUP",
            libc::SIGINT => "SIGINT",
            libc::SIGQUIT => "SIGQUIT",
            libc::SIGILL => "SIGILL",
            libc::SIGTRAP => "SIGTRAP",
            libc::SIGABRT => "SIGABRT",
            libc::SIGBUS => "SIGBUS",
            libc::SIGFPE => "SIGFPE",
            libc::SIGKILL => "SIGKILL",
            libc::SIGUSR1 => "SIGUSR1",
            libc::SIGSEGV => "SIGSEGV",
            libc::SIGUSR2 => "SIGUSR2",
            libc::SIGPIPE => "SIGPIPE",
            libc::SIGALRM => "SIGALRM",
            libc::SIGTERM => "SIGTERM",
            libc::SIGCHLD => "SIGCHLD",
            libc::SIGCONT => "SIGCONT",
            libc::SIGSTOP => "SIGSTOP",
            libc::SIGTSTP => "SIGTSTP",
            libc::SIGTTIN => "SIGTTIN",
            libc::SIGTTOU => "SIGTTOU",
            libc::SIGURG => "SIGURG",
            libc::SIGXCPU => "SIGXCPU",
            libc::SIGXFSZ => "SIGXFSZ",
            libc::SIGVTALRM => "SIGVTALRM",
            libc::SIGPROF => "SIGPROF",
            libc::SIGWINCH => "SIGWINCH",
            libc::SIGIO => "SIGIO",
            libc::SIGSYS => "SIGSYS",
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
