//! Select: waiting for the first of several channel operations.
//!
//! The macros [`select!`](crate::select!) and [`select_biased!`](crate::select_biased!) are for arms
//! that are known when the program is written; [`Select`] is for a number of arms that is known at run
//! time.
//!
//! ```
//! use gort::chan::{chan, after};
//! use gort::select::Select;
//! use std::time::Duration;
//!
//! let channels: Vec<_> = (0..5).map(|_| chan(1)).collect();
//! channels[3].0.send("hello").unwrap();
//! let timeout = after(Duration::from_secs(5));
//!
//! let mut select = Select::new();
//! for (_, rx) in &channels {
//!     select.recv(rx);
//! }
//! let time_is_up = select.recv(&timeout);
//! let oper = select.select();
//! let index = oper.index();
//! assert_ne!(index, time_is_up);
//! assert_eq!(oper.recv(&channels[index].1), Some("hello"));
//! ```
//!
//! Of several arms that are ready one is chosen at random, or, in a biased select, the first. Exactly
//! one arm goes ahead; the others leave nothing behind: no message taken, none sent. One channel may
//! occur in several arms, in both directions too: a select never meets itself.
//!
//! Waiting parks a goroutine, and blocks a plain thread. A goroutine that waits when its runtime is
//! [shut down](crate::Runtime::shutdown) is unwound, and no arm has gone ahead.
//
// # How it works
//
// `engine::run` looks at all arms and tries one that looks ready. If there is none it arms the
// caller's task and registers every arm with its channel, all with the same ticket, so that whoever
// comes to any of the channels first claims the wait (`park::word`), serves that arm, and wakes the
// select, which takes the other arms off their channels. With many arms that is what takes the time: two locks
// for each arm and message, or one if somebody has met the arm meanwhile and taken it off. So a `Select` over many
// that all receive leaves them there; `standing` tells how.
//
// Most arms find as they register that nobody has the lock and nothing is there. For that there is a path without
// calls: what a channel shows to those who look without the lock (`Core::readable`) is the truth with it.
//
// Invariants:
//
// S1. At most one channel's lock is held at a time, so there is no order of locks to keep.
// S2. An arm that is registered was not ready at that moment, under its channel's lock; one that is
//     ready is not registered, and the select takes its wait back and tries that arm. If the wait
//     cannot be taken back, an earlier arm has been served.
// S3. Whose wait is open has not gone ahead with any arm, and is looking for nobody: who finds a partner
//     while registering takes its own wait back first, and only then claims the partner's. Two
//     selects that find each other at once may both take theirs back; then both begin again, and one of
//     them will be first.
// S4. An arm never sees the other arms of the same wait as partners (`WaitQueue::has_open_but`). It
//     does not even have to look if the last waiter before it is of the same wait: that one is
//     found by any partner that came since. So a million arms on one channel take linear time.
// S5. The first look is without locks and may miss what just happened; so a select that does not
//     wait looks at all arms with their locks before it says that none is ready, and one that waits looks
//     again as it registers. The former is not one moment: a message that others move to and fro between two channels may
//     be missed in both, if they keep step with all four looks.
//
// Considered and rejected:
//
// - Trying the arms in a random order, with their locks, until one is ready. With one of four ready
//   that took 36 ns instead of 24: the loop ends at random, and each time costs the CPU a wrong guess.
// - A fence instead of the locks for the second look of a select that does not wait (Go looks without). If one sets a
//   flag and then selects, and the other sends and then looks at the flag, neither might see what the other did:
//   a lock that was given back does not mean yet that what was written under it can be seen.
// - Registering the arms of a select that does not wait, and taking the wait back (crossbeam's), so that its look is one moment:
//   two locks for each arm instead of one, in programs that poll, for a thing that has not been seen in a million polls of two channels
//   between which a thread moves messages.
// - Locking all channels at once in the order of their addresses (Go's): sorting, and nobody else gets
//   at any of them meanwhile.
// - A random number from thread-local storage, a clock or a shared counter: the first needs a
//   goroutine-proof accessor, the second takes as long as the select, the third is fought over. Each
//   channel has a generator of its own, and a select asks its first arm's.
// - Taking the arms off in two loops, before and after the one that was served, which is off already: with two arms
//   that is 8 instructions less, with eight 12 more (`.ci/gates select`).
// - One `Lock::lock` for all: for the call that waits for the lock registers are saved by those who do not wait.
//   What most arms run is compiled without it, and was 70 instructions and is 31.
// - To yield once before the arms are registered, while a few others wait to run: with one processor `peer-gort select w=1`
//   takes 123 ns instead of 196, with two as long as before; but one that has yielded waits behind who computes,
//   where one that has parked is woken by who has a message for it, on another processor.

mod any_arm;
#[doc(hidden)]
pub mod arms;
mod dynamic;
mod engine;
#[cfg(all(test, loom))]
mod models;
mod order;
mod standing;

pub(crate) use order::next_random;

pub use dynamic::{Select, SelectTimeoutError, SelectedOperation, TrySelectError};
