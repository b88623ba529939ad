//! The exception handler: tells an overflow from other exceptions, and hands the others on.

use std::io;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::{EXCEPTION_ACCESS_VIOLATION, EXCEPTION_STACK_OVERFLOW};
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, CONTEXT, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
    EXCEPTION_RECORD, RtlLookupFunctionEntry,
};

use crate::arch::{self, Interrupted};
use crate::overflow::{Overflow, last_words, registry};

/// Once in a process.
pub(in crate::overflow) fn install() -> io::Result<()> {
    const FIRST: u32 = 1;
    // SAFETY: the handler only looks, until it is certain that the process ends.
    if unsafe { AddVectoredExceptionHandler(FIRST, Some(on_exception)) }.is_null() {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

unsafe extern "system" fn on_exception(info: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system hands over valid records.
    let info = unsafe { &*info };
    // SAFETY: as above.
    let record = unsafe { &*info.ExceptionRecord };
    if !matches!(record.ExceptionCode, EXCEPTION_STACK_OVERFLOW | EXCEPTION_ACCESS_VIOLATION) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    let me = super::thread_id();
    last_words::cut_short(me);
    // SAFETY: as above.
    let registers = unsafe { &*info.ContextRecord };
    let sp = registers.Rsp as usize;
    let touched = touched(record).unwrap_or(sp);
    let stack = match record.ExceptionCode {
        EXCEPTION_STACK_OVERFLOW => registry::slot_at(sp),
        // By a function without probes, whose frame is larger than what was left.
        _ => registry::find(touched),
    };
    if let Some((guard, slot)) = stack {
        let overflow = Overflow::new(touched, guard, slot);
        // SAFETY: what this handler was given.
        let frame = unsafe { interrupted(registers) };
        last_words::say(&overflow, me, |stack, say, data| {
            // SAFETY: nobody else is on this stack.
            unsafe { arch::call_as_if_from(&frame, stack, say, data) }
        });
    }
    EXCEPTION_CONTINUE_SEARCH
}

/// The address whose access raised the exception, if the record says so.
fn touched(record: &EXCEPTION_RECORD) -> Option<usize> {
    (record.NumberParameters >= 2).then(|| record.ExceptionInformation[1])
}

/// Is the address in a function that the unwind tables describe?
fn is_described(at: u64) -> bool {
    let mut base = 0;
    // SAFETY: the place for the base is valid; the address need not be one of code.
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
unsafe fn interrupted(registers: &CONTEXT) -> Interrupted {
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
