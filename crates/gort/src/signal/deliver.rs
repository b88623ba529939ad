//! Who receives which signals, and the thread that sends to them.

use super::Signal;
use super::pending::{Pending, Signals};
use crate::chan::{Receiver, Sender, chan};
use crate::sys::signals::{self, Mask, User};
use crate::sys::{Disposition, Origin, wait_on_address, wake_one};
use std::ffi::c_void;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// So many signals wait for a receiver that does not take them.
const KEPT: usize = 64;

const FORKED_OFF: &str = "this process was forked off by one that was notified of signals, and has none of \
                          that one's threads to pass them on";

static PENDING: Pending = Pending::new();

static NOTIFICATION: User = User { purpose: "signal::notify", on_signal };

/// In the signal handler.
///
/// # Safety
/// None is needed; this is the type that the handler asks for.
unsafe fn on_signal(signal: i32, _context: *mut c_void) -> bool {
    PENDING.note(signal, wake_one);
    false
}

struct Subscriber {
    signals: Signals,
    sender: Sender<Signal>,
}

struct Subscribers {
    list: Vec<Subscriber>,
    /// What there is a handler for.
    handled: Signals,
    /// Where the thread runs, if it does.
    served: Option<Origin>,
}

fn subscribers() -> MutexGuard<'static, Subscribers> {
    static SUBSCRIBERS: Mutex<Subscribers> =
        Mutex::new(Subscribers { list: Vec::new(), handled: Signals::NONE, served: None });
    SUBSCRIBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscribers {
    /// Takes those out whose receiver is gone, and the handlers that nobody needs any more. Those beneath handlers of others
    /// count as handled until they can be taken out: the others may put them back.
    fn sweep(&mut self) {
        self.list.retain(|subscriber| !subscriber.sender.is_closed());
        let all = self.list.iter().fold(Signals::NONE, |all, one| all.and(one.signals));
        let unneeded = self.handled.without(all).iter();
        let kept = unneeded.filter(|&signal| !signals::uninstall(signal));
        self.set_handled(kept.fold(all, |all, one| all.and(Signals::of(one))));
    }

    /// The thread takes these from now on: it looks when it is called.
    fn set_handled(&mut self, signals: Signals) {
        if self.handled != signals {
            self.handled = signals;
            PENDING.call(wake_one);
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        match self.served {
            Some(origin) if origin.is_here() => return Ok(()),
            Some(_) => return Err(io::Error::new(io::ErrorKind::Unsupported, FORKED_OFF)),
            None => {}
        }
        let started = thread::Builder::new().name("gort-signals".into()).spawn(pass_on);
        started.map_err(|error| {
            let message = format!("a thread to pass signals on cannot be had: {error}");
            io::Error::new(error.kind(), message)
        })?;
        self.served = Some(Origin::here());
        Ok(())
    }
}

/// Receives signals from now on, like Go's `signal.Notify`: each that the process gets arrives at the
/// receiver, instead of having [its own effect](crate::signal#what-becomes-of-the-signals-own-effect).
///
/// There may be any number of receivers for a signal, and each gets it. (Clones of one receiver share, as with
/// any channel.) When the last receiver of a signal is dropped the signal has its own effect again.
///
/// Signals are not counted: the system, and gort, may make one of several of the same kind that come at about the same
/// time. Whoever sends is never held up: when 64 wait in a receiver, what comes then is dropped. So a
/// signal says that something is to be looked at, and not how often.
///
/// ```
/// use gort::signal::{Signal, notify};
/// use gort::{chan, go, select};
/// use std::time::Duration;
///
/// # gort::run(|| {
/// let stop = notify(&[Signal::INTERRUPT, Signal::TERMINATE]).unwrap();
/// let (tx, requests) = chan(0);
/// go!(move || while tx.send("a request").is_ok() {});
/// # let mut served = 0;
/// let signal = loop {
///     select! {
///         recv(stop) -> signal => break signal,
///         recv(requests) -> _request => {
///             // serve it
/// #           served += 1;
/// #           if served == 10 { Signal::TERMINATE.raise().unwrap() }
///         },
///     }
/// };
/// assert_eq!(signal, Some(Signal::TERMINATE));
/// # });
/// ```
///
/// # Errors
/// `InvalidInput` for signals that cannot be caught (`SIGKILL`, `SIGSTOP`), that report faults (`SIGSEGV` and the
/// like) or do not exist (on Windows all but two), and for no signals at all; `ResourceBusy` for the one by which the runtime
/// [preempts](crate::RuntimeBuilder::preempt_in_place). Nothing has changed then. The system's error if there is no thread to be had;
/// `Unsupported` in a process that was forked off one which had been notified, as that one's thread is not there.
pub fn notify(signals: &[Signal]) -> io::Result<Receiver<Signal>> {
    if signals.is_empty() {
        let message = "no signals were given to be notified of";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    signals.iter().try_for_each(|&signal| check(signal))?;
    let wanted = signals.iter().fold(Signals::NONE, |all, one| all.and(Signals::of(one.as_raw())));
    let mut subscribers = subscribers();
    subscribers.serve()?;
    subscribers.sweep();
    for signal in wanted.iter() {
        if let Err(error) = signals::install(signal, &NOTIFICATION) {
            // Those that were installed just now go again.
            subscribers.sweep();
            return Err(io::Error::new(
                error.kind(),
                format!("{}: {error}", Signal::from_raw(signal)),
            ));
        }
        let handled = subscribers.handled.and(Signals::of(signal));
        subscribers.set_handled(handled);
    }
    let (sender, receiver) = chan(KEPT);
    subscribers.list.push(Subscriber { signals: wanted, sender });
    Ok(receiver)
}

/// Blocks until Ctrl-C is pressed in the terminal (or the process gets a `SIGINT` otherwise).
///
/// Beside other things, or up to a time, it is waited for with [`notify`] and `select!`.
///
/// After that Ctrl-C ends the process again, unless it is waited for again, or received by others. Whoever waits for it repeatedly
/// uses [`notify`], to miss none in between.
///
/// ```
/// # use gort::signal::{Signal, ignore};
/// # fn serve() {
/// #     loop {
/// #         Signal::INTERRUPT.raise().unwrap(); // as whoever presses Ctrl-C
/// #         gort::sleep(std::time::Duration::from_millis(1));
/// #     }
/// # }
/// # ignore(&[Signal::INTERRUPT])?; // it may come before it is waited for
/// gort::run(|| {
///     gort::go!(serve);
///     gort::signal::ctrl_c().expect("no signals");
///     println!("bye");
/// });
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`notify`].
pub fn ctrl_c() -> io::Result<()> {
    notify(&[Signal::INTERRUPT])?.recv();
    Ok(())
}

/// From now on these signals do nothing, wherever nobody [receives](notify) them; as `trap '' HUP` in a shell.
/// Commands that are started ignore them, too.
///
/// ```
/// use gort::signal::{Signal, ignore};
///
/// ignore(&[Signal::HANGUP])?;
/// Signal::HANGUP.raise()?; // would end the process
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`notify`], but for no signals at all, of which nothing changes.
pub fn ignore(signals: &[Signal]) -> io::Result<()> {
    dispose(signals, Disposition::Ignore)
}

