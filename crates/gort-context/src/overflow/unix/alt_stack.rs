//! The stack that a thread's signal handlers run on.

use std::io;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

use super::handler;
use crate::stack::{Stack, StackPool};

/// Address space; memory is taken up as handlers touch it.
const SIZE: usize = 256 << 10;

/// Gives the calling thread an alternate signal stack, until it is dropped.
///
/// The thread takes the signal of a fault from then on, if it has inherited that it is blocked: one that is blocked ends the
/// process without a word.
///
/// A fault on a context's stack that is used up can only be handled on another stack. The one that std gives
/// each thread is small; this one has room for other people's handlers too.
#[derive(Debug)]
pub struct AltStack {
    before: Before,
    // Declared last: its memory goes after the thread has stopped using it.
    stack: Stack,
    /// It is this thread's.
    not_send: PhantomData<*mut ()>,
}

struct Before(libc::stack_t);

impl std::fmt::Debug for Before {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl AltStack {
    /// Makes one and puts it to use.
    ///
    /// # Errors
    /// When there is no memory for it, or the thread is just running on an alternate stack.
    pub fn new() -> io::Result<AltStack> {
        static POOL: Mutex<Option<StackPool>> = Mutex::new(None);
        super::unblock(handler::SIGNAL);
        let stack = {
            let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
            match &*pool {
                Some(pool) => pool.take()?,
                None => pool.insert(StackPool::new(SIZE)?).take()?,
            }
        };
        let ours =
            libc::stack_t { ss_sp: stack.limit().cast(), ss_flags: 0, ss_size: stack.usable() };
        let mut before =
            libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: the stack is ours, and is not given back before it is out of use.
        if unsafe { libc::sigaltstack(&raw const ours, &raw mut before) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(AltStack { before: Before(before), stack, not_send: PhantomData })
    }
}

impl Drop for AltStack {
    fn drop(&mut self) {
        let mut now = libc::stack_t { ss_sp: null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: without a new one nothing changes, and the place for the old one is valid.
        unsafe { libc::sigaltstack(std::ptr::null(), &raw mut now) };
        if now.ss_sp == self.stack.limit().cast() {
            // SAFETY: what was there before was there for the thread's lifetime.
            unsafe { libc::sigaltstack(&raw const self.before.0, null_mut()) };
        }
    }
}
