//! Processes, for whose end a thread of the system waits.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedSocket};
use std::process::Child;
use std::ptr::null_mut;
use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::Threading::{
    INFINITE, RegisterWaitForSingleObject, UnregisterWaitEx, WT_EXECUTEONLYONCE,
};

/// There is nothing to be polled.
///
/// # Errors
/// `Unsupported`.
pub(crate) fn open_process(_number: u32) -> io::Result<OwnedSocket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has a function called when a process ends, until this is dropped.
pub(crate) struct ProcessWatch {
    wait: HANDLE,
    /// Called once, by the system, or never.
    on_end: *mut OnEnd,
}

type OnEnd = Option<Box<dyn FnOnce() + Send>>;

impl ProcessWatch {
    /// `on_end` is called on a thread of the system, perhaps before this returns.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn new(
        child: &Child,
        on_end: impl FnOnce() + Send + 'static,
    ) -> io::Result<Option<ProcessWatch>> {
        let on_end: *mut OnEnd = Box::into_raw(Box::new(Some(Box::new(on_end))));
        let mut watch = ProcessWatch { wait: null_mut(), on_end };
        // SAFETY: the process's handle is open; what the function is given stays until it is never called any more.
        let registered = unsafe {
            RegisterWaitForSingleObject(
                &raw mut watch.wait,
                child.as_raw_handle(),
                Some(ended),
                on_end.cast(),
                INFINITE,
                WT_EXECUTEONLYONCE,
            )
        };
        if registered == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Some(watch))
    }
}

/// # Safety
/// `on_end` is a [`ProcessWatch`]'s, and this is called once.
unsafe extern "system" fn ended(on_end: *mut c_void, _timed_out: bool) {
    // SAFETY: nobody else touches it before the watch has seen that this has returned.
    let on_end = unsafe { &mut *on_end.cast::<OnEnd>() };
    if let Some(on_end) = on_end.take() {
        on_end();
    }
}

impl Drop for ProcessWatch {
    fn drop(&mut self) {
        if !self.wait.is_null() {
            // Waits for the function, if it is being called.
            // SAFETY: registered, and not unregistered yet.
            unsafe { UnregisterWaitEx(self.wait, INVALID_HANDLE_VALUE) };
        }
        // SAFETY: made by `new`, and the function is not called any more.
        drop(unsafe { Box::from_raw(self.on_end) });
    }
}
