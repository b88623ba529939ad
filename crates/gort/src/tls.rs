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

/// Calls `f` with the calling plain thread's values of goroutine-local variables.
pub(crate) fn with_thread_locals<R>(f: impl FnOnce(&Locals) -> R) -> R {
    #[allow(clippy::disallowed_macros, reason = "plain threads do not migrate")]
    mod values {
        std::thread_local! {
            pub(super) static LOCALS: super::Locals = super::Locals::default();
        }
    }
    values::LOCALS.with(f)
}
