//! The one thread-local of the runtime: the machine that the calling thread is, if it is one.
//!
//! It lives in gort-context's carried word, which the compiler cannot keep over a switch and which
//! follows a goroutine that is backed by a thread of its own. Nothing read here may be kept over a
//! suspension point: the goroutine may go on as another machine.

use crate::goroutine::local::Locals;
use crate::sched::Machine;
use gort_context::carried;
use std::ptr::NonNull;

/// The machine of the calling thread; `None` on a thread that is no machine.
///
/// The reference must not be kept over a switch; it is `'static` because the machine outlives
/// every goroutine that runs on it.
#[inline(always)]
pub(crate) fn machine() -> Option<&'static Machine> {
    // SAFETY: only `set_machine` writes the word, and its caller keeps the machine alive.
    NonNull::new(carried::get().cast::<Machine>()).map(|machine| unsafe { machine.as_ref() })
}

/// Makes the calling thread a machine, or a plain thread again.
///
/// # Safety
/// `machine` stays alive until the word is set anew, and is the calling thread's own.
pub(crate) unsafe fn set_machine(machine: Option<&Machine>) {
    let word = machine.map_or(std::ptr::null_mut(), |machine| {
        std::ptr::from_ref(machine).cast_mut().cast::<()>()
    });
    // SAFETY: by this function's contract.
    unsafe { carried::set(word) }
}

std::thread_local! {
    /// Goroutine-local variables of a plain thread, which does not migrate.
    static LOCALS: Locals = Locals::default();
}

/// Calls `f` with the calling plain thread's values of goroutine-local variables.
pub(crate) fn with_thread_locals<R>(f: impl FnOnce(&Locals) -> R) -> R {
    LOCALS.with(f)
}
