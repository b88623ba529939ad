//! Goroutines for Rust: ordinary blocking code on millions of stackful tasks over a few threads.
//!
//! ```
//! use gort::{chan, go};
//! use std::time::Duration;
//!
//! fn main_of_the_program() {
//!     let (tx, rx) = chan(0);
//!     for worker in 1..=3 {
//!         let tx = tx.clone();
//!         go!(move || {
//!             gort::sleep(Duration::from_millis(worker));
//!             tx.send(worker * 10).unwrap(); // waits for the receiver
//!         });
//!     }
//!     drop(tx);
//!     assert_eq!(rx.iter().sum::<u64>(), 60); // until all senders are gone
//! }
//!
//! gort::run(main_of_the_program);
//! ```
//!
//! There is no `async` and no executor to choose. A goroutine has a stack of its own, calls what it
//! likes, and gives way to others when it waits: for a channel, a timer, another goroutine. It costs
//! 128 bytes, and what its closure holds beyond 48, until it first runs, and a page of stack or more from then on.
//!
//! | to | use |
//! |---|---|
//! | start the program as a goroutine | [`#[gort::main]`](main), [`run`], [`#[gort::test]`](test) |
//! | start a goroutine | [`go!`], [`spawn`](spawn()), [`Builder`]; [`scope`](scope()) for one that borrows |
//! | wait for its result | [`JoinHandle`], [`ScopedJoinHandle`], [`sync::WaitGroup`], [`sync::ErrGroup`] |
//! | send and receive | [`chan()`], [`chan`](mod@chan) |
//! | wait for several channels | [`select!`], [`select_biased!`], [`Select`](select::Select) |
//! | share a value, or wait for each other | [`sync`]: locks, conditions, semaphores and more |
//! | wait for a time, or up to one | [`sleep`], [`time`](mod@time), [`chan::after`], [`chan::tick`] |
//! | give up together | [`context`] |
//! | read and write sockets | [`net`](mod@net) |
//! | call what blocks the thread | [`blocking`](blocking()) |
//! | wait for a future | [`block_on`](block_on()) |
//! | read and write files | [`fs`] |
//! | pipes, standard input and output, copying | [`io`] |
//! | start other programs | [`process`] |
//! | receive signals of the system, Ctrl-C | [`signal`] |
//! | stay on a thread | [`lock_thread`], [`spawn_local`] |
//! | keep something for each goroutine | [`goroutine_local!`] |
//! | know about goroutines | [`current`], [`num_goroutines`], [`stats`], [`set_panic_handler`] |
//! | have a scheduler of one's own, or settings | [`Runtime`], [`RuntimeBuilder`], [`set_gomaxprocs`], [`runtime`] |
//!
//! All of it is there on Linux, macOS and Windows, but for Unix sockets, `io::splice` and `io::copy_both`, which are not on Windows. What the systems do
//! differently is said in each module. What was run where is in the README.
//!
//! All of it may also be used on plain threads, but for [`current`] and [`spawn_local`]: there, what waits blocks the thread. Who
//! knows Go finds its idioms and what they are here in `docs/coming-from-go.md` in the repository.
//!
//! # What to know
//!
//! - **Panics** end the goroutine and run its destructors. They reach the [`JoinHandle`], or the
//!   [panic handler](set_panic_handler); the rest of the program goes on. Where a program is built with `panic = "abort"`
//!   one ends it, and so does [shutting down](Runtime::shutdown) a runtime in which somebody waits.
//! - **Stacks** do not move and do not grow beyond their size, 256 KiB of address space unless
//!   [set otherwise](Builder::stack_size). One that is used up ends the process with a report that
//!   names the goroutine.
//! - **Thread-bound values**: a goroutine that waits may go on on another thread. If a word on its stack points
//!   into its thread's `thread_local!`s it stays there. What must not be held over an operation that may
//!   block is what belongs to the thread without pointing into it: an `Rc` out of a thread-local, a reference into the `Vec` in one, a
//!   handle of a library that keeps state per thread. For these there are [`lock_thread`] and [`spawn_local`];
//!   `docs/soundness.md` in the repository has the whole story.
//! - **Blocking the thread** (a system call that waits, a contended `std::sync::Mutex`, a long computation) is
//!   noticed if others wait: they go on on another thread. [`blocking`](blocking()) makes room at once.
//!
//! # Features
//!
//! - `stream`: `futures_core::Stream` for the receiving end of a channel.
//! - `threads`: backs every goroutine with a thread of its own: for ThreadSanitizer, and for machines for
//!   which there is no context switch yet.
//!
//! The design is that of Go's scheduler where that fits; ARCHITECTURE.md in the repository tells how
//! it is built.

