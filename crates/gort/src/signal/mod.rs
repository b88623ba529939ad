//! Signals of the operating system, received from a channel.
//!
//! ```
//! use gort::signal::{self, Signal};
//!
//! # gort::run(|| {
//! let signals = signal::notify(&[Signal::INTERRUPT, Signal::TERMINATE, Signal::HANGUP]).unwrap();
//! # Signal::TERMINATE.raise().unwrap();
//! for signal in signals {
//!     match signal {
//!         Signal::HANGUP => { /* read the configuration again */ }
//!         _ => break, // stop accepting, let those who are at work finish
//!     }
//! }
//! # });
//! ```
//!
//! | to | use |
//! |---|---|
//! | receive signals, in a `select!` say | [`notify`] |
//! | wait for Ctrl-C | [`ctrl_c`] |
//! | have a signal do nothing, or what it does by default | [`ignore`], [`reset`] |
//! | send oneself one | [`Signal::raise`] |
//!
//! All of it may be used from goroutines and from plain threads. The receiver is that of a [channel](crate::chan()): waiting for a signal
//! parks, and can have a time-out, a context, or other arms of a `select!` beside it.
//!
//! # What becomes of the signal's own effect
//! While somebody receives a signal it does not do what it does otherwise: a `SIGTERM` does not end the process. When the
//! last receiver of a signal is dropped, the process goes back to what was set before. That is done when the
//! next signal arrives, or this module is used again, and cannot be told from its being done at once: a signal
//! that finds nobody to receive it has its own effect after all. A second Ctrl-C ends a program that has
//! dropped the receiver after the first and is stuck in its clean-up.
//!
//! Signals that every thread has blocked, as a program may have to begin with, are received all the same.
//!
//! A handler that some library has installed before goes on being called, in the handler of gort and before the signal
//! is received. One that is installed later takes the signal away, unless it calls the one that was there, as it should.
//! It stays when nobody receives the signal any more, until [`ignore`] or [`reset`] takes it away.
//!
//! # On Windows
//! The console's events take the place of signals: Ctrl-C and Ctrl-Break are [`INTERRUPT`](Signal::INTERRUPT); that the window is closed, the
//! user logs off or the system shuts down is [`TERMINATE`](Signal::TERMINATE), after which Windows gives the program some seconds. There are no others: they are refused,
//! with `InvalidInput`. What follows is about Unix.
//!
//! # Other processes
//! Commands that are started ([`process`](std::process)) begin with the default effect of signals that are received
//! here, and with that of [`ignore`] for those that are ignored. In a process that was forked off without that,
//! signals do what they did before they were received here.
//!
//! # How it works
//! The handler sets a bit for the signal, and wakes a thread (on macOS through a pipe) that starts with the first [`notify`]. That thread sends to the
//! channels, and never waits for any. On Linux no descriptor is used.

#[cfg(not(loom))]
mod deliver;
#[cfg(not(loom))]
mod name;
mod pending;

#[cfg(not(loom))]
pub use deliver::{ctrl_c, ignore, notify, reset};
#[cfg(not(loom))]
pub use name::Signal;
