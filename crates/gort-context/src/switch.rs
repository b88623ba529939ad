//! The contract between this crate and its architectures.
//!
//! Each file in `arch/` supplies:
//!
//! | function | what it does |
//! |---|---|
//! | `init(stack, entry)` | lays down the first frame of a context; the first switch to it calls [`run_entry`] with the word it brings and `entry` |
//! | `switch(save, to, word)` | saves what the ABI calls callee-saved, writes the place to `*save`, goes on with `to`, hands `word` over |
//! | `discard(ctx)` | frees what a suspended context holds outside its stack |
//! | `on_stack(stack, call, data)` | calls `call(data)` with the stack pointer at the top of `stack` and comes back; a panic may pass |
//! | `on_context(ctx, call, data)` | the same in the free space below a suspended context |
//! | `lowest_used(ctx)` | the lowest address of its stack that a suspended context needs |
//! | `wipe_below()` | see [`crate::wipe_below`] |
//! | `note_trimmed(ctx, stack)` | takes note that the memory below a suspended context has been given back |
//! | `cut_chain(callee, sp, at)` | makes an unwinder stop at the frame with this stack pointer and return address, given its callee's stack pointer; for a process that is about to end |
//! | `pass_discard(payload)` | see [`crate::pass_discard`] |
//! | `control::{keep, forget}` | see [`crate::control`] |
//! | `prefetch::{line, word_at}` | asks for a line of memory; reads a word that others may be writing |
//! | `carried::{get, set}` | one word per OS thread, which is never cached over a switch |
//! | `carried::on_the_way()` | where [`preempt`](crate::preempt) is there: what these two have in a register in between and is the thread's |
//! | `call_as_if_from(from, stack, call, data)` | on Windows: as `on_stack`, but from where an exception was raised, and without coming back |
//!
//! The order of the two effects of `switch` matters to every scheduler: `*save` is written *before* the first
//! instruction of the flow it goes on with. So that flow may at once publish the saved context to other
//! threads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::{fmt, io};

use crate::arch;
use crate::stack::Stack;

/// Where a suspended flow of control resumes.
///
/// One machine word, without an owner and without a lifetime: whoever holds it must know that it is still
/// suspended. It is used up by the switch that resumes it; the flow's next suspension gives a new one.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Context(NonNull<()>);

// SAFETY: the word only names a place; to make use of it is unsafe, and the flow behind it may by the
// contract of `switch` be resumed by any thread.
unsafe impl Send for Context {}
// SAFETY: there is nothing to be done with `&Context` that a copy could not do.
unsafe impl Sync for Context {}

impl Context {
    /// A context that names no flow. It must not be switched to; it is there to be overwritten by a switch.
    pub const DANGLING: Context = Context(NonNull::dangling());

