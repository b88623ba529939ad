//! Windows: an event and a timer for each machine, and a barrier in all threads.

mod files;
mod processes;
pub(crate) mod signals;
mod sockets;
mod suspend;

pub(crate) use super::no_wake_timer::WakeTimer;
pub(crate) use super::plain_stream::{accept, new_socket, receive, send};
pub(crate) use files::*;
pub(crate) use processes::{ProcessWatch, open_process};
pub(crate) use sockets::*;
use suspend::Suspendable;

use std::arch::asm;
use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr::null;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::*, fence};
use std::time::Duration;

use windows_sys::Win32::Foundation::{CloseHandle, GetLastError, HANDLE, SetLastError};
use windows_sys::Win32::Media::timeBeginPeriod;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::SystemServices::IMAGE_TLS_DIRECTORY64;
use windows_sys::Win32::System::Threading::{
    CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, CreateEventW, CreateWaitableTimerExW,
    FlushProcessWriteBuffers, INFINITE, SetEvent, SetWaitableTimer, TIMER_ALL_ACCESS,
    WaitForMultipleObjects, WaitForSingleObject, WaitOnAddress, WakeByAddressSingle,
};

/// The process in which something was made: this one, as there are no forks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin(());

impl Origin {
    pub(crate) fn here() -> Origin {
        Origin(())
    }

    pub(crate) fn is_here(self) -> bool {
        true
    }
}

/// There are none.
pub(crate) fn call_in_forked_children(_: fn()) {}

/// A thread of the runtime's: what it sleeps on.
///
/// An event, and beside it a timer of high resolution (Windows 10 and newer), as the time-outs that the system's
/// waits take go in steps of its clock, 15 ms. They are made by the first thread of a machine and kept for the
/// next.
#[derive(Debug, Default)]
pub(crate) struct MachineThread {
    event: AtomicPtr<c_void>,
    /// Null where there are no such timers.
    timer: AtomicPtr<c_void>,
    suspendable: Suspendable,
}

impl MachineThread {
    /// To be called by the thread before anything else.
    pub(crate) fn begin(&self) {
        prepare_machine_thread();
        if self.event.load(Relaxed).is_null() {
            // SAFETY: an event without a name, which goes back by itself.
            let event = unsafe { CreateEventW(null(), 0, 0, null()) };
            assert!(!event.is_null(), "no event for a thread: {}", io::Error::last_os_error());
            let resolution = CREATE_WAITABLE_TIMER_HIGH_RESOLUTION;
            // SAFETY: a timer without a name, which goes back by itself.
            let timer =
                unsafe { CreateWaitableTimerExW(null(), null(), resolution, TIMER_ALL_ACCESS) };
            self.timer.store(timer, Relaxed);
            self.event.store(event, Relaxed);
        }
        self.suspendable.begin();
        // The event was stored before, the signal is looked at after: see `wake`.
        fence(SeqCst);
    }

    /// To be called by the thread when it does nothing for its machine any more.
    pub(crate) fn end(&self) {
        self.suspendable.end();
    }

    /// The thread: sleeps while `*signal == expected`, at most for `timeout`. Wakes up without reason at times.
    pub(crate) fn sleep_while(&self, signal: &AtomicU32, expected: u32, timeout: Option<Duration>) {
        if signal.load(Acquire) != expected {
            return;
        }
        let event = self.event.load(Relaxed);
        let timer = self.timer.load(Relaxed);
        match timeout {
            // SAFETY: the event is there.
            None => unsafe { WaitForSingleObject(event, INFINITE) },
            Some(time) if !timer.is_null() => wait_with_timer(event, timer, time),
            Some(time) => {
                let millis = u32::try_from(time.as_millis()).unwrap_or(INFINITE - 1);
                // SAFETY: as above.
                unsafe { WaitForSingleObject(event, millis.saturating_add(1).min(INFINITE - 1)) }
            }
        };
    }

    /// Wakes the thread if it sleeps, after `signal` has been changed.
    pub(crate) fn wake(&self, _signal: &AtomicU32) {
        // The signal was changed before, the event is looked for after. If it is not there yet, the thread has
        // yet to look at the signal.
        fence(SeqCst);
        let event = self.event.load(Relaxed);
        if !event.is_null() {
            // SAFETY: the event is there as long as this.
            unsafe { SetEvent(event) };
        }
    }

    /// Nothing that others inherit is set here.
    pub(crate) fn wait_on_time(&self, _on_time: bool) {}

    /// It is the kernel's affair.
    pub(crate) fn set_kernel_slice(&self, _: Duration) {}

    /// Has `here` called with the registers of the thread, which is suspended meanwhile and then goes on with what is left
    /// in them. No signal is needed. False: there is no thread, or it cannot be suspended now.
    pub(crate) fn interrupt(&self, _signal: i32, here: impl FnOnce(*mut c_void)) -> bool {
        self.suspendable.interrupt(here)
    }

    /// It is not told.
    pub(crate) fn waited_for_cpus(&self) -> Option<Duration> {
        None
    }

