//! How a thread is interrupted: another suspends it, has a look at its registers, perhaps changes them, and resumes it.
//!
//! 1. **What is suspended is what was meant.** The thread lends out a handle of its own, under a lock, and takes it back under it
//!    before it ends. The one that suspends holds that lock all the while; the other one, suspended, can only wait for it.
//! 2. **No lock is taken, and nothing allocated, while a thread is suspended**: it may hold any lock, the heap's first of all.
//! 3. **Whoever suspends gets to resume.** `ExitProcess` ends all threads but the one that calls it: if that is
//!    suspended then, and the one that suspends is ended, the process hangs. Before it ends them it takes the
//!    loader's lock; so who suspends holds that, too. It is not waited for: a library that is being loaded may hold it for long.
//!    (Without it `who_is_interrupted_ends_the_process` of `tests/in_place/interrupted.rs` hangs.)
//! 4. **Nobody suspends a thread that suspends**: only the monitor does, and only machines are.

use std::ffi::c_void;
use std::mem::{transmute, zeroed};
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, CONTEXT_CONTROL_AMD64, CONTEXT_EXCEPTION_REQUEST_AMD64, GetThreadContext,
    SetThreadContext,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::Win32::System::Threading::{GetCurrentThread, ResumeThread, SuspendThread};

/// A thread that others may suspend, while there is one.
#[derive(Debug, Default)]
pub(super) struct Suspendable(Mutex<Option<OwnedHandle>>);

impl Suspendable {
    fn handle(&self) -> MutexGuard<'_, Option<OwnedHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread may be suspended from now on; unless the system has no handle for that.
    pub(super) fn begin(&self) {
        // SAFETY: what stands for the calling thread.
        let this = unsafe { GetCurrentThread() };
        // SAFETY: it is valid as long as the thread runs.
        let this = unsafe { BorrowedHandle::borrow_raw(this) };
        *self.handle() = this.try_clone_to_owned().ok();
    }

    /// The thread is not suspended any more.
    pub(super) fn end(&self) {
        *self.handle() = None;
    }

    /// Calls `here` with the registers of the thread, as the system has them while it is suspended. False: it was not called.
    /// It neither allocates nor waits.
    pub(super) fn interrupt(&self, here: impl FnOnce(*mut c_void)) -> bool {
        let handle = self.handle();
        let Some(thread) = &*handle else { return false };
        let Some(_exits) = ExitsAreHeldUp::now() else { return false };
        // SAFETY: numbers, for which zeros are values.
        let mut registers: Registers = unsafe { zeroed() };
        let suspended = Suspended::new(thread.as_raw_handle(), &mut registers.0);
        let Some(mut suspended) = suspended else { return false };
        let before = suspended.registers.Rip;
        here((&raw mut *suspended.registers).cast());
        suspended.is_redirected = suspended.registers.Rip != before;
        true
    }
}

/// As the system wants it to be aligned.
#[repr(align(16))]
struct Registers(CONTEXT);

/// A thread that is suspended as long as this lives.
struct Suspended<'a> {
    thread: HANDLE,
    registers: &'a mut CONTEXT,
    is_redirected: bool,
}

impl Suspended<'_> {
    /// `None`: it has ended, or the system does not tell what it is at.
    fn new(thread: HANDLE, registers: &mut CONTEXT) -> Option<Suspended<'_>> {
        registers.ContextFlags = CONTEXT_CONTROL_AMD64 | CONTEXT_EXCEPTION_REQUEST_AMD64;
        // SAFETY: the handle is the thread's, and by the numbered points above this one resumes it.
        if unsafe { SuspendThread(thread) } == u32::MAX {
            return None;
        }
        let suspended = Suspended { thread, registers, is_redirected: false };
        // This also waits until it is suspended, which has only been asked for.
        // SAFETY: the thread is suspended, and the place for the registers is valid.
        let is_told = unsafe { GetThreadContext(thread, &raw mut *suspended.registers) } != 0;
        is_told.then_some(suspended)
    }
}

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        if self.is_redirected {
            // SAFETY: the registers are the thread's, but for what the caller of `interrupt` has made of them.
            unsafe { SetThreadContext(self.thread, &raw const *self.registers) };
        }
        // SAFETY: suspended by `new`.
        unsafe { ResumeThread(self.thread) };
    }
}

/// Nobody gets far in `ExitProcess` as long as this lives.
struct ExitsAreHeldUp(Option<(Unlock, usize)>);

type Lock = unsafe extern "system" fn(flags: u32, outcome: *mut u32, cookie: *mut usize) -> i32;
type Unlock = unsafe extern "system" fn(flags: u32, cookie: usize) -> i32;

impl ExitsAreHeldUp {
    /// `None`: not now, somebody else has the loader's lock.
    fn now() -> Option<ExitsAreHeldUp> {
        const WITHOUT_WAITING: u32 = 2;
        const LOCKED: u32 = 1;
        let Some((lock, unlock)) = loader_lock() else { return Some(ExitsAreHeldUp(None)) };
        let (mut outcome, mut cookie) = (0, 0);
        // SAFETY: the places are valid for the call.
        let status = unsafe { lock(WITHOUT_WAITING, &raw mut outcome, &raw mut cookie) };
        (status == 0 && outcome == LOCKED).then_some(ExitsAreHeldUp(Some((unlock, cookie))))
    }
}

impl Drop for ExitsAreHeldUp {
    fn drop(&mut self) {
        if let Some((unlock, cookie)) = self.0 {
            // SAFETY: the cookie is that of the lock, which this thread has.
            unsafe { unlock(0, cookie) };
        }
    }
}

/// What locks the loader, and unlocks it. `None`: this system has no such functions, which are not documented.
fn loader_lock() -> Option<(Lock, Unlock)> {
    static FUNCTIONS: OnceLock<Option<(Lock, Unlock)>> = OnceLock::new();
    *FUNCTIONS.get_or_init(|| {
        // SAFETY: a name that ends, of a library that every process has.
        let ntdll = unsafe { GetModuleHandleA(c"ntdll.dll".as_ptr().cast()) };
        // SAFETY: as above, and a library that stays.
        let lock = unsafe { GetProcAddress(ntdll, c"LdrLockLoaderLock".as_ptr().cast()) }?;
        // SAFETY: as above.
        let unlock = unsafe { GetProcAddress(ntdll, c"LdrUnlockLoaderLock".as_ptr().cast()) }?;
        // SAFETY: the function takes these.
        let lock = unsafe { transmute::<unsafe extern "system" fn() -> isize, Lock>(lock) };
        // SAFETY: as above.
        let unlock = unsafe { transmute::<unsafe extern "system" fn() -> isize, Unlock>(unlock) };
        Some((lock, unlock))
    })
}
