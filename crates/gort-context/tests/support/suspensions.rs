//! Another thread that interrupts a thread over and over.

use std::ffi::c_void;
use std::mem::zeroed;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, CONTEXT_CONTROL_AMD64, CONTEXT_EXCEPTION_REQUEST_AMD64, GetThreadContext,
    SetThreadContext,
};
use windows_sys::Win32::System::Threading::{GetCurrentThread, ResumeThread, SuspendThread};

const LEAST_PAUSE: Duration = Duration::from_micros(200);

static HANDLER: OnceLock<fn(*mut c_void)> = OnceLock::new();

/// As the system wants it to be aligned.
#[repr(align(16))]
struct Registers(CONTEXT);

/// Has `handler` called with what was interrupted. It may not allocate, nor wait for anybody.
pub fn install(handler: fn(*mut c_void)) {
    HANDLER.set(handler).expect("there is one");
}

/// Interrupts this thread about that often while `f` runs, and after half a minute tells it to stop. One that was resumed gets
/// on only when it has a CPU again, so there is some time for it in between.
pub fn interrupted_every<R>(pause: Duration, stop: &AtomicU32, f: impl FnOnce() -> R) -> R {
    // SAFETY: it asks for nothing.
    let target = unsafe { GetCurrentThread() };
    // SAFETY: the number that means the calling thread is always one of its handles.
    let target = unsafe { BorrowedHandle::borrow_raw(target) };
    let target = target.try_clone_to_owned().unwrap();
    let handler = *HANDLER.get().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !done.load(SeqCst) {
                interrupt(target.as_raw_handle(), handler);
                std::thread::sleep(pause.max(LEAST_PAUSE));
                if start.elapsed() > Duration::from_secs(30) {
                    stop.store(1, SeqCst);
                }
            }
        });
        let result = f();
        done.store(true, SeqCst);
        result
    })
}

fn interrupt(target: HANDLE, handler: fn(*mut c_void)) {
    // SAFETY: all zeros is a value of it.
    let mut registers: Registers = unsafe { zeroed() };
    let registers = &mut registers.0;
    registers.ContextFlags = CONTEXT_CONTROL_AMD64 | CONTEXT_EXCEPTION_REQUEST_AMD64;
    // SAFETY: the handle is open, and the thread is resumed below.
    assert_ne!(unsafe { SuspendThread(target) }, u32::MAX);
    // SAFETY: the thread is suspended; the place for its registers is valid, and aligned as the system asks.
    let mut done = unsafe { GetThreadContext(target, registers) };
    let before = registers.Rip;
    if done != 0 {
        handler((&raw mut *registers).cast());
        if registers.Rip != before {
            // SAFETY: as above; where it is to go on the handler has chosen.
            done = unsafe { SetThreadContext(target, registers) };
        }
    }
    // SAFETY: the handle is open.
    assert_ne!(unsafe { ResumeThread(target) }, u32::MAX);
    assert_ne!(done, 0, "the thread's registers");
}
