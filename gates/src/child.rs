//! The process in which a path runs: this program again, under a tool that counts.

use crate::paths::Path;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// A process that takes longer hangs.
const SECONDS: &str = "120";

/// Runs `tool` with `arguments`, and under it `n` operations of `path`. Nothing in the environment of whoever
/// counts has a part in it. Returns what the tool has to say.
pub(crate) fn run(tool: &str, arguments: &[&str], path: &Path, n: usize) -> Result<String, String> {
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
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(0) => Ok(said),
        Some(124) => Err(format!("{} under {tool} has not ended after {SECONDS} s", path.name)),
        None if output.status.signal() == Some(libc::SIGILL) => Err(format!(
            "{tool} does not know an instruction of this program's, which is to be compiled for any x86-64, \
             without -C target-cpu:\n{said}"
        )),
        Some(127) => Err(format!("there is no `{tool}` on the PATH: apt-get install {tool}")),
        _ => {
            let last = said.lines().count().saturating_sub(20);
            let last: Vec<_> = said.lines().skip(last).collect();
            Err(format!("{} under {tool}: {}\n{}", path.name, output.status, last.join("\n")))
        }
    }
}