    pub(crate) fn new(at: *mut ()) -> Context {
        Context(NonNull::new(at).expect("a context is never at address zero"))
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *mut () {
        self.0.as_ptr()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({:p})", self.0)
    }
}

/// The function a new context begins with; its argument is the word of the first switch to it.
///
/// It has nowhere to return to: it ends by switching away for good. A panic that leaves it aborts the process
/// with a message that says so.
pub type Entry = unsafe extern "C-unwind" fn(word: *mut ()) -> !;

/// Prepares a new context on `stack`. Nothing runs until somebody switches to it.
///
/// # Errors
/// With the feature `threads`, when the system has no thread to give. Never otherwise.
///
/// # Safety
/// * No other context, and no [`on_stack`] call, uses `stack` until this one is given up for good.
/// * `stack` lives as long as that.
/// * `entry` may be called with the word of the first switch.
#[inline]
pub unsafe fn init(stack: &Stack, entry: Entry) -> io::Result<Context> {
    arch::init(stack, entry)
}

/// Suspends the running flow into `*save`, goes on with `to`, and hands it `word`.
///
/// `word` comes out of the call to `switch` by which `to` had been suspended, or is the argument of its
/// [`Entry`]. This call returns when somebody switches to what was saved, with the word they pass; perhaps on
/// another thread than it was made on, so nothing that came from thread-local storage may be kept over it.
///
/// # Safety
/// * `to` is suspended, and this is the only call that resumes it.
/// * `save` is valid for a write, until the write is done. The write is done before `to` runs.
/// * What the resumed flow does on this thread is right there: it may hold values that are bound to the
///   thread it was suspended on.
#[inline(always)]
pub unsafe fn switch(save: *mut Context, to: Context, word: *mut ()) -> *mut () {
    // SAFETY: the same contract.
    unsafe { arch::switch(save, to, word) }
}

/// Forgets a suspended context that nobody will resume.
///
/// Destructors of the values in its frames do not run, and its stack may be used again afterwards. Where a
/// context is only a place on a stack this does nothing; with the feature `threads` it ends the thread behind
/// it. (There the frames are unwound, and their destructors run; see [`pass_discard`].) Every context is
/// either resumed or discarded, also the last one of a flow that is done.
///
/// # Safety
/// `ctx` is suspended, and nobody resumes it.
#[inline]
pub unsafe fn discard(ctx: Context) {
    // SAFETY: the same contract.
    unsafe { arch::discard(ctx) }
}

/// Overwrites what calls that have returned have left below the caller's frame, where such calls leave pointers to the
/// thread's storage: a kilobyte on AArch64; four and a half, what a wait takes up, in unoptimized builds on x86-64. In
/// optimized ones there it does nothing.
///
/// The next frames are built there. One with a slot that it does not write to, in which a flow is then suspended,
/// would seem to [point into](crate::points_into) that storage.
#[inline(always)]
pub fn wipe_below() {
    arch::wipe_below();
}

/// To be called by whoever catches all panics inside a context, with what was caught: gives it back, unless
/// it is what [`discard`] unwinds the context's frames with, in which case the unwinding goes on.
///
/// With the feature `threads` a discarded context ends by unwinding; a scheduler that took this for a panic
/// of the user's would go on with a flow that is to be gone. Without the feature this gives back what it got.
pub fn pass_discard(payload: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    arch::pass_discard(payload)
}

/// The outermost frame of every context: holds back panics, which have nowhere to go.
#[cfg_attr(
    feature = "threads",
    expect(dead_code, reason = "threads have an outermost frame of their own")
)]
pub(crate) unsafe extern "C-unwind" fn run_entry(word: *mut (), entry: Entry) -> ! {
    let escaped = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: by the contract of `init`, `entry` may be called with the word of the first switch.
        unsafe { entry(word) };
    }));
    drop(escaped);
    panic_escaped()
}

pub(crate) fn panic_escaped() -> ! {
    eprintln!(
        "gort-context: a panic left the entry function of a context; there is nobody to catch it: aborting"
    );
    std::process::abort()
}

/// Runs `f` on another stack, and comes back with its value.
///
/// A panic in `f` goes on in the caller, payload and all, and a backtrace from within `f` goes on into the
/// caller's frames.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let pool = gort_context::StackPool::new(64 << 10)?;
/// let mut stack = pool.take()?;
/// let sum = gort_context::on_stack(&mut stack, || (1..=10).sum::<i32>());
/// assert_eq!(sum, 55);
/// # Ok(()) }
/// ```
pub fn on_stack<R>(stack: &mut Stack, f: impl FnOnce() -> R) -> R {
    call_with(f, |call, data| {
        // SAFETY: the exclusive borrow says that nobody else runs on this stack, and contexts on it are ruled
        // out by the contract of `init`.
        unsafe { arch::on_stack(stack, call, data) }
    })
}

