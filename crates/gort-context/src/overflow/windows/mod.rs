//! Windows: a vectored exception handler on what is left of the stack, and the system's unwinder.

mod frames;
#[cfg(not(feature = "threads"))]
mod handler;

use std::io;
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::{OnceLock, mpsc};
use std::thread::{self, Thread};
use std::time::Duration;

use windows_sys::Win32::Storage::FileSystem::WriteFile;
use windows_sys::Win32::System::Console::{GetStdHandle, STD_ERROR_HANDLE};
use windows_sys::Win32::System::Threading::{GetCurrentThreadId, SetThreadStackGuarantee};

pub(super) use frames::find_and_cut;

use crate::stack::FOR_THE_HANDLER;

/// Sees to it that an overflow on the calling thread leaves room for its handler, on whichever stack it is.
///
/// On Windows this is no stack but a setting of the thread's, which stays when this is dropped: the lowest
/// 20 KiB of every stack that it runs on are for who handles the overflow. std has set it for its own threads.
#[derive(Debug)]
pub struct AltStack {
    /// It is this thread's.
    not_send: PhantomData<*mut ()>,
}

impl AltStack {
    /// Makes the setting.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> io::Result<AltStack> {
        // The system never makes it smaller.
        let mut size = FOR_THE_HANDLER as u32;
        // SAFETY: the place for the size is valid for the call.
        if unsafe { SetThreadStackGuarantee(&raw mut size) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(AltStack { not_send: PhantomData })
    }
}

/// Once in a process. Where threads are behind the contexts, nothing runs on the stacks that could overflow here.
pub(super) fn install() -> io::Result<()> {
    #[cfg(not(feature = "threads"))]
    {
        start_watchdog()?;
        handler::install()?;
    }
    Ok(())
}

/// A number of the calling thread's, not zero.
pub(super) fn thread_id() -> usize {
    // SAFETY: takes no pointer, and cannot fail.
    unsafe { GetCurrentThreadId() as usize }
}

/// Another thread will end the process.
pub(super) fn wait_for_the_end() -> ! {
    loop {
        thread::park();
    }
}

/// The thread that watches over the last words. It has to be there already: a new one would first want the very
/// locks that it is to watch.
static WATCHDOG: OnceLock<Thread> = OnceLock::new();
static ORDER: OnceLock<(Duration, extern "C" fn())> = OnceLock::new();

fn start_watchdog() -> io::Result<()> {
    let (tx, ready) = mpsc::channel();
    let watch = move || {
        // What it needs of the heap, it has from here on.
        let _ = tx.send(thread::current());
        loop {
            thread::park();
            if let Some((time, on_stuck)) = ORDER.get() {
                thread::sleep(*time);
                on_stuck();
            }
        }
    };
    thread::Builder::new().name("overflow-watchdog".into()).stack_size(64 << 10).spawn(watch)?;
    let watchdog = ready.recv().map_err(io::Error::other)?;
    let _ = WATCHDOG.set(watchdog);
    Ok(())
}

/// Has `on_stuck` called if the process has not ended after so many seconds.
pub(super) fn end_within(seconds: u32, on_stuck: extern "C" fn()) {
    let _ = ORDER.set((Duration::from_secs(seconds.into()), on_stuck));
    if let Some(watchdog) = WATCHDOG.get() {
        watchdog.unpark();
    }
}

/// Writes to standard error, perhaps not all; returns how much, and nothing if it cannot.
pub(super) fn write(bytes: &[u8]) -> usize {
    // SAFETY: asks for a handle, which is the system's.
    let handle = unsafe { GetStdHandle(STD_ERROR_HANDLE) };
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut written = 0;
    // SAFETY: reads as many bytes as there are.
    unsafe { WriteFile(handle, bytes.as_ptr(), len, &raw mut written, null_mut()) };
    written as usize
}
