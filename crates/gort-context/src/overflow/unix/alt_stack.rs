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
///
/// The last one that a thread has got is dropped first. One that is dropped while a later one is in use keeps its memory for
/// ever, as the later one puts it back into use; so does one that is dropped on another thread.
#[derive(Debug)]
pub struct AltStack {
    before: Before,
    /// Until it is dropped.
    stack: Option<Stack>,
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
        Ok(AltStack { before: Before(before), stack: Some(stack), not_send: PhantomData })
    }
}

/// What the calling thread's signal handlers run on.
fn in_use() -> libc::stack_t {
    let mut now = libc::stack_t { ss_sp: null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: without a new one nothing changes, and the place for the old one is valid.
    unsafe { libc::sigaltstack(std::ptr::null(), &raw mut now) };
    now
}

impl Drop for AltStack {
    fn drop(&mut self) {
        let Some(stack) = self.stack.take() else { return };
        // SAFETY: what was there before was the thread's own, for its lifetime, or one of these, which keeps its memory (see below)
        // if it has been dropped.
        let put_back = || unsafe { libc::sigaltstack(&raw const self.before.0, null_mut()) } == 0;
        if in_use().ss_sp == stack.limit().cast() && put_back() {
            return drop(stack);
        }
        // It is what was there before another, or is in use on another thread.
        std::mem::forget(stack);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Makes some, and tells where they are.
    fn made_elsewhere() -> Vec<usize> {
        let make = || [0; 4].map(|_| AltStack::new().unwrap());
        let at = |alt: &AltStack| alt.stack.as_ref().unwrap().limit().addr();
        thread::spawn(move || make().iter().map(at).collect()).join().unwrap()
    }

    #[test]
    fn nobody_else_gets_the_stack_that_a_thread_has_in_use() {
        let check = || {
            let first = AltStack::new().unwrap();
            let second = AltStack::new().unwrap();
            drop(first);
            drop(second);
            assert!(!made_elsewhere().contains(&in_use().ss_sp.addr()));
        };
        thread::spawn(check).join().unwrap();
    }

    #[test]
    fn what_was_there_before_is_put_back() {
        let check = || {
            let before = in_use().ss_sp;
            let (first, second) = (AltStack::new().unwrap(), AltStack::new().unwrap());
            assert_ne!(in_use().ss_sp, before);
            drop(second);
            drop(first);
            assert_eq!(in_use().ss_sp, before);
        };
        thread::spawn(check).join().unwrap();
    }
}