#![allow(
    clippy::disallowed_macros,
    reason = "clippy asks for this at the root only; .ci/layers sees to it that just `tls` has one"
)]
extern crate self as gort;

#[cfg(not(loom))]
mod block_on;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod by_value;
pub mod chan;
mod clock;
#[cfg(not(loom))]
pub mod context;
#[cfg(not(loom))]
pub mod fs;
#[cfg(not(loom))]
mod goroutine;
// Of goroutines only this is a protocol, which the models run.
#[cfg(not(loom))]
pub mod io;
#[cfg(all(test, loom))]
#[path = "goroutine/join.rs"]
mod join;
#[cfg(not(loom))]
mod join_handle;
#[cfg(not(loom))]
#[macro_use]
mod macros;
#[cfg(not(loom))]
pub mod net;
mod park;
mod poll;
mod prim;
#[cfg(not(loom))]
pub mod process;
#[cfg(not(loom))]
pub mod runtime;
mod sched;
#[cfg(not(loom))]
mod scope;
pub mod select;
pub mod signal;
#[cfg(not(loom))]
mod spawn;
pub mod sync;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod tell;
#[cfg(not(loom))]
mod thread;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
mod tls;

#[doc(inline)]
pub use chan::chan;
#[doc(inline)]
pub use gort_macros::{main, select, select_biased, test};

#[cfg(not(loom))]
pub use block_on::block_on;
#[cfg(not(loom))]
pub use blocking::{blocking, with_syscall};
#[cfg(not(loom))]
pub use goroutine::local::LocalKey;
#[cfg(not(loom))]
pub use goroutine::panic::{OnPanic, PanicInfo, Shutdown, set_panic_handler};
#[cfg(not(loom))]
pub use join_handle::JoinHandle;
#[cfg(not(loom))]
#[doc(hidden)]
pub use runtime::spawn_detached;
#[cfg(not(loom))]
#[doc(inline)]
pub use runtime::{
    Builder as RuntimeBuilder, Runtime, ShutdownError, gomaxprocs, num_goroutines, run,
    set_gomaxprocs, stats,
};
#[cfg(not(loom))]
pub use sched::{Preempt, Stats};
#[cfg(not(loom))]
pub use scope::{Scope, ScopedJoinHandle, scope};
#[cfg(not(loom))]
pub use spawn::{Builder, Goroutine, current, gosched, spawn, try_current, yield_now};
#[cfg(not(loom))]
pub use thread::{LockedThread, lock_thread, spawn_local};
#[cfg(not(loom))]
pub use time::{sleep, sleep_until};

/// Declares variables of which every goroutine has its own; see [`LocalKey`].
///
/// The syntax is that of `std::thread_local!`.
///
/// ```
/// use std::cell::{Cell, RefCell};
///
/// gort::goroutine_local! {
///     /// How deep this goroutine is in.
///     static DEPTH: Cell<u32> = Cell::new(0);
///     pub static LOG: RefCell<Vec<String>> = RefCell::new(Vec::new());
/// }
///
/// DEPTH.set(3);
/// assert_eq!(gort::spawn(|| DEPTH.get()).join().unwrap(), 0);
/// LOG.with_borrow_mut(|log| log.push(format!("depth {}", DEPTH.get())));
/// assert_eq!(LOG.with_borrow(Vec::len), 1);
/// ```
#[macro_export]
macro_rules! goroutine_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr;
        $($rest:tt)*) => {
        $crate::goroutine_local!($(#[$attribute])* $visibility static $name: $type = $init);
        $crate::goroutine_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr) => {
        $(#[$attribute])*
        $visibility static $name: $crate::LocalKey<$type> = {
            fn init() -> $type {
                $init
            }
            $crate::LocalKey::new(init)
        };
    };
}

/// The programs in the README run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What is in "Coming from Go" runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from-go.md")]
struct ComingFromGo;
