//! The process in which a path runs: this program again, under a tool that counts.

use crate::paths::Path;
use std::io::ErrorKind;
use std::process::{Command, Output};

/// A process that takes longer hangs.
const SECONDS: &str = "60";

/// By the thread that runs a path, before it does: a system call that nothing else makes, so that strace
/// shows which thread that is.
pub(crate) fn mark() {
    let _ = std::os::unix::process::parent_id();
}

/// What [`mark`] looks like to strace.
pub(crate) const MARK: &str = "getppid(";

/// A command that runs `tool` with `arguments`, and under it `n` operations of `path`. Nothing in the
/// environment of whoever counts has a part in it.
pub(crate) fn run(
    tool: &str,
    arguments: &[String],
    path: &Path,
    n: usize,
) -> Result<Output, String> {
    let program = std::env::current_exe().map_err(|error| format!("who am I? {error}"))?;
    let mut command = Command::new("timeout");
    command.arg(SECONDS).arg(tool).args(arguments);
    command.arg(program).arg("--run").arg(path.name).arg(n.to_string());
    command.env_clear().current_dir(std::env::temp_dir());
    command.envs(std::env::var_os("PATH").map(|value| ("PATH", value)));
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no `timeout` on the PATH (of the coreutils)".into(),
        _ => format!("timeout: {error}"),
    })?;
    match output.status.code() {
        Some(0) => Ok(output),
        Some(124) => Err(format!("{} under {tool} has not ended after {SECONDS} s", path.name)),
        Some(127) => Err(format!("there is no `{tool}` on the PATH: apt-get install {tool}")),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let mut last: Vec<_> = said.lines().rev().take(20).collect();
            last.reverse();
            Err(format!("{} under {tool}: {}\n{}", path.name, output.status, last.join("\n")))
        }
    }
}
