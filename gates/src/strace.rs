//! System calls, as strace shows them.

use crate::child;
use crate::paths::Path;

/// How many system calls the thread that runs the path makes for `n` operations.
fn count(path: &Path, n: usize) -> Result<usize, String> {
    // A line for each call begins with the thread's number.
    let arguments = ["-f", "-qq", "--signal=none", "-o", "/dev/stderr"].map(String::from);
    let output = child::run("strace", &arguments, path, n)?;
    let lines = String::from_utf8_lossy(&output.stderr);
    let calls = || lines.lines().filter_map(|line| line.trim_start().split_once(' '));
    let (thread, _) = calls()
        .find(|(_, call)| call.trim_start().starts_with(child::MARK))
        .ok_or_else(|| format!("{}: strace has not shown {}..", path.name, child::MARK))?;
    // A call that others came in between of has a second line.
    let is_new = |call: &str| !call.trim_start().starts_with("<...");
    Ok(calls().filter(|(by, call)| *by == thread && is_new(call)).count())
}

/// How many system calls an operation takes.
pub(crate) fn of_an_operation(path: &Path) -> Result<f64, String> {
    let half = path.most / 2;
    let (less, more) = (count(path, half)?, count(path, path.most)?);
    Ok(more.saturating_sub(less) as f64 / half as f64)
}
