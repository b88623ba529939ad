//! What the kernel knows about this process.

use std::fs;

/// CPU time in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// In user mode.
    pub user: f64,
    /// In the kernel.
    pub system: f64,
}

impl Cpu {
    /// Both together.
    pub fn total(self) -> f64 {
        self.user + self.system
    }
}

/// What this process has used.
pub fn cpu() -> Cpu {
    usage(libc::RUSAGE_SELF)
}

/// What the children that have been waited for have used.
pub fn cpu_of_children() -> Cpu {
    usage(libc::RUSAGE_CHILDREN)
}

fn usage(who: libc::c_int) -> Cpu {
    // SAFETY: zeroes are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` may be written to. With these arguments the call does not fail.
    unsafe { libc::getrusage(who, &raw mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    Cpu { user: seconds(usage.ru_utime), system: seconds(usage.ru_stime) }
}

/// Memory in use now.
pub fn rss_kib() -> u64 {
    status("self", "VmRSS:")
}

/// Memory that another process has in use.
pub fn rss_kib_of(pid: u32) -> u64 {
    status(&pid.to_string(), "VmRSS:")
}

/// The most memory that was ever in use.
pub fn peak_rss_kib() -> u64 {
    status("self", "VmHWM:")
}

/// How many threads there are.
pub fn threads() -> u64 {
    status("self", "Threads:")
}

/// The thread that calls this.
pub fn thread_id() -> u64 {
    // SAFETY: it always is.
    unsafe { libc::gettid() as u64 }
}

/// How many mappings there are.
pub fn mappings() -> u64 {
    fs::read_to_string("/proc/self/maps").map_or(0, |maps| maps.lines().count() as u64)
}

/// A number from /proc/PROCESS/status; 0 if there is none.
fn status(process: &str, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Blocks the thread in the kernel, as a system call that takes its time does.
pub fn nanosleep_ms(ms: u64) {
    let time = libc::timespec {
        tv_sec: (ms / 1000) as libc::time_t,
        tv_nsec: (ms % 1000 * 1_000_000) as libc::c_long,
    };
    // SAFETY: `time` is a time; nobody wants to know what was left of it.
    unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
}

/// Keeps the calling thread, and those that it starts from now on, on one CPU.
pub fn pin_to(cpu: usize) {
    // SAFETY: zeroes are an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a set, and CPU_SET panics if the number is out of its bounds.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: `set` is as large as is said. Where the CPU is not to be had, the thread stays where it is.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

/// Allows this process, and those that it starts from now on, as many descriptors as it may allow.
pub fn allow_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` may be written to. With these arguments the call does not fail.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is a limit, and one that everybody may set.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
}

/// Prints `line`; was all of it taken? It goes past the standard library's stdout, whose lock belongs to a
/// thread: not every runtime keeps a task on its thread.
pub fn print(line: &str) -> bool {
    // SAFETY: `line` may be read. It is shorter than what a pipe takes at once.
    let written = unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
    written == line.len() as isize
}

/// Prints `line` and ends the process without running anything more.
pub fn print_and_leave(line: &str) -> ! {
    let status = if print(line) { 0 } else { 1 };
    // SAFETY: it always is.
    unsafe { libc::_exit(status) }
}
