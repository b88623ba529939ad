//! Two flows that call each other.

use gort_context::{Context, Entry, Stack, discard, init, switch};

/// The test's own flow, and the other.
pub struct Pair {
    pub main: Context,
    pub other: Context,
}

impl Pair {
    pub fn new(stack: &Stack, entry: Entry) -> Box<Pair> {
        // SAFETY: the test keeps the stack until the pair has ended, and runs nothing else on it.
        let other = unsafe { init(stack, entry) }.unwrap();
        Box::new(Pair { main: Context::DANGLING, other })
    }

    /// Goes to the other flow with a word; returns with the one that it comes back with.
    pub fn go(&mut self, word: *mut ()) -> *mut () {
        let (save, to) = self.there();
        // SAFETY: the other flow waits in `back`, or has not begun, and nobody else has its context.
        unsafe { switch(save, to, word) }
    }

    /// Goes to it with the pair as the word, which it has to know to come back.
    pub fn call(&mut self) -> *mut () {
        let word = (&raw mut *self).cast();
        self.go(word)
    }

    /// Where the test's flow is saved, and where the other one goes on.
    pub fn there(&mut self) -> (*mut Context, Context) {
        (&raw mut self.main, self.other)
    }

    pub fn end(self) {
        // SAFETY: it waits, or has not begun, and is not gone back to.
        unsafe { discard(self.other) };
    }
}

/// Where the other flow is saved, and where the test's goes on.
///
/// # Safety
/// The pair is there.
pub unsafe fn home(pair: *mut Pair) -> (*mut Context, Context) {
    // SAFETY: the same contract; one thread at a time runs one of the two flows.
    let pair = unsafe { &mut *pair };
    (&raw mut pair.other, pair.main)
}

/// The other flow: goes back to the test's; returns with the next word.
///
/// # Safety
/// It is the other flow of this pair that calls it.
pub unsafe fn back(pair: *mut Pair, word: *mut ()) -> *mut () {
    // SAFETY: by this function's contract the pair is there.
    let (save, to) = unsafe { home(pair) };
    // SAFETY: its test waits in `go`.
    unsafe { switch(save, to, word) }
}
