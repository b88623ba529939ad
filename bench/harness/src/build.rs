//! Building the peers. Each on its own: one that does not build leaves the others alone, and none gets
//! the features that another asks of a dependency.

use crate::peers::{Peer, Source, bench_dir, target_dir};
use crate::program;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// Builds these peers. Returns those that can be run, and for each of the others why not.
pub fn build_all(peers: Vec<Peer>) -> (Vec<Peer>, Vec<String>) {
    let mut built: Vec<Peer> = Vec::new();
    let mut left_out = Vec::new();
    for peer in peers {
        let done = built.iter().any(|other| other.source == peer.source);
        match if done { Ok(()) } else { build(&peer.source) } {
            Ok(()) => built.push(peer),
            Err(why) => {
                left_out.push(format!("{} is left out: {why}", peer.name));
                eprintln!("== {} is left out: {why}", peer.name);
            }
        }
    }
    (built, left_out)
}

/// Builds the program that looks at the CPUs.
pub fn build_calib() -> Result<(), String> {
    build(&Source::Package { package: "calib", target: target_dir(), flags: None })
}

/// Builds the clients of servers, if one of `workloads` is for them.
pub fn build_load<'a>(mut workloads: impl Iterator<Item = &'a str>) -> Result<(), String> {
    if !workloads.any(program::is_served) {
        return Ok(());
    }
    build(&Source::Package { package: "load", target: target_dir(), flags: None })
}

fn build(source: &Source) -> Result<(), String> {
    let command = match source {
        Source::Package { package, target, flags } => {
            let mut command = Command::new(cargo());
            command.args(["build", "--release", "--quiet", "--package", package]);
            command.arg("--target-dir").arg(target).current_dir(bench_dir());
            if let Some(flags) = flags {
                command.env("RUSTFLAGS", flags);
            }
            command
        }
        Source::Go => {
            let mut command = Command::new("go");
            command.arg("build").arg("-o").arg(target_dir().join("gopeer")).arg(".");
            command.current_dir(bench_dir().join("gopeer"));
            // What is installed is what is measured, and no C compiler is needed.
            command.envs([("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0")]);
            command
        }
        Source::None => return Ok(()),
    };
    run(command)
}

fn run(mut command: Command) -> Result<(), String> {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let program = program.to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it does not build ({program}: {status})")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("there is no `{program}` on the PATH"))
        }
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// The one that runs this, if one does.
pub fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
