//! System calls, as strace shows them.

use crate::child;
use crate::paths::Path;

/// How many system calls a process makes for `n` operations.
pub(crate) fn count(path: &Path, n: usize) -> Result<u64, String> {
    // A look at the clock is one only with the clock of these processes.
    let arguments = ["--follow-forks", "--quiet=all", "--signal=none", "--trace=!clock_gettime"];
    let said = child::run("strace", &arguments, path, n)?;
    // A call that others came in between of has a second line.
    Ok(said.lines().filter(|line| !line.contains("<... ")).count() as u64)
}
