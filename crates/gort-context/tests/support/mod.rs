//! Programs that tests start: themselves, as a rule.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::process::{Command, Output};

/// A command that starts a program of this target: by an emulator, where cargo was told to start tests by one.
pub fn program(path: &Path) -> Command {
    let variable =
        format!("CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_RUNNER", std::env::consts::ARCH.to_uppercase());
    let runner = if cfg!(target_os = "linux") { std::env::var(variable).ok() } else { None };
    let mut words = runner.as_deref().unwrap_or_default().split_whitespace();
    match words.next() {
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(path);
            command
        }
        None => Command::new(path),
    }
}

/// A command that starts one test of the running binary in a process of its own.
pub fn this_test(name: &str) -> Command {
    let mut command = program(&std::env::current_exe().expect("the test binary"));
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    command
}

/// Did the process end itself as `abort` does?
pub fn aborted(output: &Output) -> bool {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(6);
    // What Windows calls an overrun of a buffer, and gives as the reason for any such end.
    #[cfg(windows)]
    return output.status.code() == Some(0xC000_0409_u32 as i32);
}
