//! How many descriptors the process has, and may have.

use crate::watchdog;
use std::thread;
use std::time::Duration;

/// How many are open.
pub(crate) fn count() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("the process's descriptors").count()
}

/// Waits until there are no more than so many: threads at their end have some for a moment longer. If that is never so the
/// watchdog tells.
pub(crate) fn wait_for(most: usize) {
    watchdog::note(&format!("descriptors are to go back to {most}"));
    while count() > most {
        thread::sleep(Duration::from_micros(200));
    }
}

/// Allows the process as many as may be, and tells how many that are.
pub(crate) fn allow_all() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid for the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    limit.rlim_cur as usize
}
