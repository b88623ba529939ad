//! Time: sleeping, timers and tickers, functions that are called later, limits.
//!
//! All of it goes by the monotonic clock, which does not jump. A duration that is too long to be added to it is
//! for ever; one that is zero, and a time that has passed, are due at once.
//!
//! All of it may be used from goroutines and from plain threads, which it blocks where it waits.
//!
//! | to | use |
//! |---|---|
//! | wait | [`sleep()`], [`sleep_until`] |
//! | get a message at a time, in a `select!` say | [`Timer`]; [`chan::after`](crate::chan::after) for one that is not stopped |
//! | get one again and again | [`Ticker`]; [`chan::tick`](crate::chan::tick) |
//! | have a function called later | [`after_func()`] |
//! | wait for a function, but not for long | [`timeout`](timeout()) |

mod after_func;
mod sleep;
mod timeout;
mod timer;

pub use after_func::{AfterFunc, after_func};
pub use sleep::{sleep, sleep_until};
pub use timeout::{Elapsed, timeout};
pub use timer::{Ticker, Timer};
