//! Contexts that are OS threads, of which one at a time is awake. For ThreadSanitizer, for targets without a
//! switch in assembly, and for looking at a scheduler with tools that know about threads.
//!
//! A switch hands over a baton: the flow that leaves puts the word where the other will look, wakes it, and
//! goes to sleep until it is handed the baton itself. What is passed goes through atomics of this crate, not
//! through what a lock protects: std comes without ThreadSanitizer's instrumentation, so an order that only
//! its lock knows of would be reported as a race.
//!
//! | state of a flow | meaning | goes to |
//! |---|---|---|
//! | `ASLEEP` | suspended, or running and not yet asked for again | `GO` by a switch to it, `END` by `discard` |
//! | `GO` | has the baton and does not know it yet | `ASLEEP` when its thread sees it |
//! | `END` | is to come to its end; its frames unwind | `DONE` at its thread's base, or `STUCK` if it cannot unwind |
//! | `DONE` | nothing of it is left but the end of its thread | |
//! | `STUCK` | was discarded while it was unwinding from a panic; its thread sleeps for good | |

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::{io, thread};

use crate::stack::Stack;
use crate::switch::{Context, Entry, panic_escaped};

const ASLEEP: u8 = 0;
const GO: u8 = 1;
const END: u8 = 2;
const DONE: u8 = 3;
const STUCK: u8 = 4;

/// Frames of Rust's own take more room when each context is a thread: unwinding and thread start run on them
/// too.
const LEAST_STACK: usize = 256 << 10;

struct Flow {
    state: AtomicU8,
    /// Meaningful in state `GO`.
    word: AtomicPtr<()>,
    /// The carried word that comes along; meaningful in state `GO`.
    carried: AtomicPtr<()>,
    lock: Mutex<()>,
    changed: Condvar,
    /// None for a thread that was there before: a machine's own.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What unwinds the frames of a discarded flow.
struct Discarded;

mod own {
    use super::*;

    // Allowed in `lib.rs`: here a flow and its thread are one, it never resumes on another.
    thread_local! {
        pub(super) static FLOW: OnceCell<Arc<Flow>> = const { OnceCell::new() };
        pub(super) static CARRIED: Cell<*mut ()> = const { Cell::new(null_mut()) };
    }
}

impl Flow {
    fn new() -> Arc<Flow> {
        Arc::new(Flow {
            state: AtomicU8::new(ASLEEP),
            word: AtomicPtr::new(null_mut()),
            carried: AtomicPtr::new(null_mut()),
            lock: Mutex::new(()),
            changed: Condvar::new(),
            thread: Mutex::new(None),
        })
    }

    /// The flow of the calling thread. A thread that has none becomes one.
    fn current() -> Arc<Flow> {
        own::FLOW.with(|flow| Arc::clone(flow.get_or_init(Flow::new)))
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: u8) {
        let held = self.lock();
        self.state.store(state, Ordering::Release);
        drop(held);
        self.changed.notify_all();
    }

    fn wait_while(&self, state: u8) -> u8 {
        let mut held = self.lock();
        while self.state.load(Ordering::Acquire) == state {
            held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        self.state.load(Ordering::Acquire)
    }

    /// Sleeps until a switch comes here, and gives the word it brings; none if this flow was discarded.
    fn wait(&self) -> Option<*mut ()> {
        if self.wait_while(ASLEEP) != GO {
            // What the word names has gone on elsewhere, or is gone: destructors, of frames and of thread-locals, are not to
            // take it for theirs.
            own::CARRIED.set(null_mut());
            return None;
        }
        self.state.store(ASLEEP, Ordering::Relaxed);
        own::CARRIED.set(self.carried.load(Ordering::Relaxed));
        Some(self.word.load(Ordering::Relaxed))
    }
}

pub(crate) fn init(stack: &Stack, entry: Entry) -> io::Result<Context> {
    let flow = Flow::new();
    let of_thread = Arc::clone(&flow);
    let body = move || {
        own::FLOW.with(|own| own.set(Arc::clone(&of_thread)).ok());
        if let Some(word) = of_thread.wait() {
            let escaped = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: by the contract of `init`, `entry` may be called with the word of the first switch.
                unsafe { entry(word) };
            }));
            match escaped {
                Err(payload) if payload.is::<Discarded>() => {}
                _ => panic_escaped(),
            }
        }
        of_thread.set(DONE);
    };
    let thread = thread::Builder::new()
        .name("context".into())
        .stack_size(stack.size().max(LEAST_STACK))
        .spawn(body)?;
    *flow.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    Ok(Context::new(Arc::into_raw(flow).cast_mut().cast()))
}

