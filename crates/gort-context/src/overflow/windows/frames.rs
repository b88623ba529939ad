//! A walk along the frames by the system's unwind tables.

use crate::arch;
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, RtlCaptureContext, RtlLookupFunctionEntry, RtlVirtualUnwind, UNW_FLAG_NHANDLER,
};

/// As the system wants it to be aligned.
#[repr(align(16))]
struct Registers(CONTEXT);

/// Takes down the return addresses of the youngest frames, and cuts off those that are more, so that capturing a
/// backtrace ends in reasonable time and memory. Whether there was nothing to cut.
pub(in crate::overflow) fn find_and_cut(found: &'static [AtomicUsize]) -> bool {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut registers: Registers = unsafe { zeroed() };
    let registers = &mut registers.0;
    // SAFETY: the place for the registers is valid.
    unsafe { RtlCaptureContext(registers) };
    let mut count = 0;
    loop {
        let mut base = 0;
        // SAFETY: the place for the base is valid; the address need not be one of code.
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
