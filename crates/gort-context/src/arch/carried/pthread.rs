//! The carried word where thread-local storage is not reached by name: a value of the thread library's, which
//! is asked for it each time.

use std::sync::OnceLock;

/// One key for the process, from the first [`set`] on.
static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();

#[inline]
pub(crate) fn get() -> *mut () {
    let Some(&key) = KEY.get() else { return std::ptr::null_mut() };
    // SAFETY: a key that was made.
    unsafe { libc::pthread_getspecific(key) }.cast()
}

pub(crate) unsafe fn set(word: *mut ()) {
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the place for the key is valid, and the values need no destructor.
        let failed = unsafe { libc::pthread_key_create(&raw mut key, None) };
        assert_eq!(failed, 0, "the thread library has no key left for a scheduler's word");
        key
    });
    // SAFETY: a key that was made.
    let failed = unsafe { libc::pthread_setspecific(key, word.cast()) };
    assert_eq!(failed, 0, "the thread library has no memory for a scheduler's word");
}