pub(crate) unsafe fn switch(save: *mut Context, to: Context, word: *mut ()) -> *mut () {
    let me = Flow::current();
    if me.state.load(Ordering::Relaxed) == END {
        // Somebody caught the payload below and went on.
        return end(&me);
    }
    // SAFETY: valid for a write by the contract of `switch`.
    unsafe { save.write(Context::new(Arc::as_ptr(&me).cast_mut().cast())) };
    hand_over(to, word);
    match me.wait() {
        Some(word) => word,
        None => end(&me),
    }
}

fn hand_over(to: Context, word: *mut ()) {
    let to = to.as_ptr().cast::<Flow>();
    // The flow may run to its end, and its record with it, before `set` below is through; so hold it.
    // SAFETY: a context is a pointer from an `Arc`, which its suspended thread keeps alive.
    unsafe { Arc::increment_strong_count(to) };
    // SAFETY: the count just added is this handle's.
    let to = unsafe { Arc::from_raw(to) };
    to.word.store(word, Ordering::Relaxed);
    to.carried.store(own::CARRIED.get(), Ordering::Relaxed);
    to.set(GO);
}

/// The end of a discarded flow: its thread unwinds to its base.
fn end(me: &Flow) -> *mut () {
    if thread::panicking() {
        // To unwind out of a destructor that runs because of a panic would abort the process.
        me.set(STUCK);
        me.wait_while(STUCK);
    }
    resume_unwind(Box::new(Discarded))
}

pub(crate) unsafe fn discard(ctx: Context) {
    // SAFETY: for a context made by `init` the count is the one that `init` leaked, and the promise not to
    // resume the context says that it is not taken back twice.
    let flow = unsafe { Arc::from_raw(ctx.as_ptr().cast::<Flow>()) };
    let thread = flow.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(thread) = thread else {
        // A thread that was there before: what was leaked is its own, and it sleeps until the process ends.
        std::mem::forget(flow);
        return;
    };
    flow.set(END);
    if flow.wait_while(END) == DONE {
        thread.join().expect("its panics were caught at its base");
    }
}

pub(crate) fn pass_discard(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    if payload.is::<Discarded>() { resume_unwind(payload) } else { payload }
}

/// A thread has one stack, and on it there is room enough.
pub(crate) unsafe fn on_stack(
    _: &Stack,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    // SAFETY: the caller's promise.
    unsafe { call(data) };
}

pub(crate) unsafe fn on_context(
    _: Context,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    // SAFETY: the caller's promise.
    unsafe { call(data) };
}

/// What a context uses lies on its thread's stack, not on ours.
pub(crate) fn lowest_used(_: Context) -> Option<*mut u8> {
    None
}

/// Nothing is looked for on stacks here.
#[inline(always)]
pub(crate) fn wipe_below() {}

pub(crate) unsafe fn note_trimmed(_: Context, _: &Stack) {}

/// Nothing runs on the stacks that could overflow here.
pub(crate) unsafe fn cut_chain(_callee: usize, _sp: usize, _at: usize) -> bool {
    false
}

pub(crate) mod prefetch {
    pub(crate) fn line(_address: *const ()) {}

    /// # Safety
    /// None; the contract is the others'.
    pub(crate) unsafe fn word_at(_slot: *const ()) -> *const () {
        std::ptr::null()
    }
}

pub(crate) mod control {
    pub(crate) fn keep() {}
    pub(crate) fn forget() {}
}

pub(crate) mod carried {
    use super::own;

    pub(crate) fn get() -> *mut () {
        own::CARRIED.get()
    }

    pub(crate) unsafe fn set(word: *mut ()) {
        own::CARRIED.set(word);
    }
}
