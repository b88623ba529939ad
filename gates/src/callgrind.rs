//! Instructions, as valgrind's callgrind counts them.
//!
//! Only the total is used: of who has called whom callgrind has no true picture when stacks are switched.

use crate::child;
use crate::paths::Path;

/// What stands before the total.
const TOTAL: &str = "Collected : ";

/// How many instructions a process takes for `n` operations.
pub(crate) fn count(path: &Path, n: usize) -> Result<u64, String> {
    let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--vgdb=no"];
    let said = child::run("valgrind", &arguments, path, n)?;
    let total = said.lines().find_map(|line| line.split_once(TOTAL)?.1.trim().parse().ok());
    total.ok_or_else(|| format!("{}: callgrind has not said {TOTAL:?}:\n{said}", path.name))
}