    /// Windows tells whether a thread waits only together with all threads of all processes. So a goroutine that
    /// blocks its thread keeps its processor for a time slice, like one that computes, before it is taken.
    pub(crate) fn sleeps(&self) -> Option<bool> {
        None
    }
}

impl Drop for MachineThread {
    fn drop(&mut self) {
        for handle in [*self.event.get_mut(), *self.timer.get_mut()] {
            if !handle.is_null() {
                // SAFETY: made by `begin`, and nobody sleeps any more.
                unsafe { CloseHandle(handle) };
            }
        }
    }
}

/// Waits for the event, or until the time has passed.
fn wait_with_timer(event: HANDLE, timer: HANDLE, time: Duration) -> u32 {
    /// The timer counts in these.
    const UNIT: u128 = 100;
    let units = i64::try_from(time.as_nanos().div_ceil(UNIT)).unwrap_or(i64::MAX);
    // Negative: from now on.
    let due = -units;
    // SAFETY: the timer is the calling thread's.
    if unsafe { SetWaitableTimer(timer, &raw const due, 0, None, null(), 0) } == 0 {
        return 0;
    }
    let handles = [event, timer];
    // SAFETY: both are there.
    unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, INFINITE) }
}

/// Lets the time-outs of std's waits end within a millisecond.
fn prepare_machine_thread() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a setting of the process, until it ends.
        unsafe { timeBeginPeriod(1) };
    });
}

/// std's clock.
pub(crate) fn time() -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let (mut now, mut frequency) = (0, 0);
    // SAFETY: the place for the time is valid, and the call does not fail.
    unsafe { QueryPerformanceCounter(&raw mut now) };
    // SAFETY: as above.
    unsafe { QueryPerformanceFrequency(&raw mut frequency) };
    let (now, frequency) = (now as u64, frequency as u64);
    now / frequency * SECOND + now % frequency * SECOND / frequency
}

/// The same: those that are cheaper are driven by another crystal.
pub(crate) fn rough_time() -> u64 {
    time()
}

/// Makes [`barrier_in_all_threads`] possible; false: it does nothing here, as in Wine (up to version 8 at least).
pub(crate) fn register_barrier() -> bool {
    // SAFETY: a name that ends, of a library that every process has.
    let ntdll = unsafe { GetModuleHandleA(c"ntdll.dll".as_ptr().cast()) };
    // SAFETY: as above, and a library that stays.
    unsafe { GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()) }.is_none()
}

/// Has every thread of the process that runs just now execute a full barrier.
pub(crate) fn barrier_in_all_threads() {
    // SAFETY: touches no memory.
    unsafe { FlushProcessWriteBuffers() };
}

/// Where the calling thread has its thread-local storage: that of this program or library. Other libraries have
/// theirs elsewhere; that is not seen. With the GNU toolchain std keeps all of it by key, in the heap, and there is
/// nothing to be seen.
pub(crate) fn thread_local_storage() -> Range<usize> {
    if cfg!(target_env = "gnu") {
        return 0..0;
    }
    unsafe extern "C" {
        /// The linker's number of this module, and what it says about its storage.
        safe static _tls_index: u32;
        safe static _tls_used: IMAGE_TLS_DIRECTORY64;
    }
    let blocks: *const *const u8;
    // SAFETY: the thread's block has the storage of each module there.
    unsafe {
        asm!(
            "mov {}, gs:[0x58]",
            out(reg) blocks,
            options(nostack, preserves_flags, readonly, pure)
        )
    };
    let block = blocks.wrapping_add(_tls_index as usize);
    // SAFETY: there is one for this module.
    let block = unsafe { block.read() };
    let (start, end) = (_tls_used.StartAddressOfRawData, _tls_used.EndAddressOfRawData);
    let len = (end - start) as usize + _tls_used.SizeOfZeroFill as usize;
    block.addr()..block.addr() + len
}

/// Sleeps while `*address == expected`, at most for `timeout`. Wakes up without reason at times.
pub(crate) fn wait_on_address(address: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let millis = timeout
        .map_or(INFINITE, |timeout| u32::try_from(timeout.as_millis()).unwrap_or(INFINITE - 1));
    // SAFETY: both places are valid for the call, and four bytes long.
    unsafe { WaitOnAddress(address.as_ptr().cast(), (&raw const expected).cast(), 4, millis) };
}

/// Wakes one thread that sleeps on `address`.
pub(crate) fn wake_one(address: &AtomicU32) {
    // SAFETY: the address is only a key.
    unsafe { WakeByAddressSingle(address.as_ptr().cast()) };
}

/// Nobody is sent any.
pub(crate) const SIGNAL: i32 = 0;

pub(crate) const IS_IN_PROGRAM: bool = false;

/// The calling thread's error number. Not inlined: the caller may go on on another thread afterwards.
#[inline(never)]
pub(crate) fn errno() -> i32 {
    // SAFETY: takes no pointer, and cannot fail.
    unsafe { GetLastError() as i32 }
}

#[inline(never)]
pub(crate) fn set_errno(errno: i32) {
    // SAFETY: takes no pointer, and cannot fail.
    unsafe { SetLastError(errno as u32) }
}
