//! The one thread-local of the runtime: the machine that the calling thread is, if it is one.
//!
//! It lives in gort-context's carried word, which the compiler cannot keep over a switch and which
//! follows a goroutine that is backed by a thread of its own. Nothing read here may be kept over a
//! suspension point: the goroutine may go on as another machine.

#![allow(
    clippy::missing_const_for_thread_local,
    reason = "clippy does not see it where they are kept by key"
)]

use crate::goroutine::local::Locals;
use crate::sched::{Machine, Shared};
use gort_context::carried;
use std::cell::Cell;
use std::ptr::{self, NonNull};

/// The machine of the calling thread; `None` on a thread that is no machine.
///
/// The reference must not be kept over a switch; it is `'static` because the machine outlives
/// every goroutine that runs on it.
#[inline(always)]
pub(crate) fn machine() -> Option<&'static Machine> {
    // SAFETY: only `set_machine` writes the word, and its caller keeps the machine alive; where goroutines are threads, one that is
    // discarded has it no more.
    let machine =
        NonNull::new(carried::get().cast::<Machine>()).map(|machine| unsafe { machine.as_ref() });
    // A goroutine's own thread, too, is waited for to its very end: by the machine that it ran on last.
    #[cfg(feature = "threads")]
    if let Some(machine) = machine {
        set_owner(machine.shared());
    }
    machine
}

/// Makes the calling thread a machine, or a plain thread again.
///
/// # Safety
/// `machine` stays alive until the word is set anew, and is the calling thread's own.
pub(crate) unsafe fn set_machine(machine: Option<&Machine>) {
    let word =
        machine.map_or(ptr::null_mut(), |machine| ptr::from_ref(machine).cast_mut().cast::<()>());
    // SAFETY: by this function's contract.
    unsafe { carried::set(word) }
}

std::thread_local! {
    /// The runtime whose thread it is, also while that ends; without a destructor, as those of others ask. It is the complement of
    /// where that lies: an audit looks on goroutines' stacks for what is here.
    static OWNER: Cell<usize> = const { Cell::new(0) };
    /// Goroutine-local variables of a plain thread, which does not migrate. It has no destructor of its own: those of the values
    /// may use others.
    static LOCALS: Cell<*mut Locals> = const { Cell::new(ptr::null_mut()) };
    /// Drops them.
    static AT_END: AtEnd = const { AtEnd };
}

/// Says for good that the calling thread is one of that runtime's.
pub(crate) fn set_owner(shared: &Shared) {
    OWNER.set(!ptr::from_ref(shared).addr());
}

/// Is the calling thread one of that runtime's, which may run no goroutines any more?
pub(crate) fn is_owner(shared: &Shared) -> bool {
    OWNER.get() == !ptr::from_ref(shared).addr()
}

struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        let locals = LOCALS.get();
        // SAFETY: they were made for this thread, and nothing but this frees them.
        unsafe { &*locals }.clear();
        LOCALS.set(ptr::null_mut());
        // SAFETY: as above; at the thread's end nobody is within `with_thread_locals` but who was called just now.
        drop(unsafe { Box::from_raw(locals) });
    }
}

/// Calls `f` with the calling plain thread's values of goroutine-local variables. What destructors of thread-locals make after
/// these were dropped stays for ever.
pub(crate) fn with_thread_locals<R>(f: impl FnOnce(&Locals) -> R) -> R {
    if LOCALS.get().is_null() {
        LOCALS.set(Box::into_raw(Box::default()));
        let _has_been_dropped = AT_END.try_with(|_| ());
    }
    // SAFETY: they were made above or before, and are freed at the thread's end.
    f(unsafe { &*LOCALS.get() })
}