/// From now on these signals do what they do by default, wherever nobody [receives](notify) them. A handler that
/// some library has installed for them is taken away.
///
/// A command-line program whose output may be piped to `head` ends quietly then, as others do. (It may also end by writing to another
/// pipe, or socket, that nobody reads from any more: a server leaves the signal ignored, and gets an error.)
///
/// ```
/// use gort::signal::{Signal, reset};
///
/// reset(&[Signal::PIPE])?;
/// # gort::signal::ignore(&[Signal::PIPE])?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// As [`ignore`].
pub fn reset(signals: &[Signal]) -> io::Result<()> {
    dispose(signals, Disposition::Default)
}

fn dispose(signals: &[Signal], disposition: Disposition) -> io::Result<()> {
    signals.iter().try_for_each(|&signal| check(signal))?;
    // Locked to the end: nobody begins to receive in between.
    let mut subscribers = subscribers();
    subscribers.sweep();
    for signal in signals.iter().map(|signal| signal.as_raw()) {
        let is_received = subscribers.list.iter().any(|one| one.signals.contains(signal));
        signals::dispose(signal, disposition, &NOTIFICATION, is_received)?;
        if !is_received {
            // From now on it may be another user's.
            let handled = subscribers.handled.without(Signals::of(signal));
            subscribers.set_handled(handled);
        }
    }
    Ok(())
}

fn check(signal: Signal) -> io::Result<()> {
    signals::check(signal.as_raw()).map_err(|why| {
        let message = format!("{signal} cannot be received or ignored: {why}");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

/// The thread: passes on what the handlers note. Signals that are received come to it, if to no other: who has started the
/// process may have blocked them, and all threads have inherited that.
fn pass_on() {
    let inherited = Mask::of_this_thread();
    let mut seen = 0;
    loop {
        let pending = PENDING.take(&mut seen, |notes, seen| wait_on_address(notes, seen, None));
        let handled = {
            let mut subscribers = subscribers();
            subscribers.sweep();
            subscribers.handled
        };
        inherited.set_without(handled.iter());
        pending.iter().for_each(deliver);
    }
}

fn deliver(signal: i32) {
    let receivers: Vec<_> = {
        let mut subscribers = subscribers();
        subscribers.sweep();
        let wanted = subscribers.list.iter().filter(|one| one.signals.contains(signal));
        wanted.map(|one| one.sender.clone()).collect()
    };
    if receivers.is_empty() {
        return signals::raise_unhandled(signal);
    }
    // Without the lock: it wakes the receivers, which may be another's futures.
    for receiver in receivers {
        let _kept_or_dropped = receiver.try_send(Signal::from_raw(signal));
    }
}
