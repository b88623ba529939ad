//! Contexts: to tell a tree of goroutines to give up, when, and why; after Go's `context`.
//!
//! A function that may take long takes a [`Context`] as its first argument, looks at it or waits for it beside
//! what it waits for anyway, and passes it on to what it calls. Whoever has made a context can cancel it,
//! and with it all that were derived from it.
//!
//! ```
//! use gort::context::{self, Context, ContextError};
//! use gort::{chan::Receiver, select};
//! use std::time::Duration;
//!
//! fn sum(ctx: &Context, numbers: &Receiver<u64>) -> Result<u64, ContextError> {
//!     let mut sum = 0;
//!     loop {
//!         select! {
//!             recv(numbers) -> n => match n {
//!                 Some(n) => sum += n,
//!                 None => return Ok(sum),
//!             },
//!             recv(ctx.done()) -> _ => return Err(ctx.err().unwrap()),
//!         }
//!     }
//! }
//!
//! let (ctx, _cancel) = context::with_timeout(&context::background(), Duration::from_millis(5));
//! assert_eq!(sum(&ctx, &gort::chan::never()), Err(ContextError::DeadlineExceeded));
//! ```
//!
//! | to | use |
//! |---|---|
//! | begin | [`background`]; [`todo()`] where it is not clear yet which context to pass |
//! | cancel | [`with_cancel`], [`with_cancel_cause`] |
//! | cancel at a time | [`with_deadline`], [`with_timeout`], [`with_deadline_cause`], [`with_timeout_cause`] |
//! | hand things down that go with a request | [`with_value`] |
//! | go on when the parent is cancelled | [`without_cancel`] |
//! | have something done on cancellation | [`after_func()`] |
//! | find out why | [`Context::err`], [`cause`] |
//!
//! A context costs an allocation and a place in its parent's list, one with a deadline a timer besides, of 128 bytes and
//! without a stack; none has a goroutine that waits. One that is cancelled, or dropped with all its clones and handles, is out of its parent's
//! list. Waiting for locks, semaphores and the like can be given up with a context, too: `_context` is part of
//! the names of those methods.
//!
//! All of it may be used on plain threads; a deadline or an `after_func` starts the process's runtime if need be.

mod after_func;
mod cancel;
mod error;
mod node;
mod tree;

pub use {
    after_func::{StopFunc, after_func},
    cancel::{
        Cancel, CancelCause, CancelGuard, with_cancel, with_cancel_cause, with_deadline,
        with_deadline_cause, with_timeout, with_timeout_cause,
    },
    error::{Cause, ContextError, cause},
    node::{Context, background, todo, with_value, without_cancel},
};
