//! Building the peers. Each on its own: one that does not build leaves the others alone, and none gets
//! the features that another asks of a dependency.

use crate::peers::{Peer, Source, bench_dir, target_dir};
use std::ffi::OsString;
use std::process::Command;

/// Builds these peers and returns those that can be run; says what became of the others.
pub fn build_all(peers: Vec<Peer>) -> Vec<Peer> {
    let mut built: Vec<Peer> = Vec::new();
    for peer in peers {
        let done = built.iter().any(|other| other.source == peer.source);
        match if done { Ok(()) } else { build(&peer.source) } {
            Ok(()) => built.push(peer),
            Err(why) => eprintln!("== left out: {}: {why}", peer.name),
        }
    }
    built
}

/// Builds the program that looks at the CPUs.
pub fn build_calib() -> Result<(), String> {
    build(&Source::Package { package: "calib", target: target_dir(), flags: None })
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
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// The one that runs this, if one does.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
