//! Tests that are to run out of memory.

use super::eventually;

/// Limits the address space of this process to what it has now and `more`.
///
/// Not while one of its threads begins: it could have no stack for its signals any more, and std aborts then.
pub fn limit_address_space(more: usize) {
    eventually("all other threads wait", || {
        let this = std::fs::read_link("/proc/thread-self").unwrap();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
        tasks.filter(|task| Some(&*task.file_name()) != this.file_name()).all(|task| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
        })
    });
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').next().unwrap().parse().unwrap();
    set_limit((pages * 4096 + more) as libc::rlim_t);
}

/// None but the one that this process was started with, which only root could lift.
pub fn no_limit() {
    set_limit(libc::RLIM_INFINITY);
}

fn set_limit(to: libc::rlim_t) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure is valid for the call.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    limit.rlim_cur = to.min(limit.rlim_max);
    // SAFETY: as above.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}
