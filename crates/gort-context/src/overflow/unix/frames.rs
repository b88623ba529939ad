//! A walk along the frames by the unwinder that panics use.

use crate::arch;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

unsafe extern "C" {
    fn _Unwind_Backtrace(
        each: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
        arg: *mut c_void,
    ) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
    fn _Unwind_GetCFA(frame: *mut c_void) -> usize;
}

const GO_ON: c_int = 0;
const STOP: c_int = 4;

struct Walk {
    found: &'static [AtomicUsize],
    count: usize,
    /// The stack pointer in the frame before.
    sp: usize,
}

/// Takes down the return addresses of the youngest frames, and cuts off those that are more, so that capturing a
/// backtrace ends in reasonable time and memory. Whether there was nothing to cut.
pub(in crate::overflow) fn find_and_cut(found: &'static [AtomicUsize]) -> bool {
    let mut walk = Walk { found, count: 0, sp: 0 };
    // SAFETY: `each` is what it asks for, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(each, (&raw mut walk).cast()) };
    walk.count <= found.len()
}

unsafe extern "C" fn each(frame: *mut c_void, walk: *mut c_void) -> c_int {
    // SAFETY: `walk` is the local above.
    let walk = unsafe { &mut *walk.cast::<Walk>() };
    // SAFETY: the unwinder passes a frame of its own.
    let at = unsafe { _Unwind_GetIP(frame) };
    // SAFETY: as above. This is the stack pointer in the frame, just after the call that it is in.
    let sp = unsafe { _Unwind_GetCFA(frame) };
    let callee = std::mem::replace(&mut walk.sp, sp);
    if let Some(slot) = walk.found.get(walk.count) {
        slot.store(at, Ordering::Relaxed);
        walk.count += 1;
        return GO_ON;
    }
    // SAFETY: the frames from here on are never returned to: the process ends.
    if unsafe { arch::cut_chain(callee, sp, at) } {
        walk.count += 1;
        return STOP;
    }
    GO_ON
}