/// Runs `f` in the free space of a suspended context's stack, and comes back with its value.
///
/// This is how a scheduler does work on a machine's own stack, while the flow that owns it is suspended. A
/// panic in `f` goes on in the caller.
///
/// # Safety
/// `ctx` is suspended, and nobody resumes or discards it until `f` is done.
pub unsafe fn on_context<R>(ctx: Context, f: impl FnOnce() -> R) -> R {
    call_with(f, |call, data| {
        // SAFETY: the same contract.
        unsafe { arch::on_context(ctx, call, data) }
    })
}

/// Makes a plain function and a plain pointer out of a closure, for the assembly to call.
fn call_with<F: FnOnce() -> R, R>(
    f: F,
    run: impl FnOnce(unsafe extern "C-unwind" fn(*mut ()), *mut ()),
) -> R {
    struct Job<F, R> {
        f: Option<F>,
        value: Option<R>,
    }
    unsafe extern "C-unwind" fn call<F: FnOnce() -> R, R>(data: *mut ()) {
        // SAFETY: `data` is the job below, which nobody else looks at until this returns.
        let job = unsafe { &mut *data.cast::<Job<F, R>>() };
        if let Some(f) = job.f.take() {
            job.value = Some(f());
        }
    }
    let mut job = Job { f: Some(f), value: None };
    run(call::<F, R>, (&raw mut job).cast());
    job.value.expect("the call came back without a panic, so it left a value")
}

/// The floating-point control words: rounding, exception masks, flush to zero.
///
/// They belong to the context. A new one begins with the defaults (MXCSR 0x1F80, x87 0x037F, or 0x027F on
/// Windows; FPCR 0 on AArch64), provided that the thread had them, and each finds its own again after a switch, *if* it has changed them by C's
/// `<fenv.h>`, or by other means and then called [`keep`](control::keep). A flow that changes MXCSR by hand
/// and does not say so takes its change along to whoever it switches to: to look at MXCSR would cost each
/// switch more than four times what it costs now. On AArch64 there is one word, FPCR, at which every switch looks.
///
/// By the rules of Rust, code that the Rust compiler compiles must not run with other control words than the
/// defaults: it reckons and folds constants with them. So this is for flows that call into other languages,
/// or assembly, in between.
///
/// With the feature `threads` each context has the words of its thread, and these functions do nothing.
pub mod control {
    use crate::arch;

    /// From here on, the running flow's control words are kept for it whatever they are.
    ///
    /// Each time it is suspended and resumed takes some 100 ns more until it calls [`forget`].
    pub fn keep() {
        arch::control::keep();
    }

    /// Undoes [`keep`]; to be called when MXCSR is at its default again.
    pub fn forget() {
        arch::control::forget();
    }
}

/// One machine word that belongs to the OS thread, and that is read afresh each time.
///
/// A scheduler keeps the pointer to "the machine I am on" here. A thread-local would not do: the compiler may
/// compute its address once and keep it over a switch, after which it is another thread's. Every thread
/// begins with null.
///
/// With the feature `threads`, a switch takes the word along to the thread it goes to, so that it stays with
/// what the layers above take to be the OS thread. Where a context is [discarded](discard), destructors find null.
///
/// On ELF the word lives in the static TLS block (the initial-exec model): two instructions to read on x86-64, four on
/// AArch64. A shared object that contains this crate can be loaded with `dlopen` as long as libc has static TLS to spare for all of its
/// thread-locals: glibc has a kilobyte or two. On Windows it lives in the module's TLS; elsewhere the thread library keeps it.
pub mod carried {
    use crate::arch;

    /// The word of the thread that runs this; null if never set.
    #[inline(always)]
    pub fn get() -> *mut () {
        arch::carried::get()
    }

    /// Sets the word of the thread that runs this.
    ///
    /// # Safety
    /// Whoever else in the program reads the word can live with the new value: this is one word for the whole
    /// process's copy of this crate, and a scheduler that is at work relies on what it put there.
    #[inline(always)]
    pub unsafe fn set(p: *mut ()) {
        // SAFETY: the same contract.
        unsafe { arch::carried::set(p) }
    }
}
