//! The exception handler: tells an overflow from other exceptions, and hands the others on.

use std::io;

use windows_sys::Win32::Foundation::{EXCEPTION_ACCESS_VIOLATION, EXCEPTION_STACK_OVERFLOW};
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS, EXCEPTION_RECORD,
};

use crate::arch;
use crate::overflow::{Overflow, last_words, registry};

/// Once in a process.
pub(in crate::overflow) fn install() -> io::Result<()> {
    super::start_watchdog()?;
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
    let sp = unsafe { (*info.ContextRecord).Rsp } as usize;
    let touched = touched(record).unwrap_or(sp);
    let stack = match record.ExceptionCode {
        EXCEPTION_STACK_OVERFLOW => registry::slot_at(sp),
        // By a function without probes, whose frame is larger than what was left.
        _ => registry::find(touched),
    };
    if let Some((guard, slot)) = stack {
        let overflow = Overflow::new(touched, guard, slot);
        // SAFETY: what this handler was given.
        let frame = unsafe { super::frames::interrupted(&*info.ContextRecord) };
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
