//! A walk along the frames by the system's unwind tables.

use crate::arch::{self, Interrupted};
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, RtlCaptureContext, RtlLookupFunctionEntry, RtlVirtualUnwind, UNW_FLAG_NHANDLER,
};

/// Is the address in a function that the unwind tables describe?
fn is_described(at: u64) -> bool {
    let mut base = 0;
    // SAFETY: looks an address up.
    unsafe { !RtlLookupFunctionEntry(at, &raw mut base, null_mut()).is_null() }
}

/// The frame that an exception has interrupted.
///
/// A stack overflows where it is first touched, and that may be in `memset`, or in the probe of large frames:
/// functions that keep next to nothing on the stack and are not described, at which backtraces stop. In place of
/// such a function's frame this is its caller's.
///
/// # Safety
/// `registers` is what an exception handler was given.
pub(super) unsafe fn interrupted(registers: &CONTEXT) -> Interrupted {
    /// Words that such a function may have pushed.
    const PUSHED: u64 = 4;
    let (mut rip, mut rsp) = (registers.Rip, registers.Rsp);
    if !is_described(rip) {
        let caller = (0..=PUSHED).map(|n| rsp + 8 * n).find_map(|slot| {
            let slot = std::ptr::with_exposed_provenance::<u64>(slot as usize);
            // SAFETY: the stack above the interrupted function's pointer.
            let at = unsafe { slot.read() };
            is_described(at).then(|| (at, slot.addr() as u64 + 8))
        });
        (rip, rsp) = caller.unwrap_or((rip, rsp));
    }
    Interrupted {
        r15: registers.R15,
        r14: registers.R14,
        r13: registers.R13,
        r12: registers.R12,
        rdi: registers.Rdi,
        rsi: registers.Rsi,
        rbp: registers.Rbp,
        rbx: registers.Rbx,
        rip,
        cs: registers.SegCs.into(),
        flags: registers.EFlags.into(),
        rsp,
        ss: registers.SegSs.into(),
    }
}

/// As the system wants it to be aligned.
#[repr(align(16))]
struct Registers(CONTEXT);

/// Takes down the return addresses of the youngest frames, and cuts off those that are more, so that capturing a
/// backtrace ends in reasonable time and memory. Whether there was nothing to cut.
pub(in crate::overflow) fn find_and_cut(found: &'static [AtomicUsize]) -> bool {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut registers: Registers = unsafe { zeroed() };
    let registers = &mut registers.0;
    // SAFETY: fills it in with what is here.
    unsafe { RtlCaptureContext(registers) };
    let mut count = 0;
    loop {
        let mut base = 0;
        // SAFETY: looks an address up.
        let function = unsafe { RtlLookupFunctionEntry(registers.Rip, &raw mut base, null_mut()) };
        if function.is_null() {
            return true;
        }
        let (mut data, mut frame) = (null_mut(), 0);
        // SAFETY: the registers are those of a frame of this thread, in that function.
        unsafe {
            RtlVirtualUnwind(
                UNW_FLAG_NHANDLER,
                base,
                registers.Rip,
                function,
                registers,
                &raw mut data,
                &raw mut frame,
                null_mut(),
            )
        };
        let (at, sp) = (registers.Rip as usize, registers.Rsp as usize);
        if at == 0 {
            return true;
        }
        if let Some(slot) = found.get(count) {
            slot.store(at, Ordering::Relaxed);
            count += 1;
        // SAFETY: the frames from here on are never returned to: the process ends.
        } else if unsafe { arch::cut_chain(0, sp, at) } {
            return false;
        }
    }
}
