//! Signals that interrupt a thread over and over.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

static HANDLER: OnceLock<fn(*mut c_void)> = OnceLock::new();

extern "C" fn on_signal(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    if let Some(handler) = HANDLER.get() {
        handler(context);
    }
}

/// Has `handler` called with what was interrupted, on the alternate stack.
pub fn install(handler: fn(*mut c_void)) {
    HANDLER.set(handler).expect("there is one");
    // SAFETY: all zeros is a value of it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the structure is valid for the call, and the handler is one for `SA_SIGINFO`.
    assert_eq!(unsafe { libc::sigaction(libc::SIGURG, &raw const action, null_mut()) }, 0);
}

/// Interrupts this thread that often while `f` runs, and after half a minute tells it to stop.
pub fn interrupted_every<R>(pause: Duration, stop: &AtomicU32, f: impl FnOnce() -> R) -> R {
    // SAFETY: it asks for nothing.
    let target = unsafe { libc::pthread_self() };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            while !done.load(SeqCst) {
                // SAFETY: the thread is there until the scope ends, and the signal has a handler.
                unsafe { libc::pthread_kill(target, libc::SIGURG) };
                std::thread::sleep(pause);
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
