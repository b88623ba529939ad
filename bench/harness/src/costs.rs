//! What it costs to use gort before anything runs: how long a small program takes to build, how large it is, how
//! many crates it needs; and the same for the peers. The programs are in `bench/hello/`.

use crate::peers::bench_dir;
use crate::record::{Failure, Fields, Record, Status};
use crate::{Result, build};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The job's label, and the workload's.
pub const HELLO: &str = "hello";

/// A program that starts a task and gets a word from it.
struct Program {
    peer: &'static str,
    source: &'static str,
    /// The line of its manifest that says what it needs; none for Go.
    dependency: Option<String>,
}

const GO: &str = include_str!("../../hello/hello.go");
const TOKIO: &str = include_str!("../../hello/tokio.rs");

fn programs() -> Vec<Program> {
    let crates = bench_dir().parent().unwrap_or(bench_dir()).join("crates");
    let tokio = |features: &str| format!("tokio = {{ version = \"1\", features = [{features}] }}");
    let rust = |peer, source, dependency| Program { peer, source, dependency: Some(dependency) };
    let gort = format!("gort = {{ path = \"{}\" }}", crates.join("gort").display());
    vec![
        rust("gort", include_str!("../../hello/gort.rs"), gort),
        Program { peer: "go", source: GO, dependency: None },
        rust("tokio (full)", TOKIO, tokio("\"full\"")),
        rust("tokio (least)", TOKIO, tokio("\"rt-multi-thread\", \"sync\"")),
    ]
}

/// Builds each program that often, from nothing and again after an edit. One that cannot be built leaves a
/// failure.
pub fn measure(
    repetitions: usize,
    mut each: impl FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let place = std::env::temp_dir().join(format!("gort-hello-{}", std::process::id()));
    let mut records = Vec::new();
    for repetition in 0..repetitions {
        for program in programs() {
            fs::create_dir_all(&place)?;
            let start = Instant::now();
            let measured = program.measure(&place);
            // The next one begins with nothing.
            fs::remove_dir_all(&place)?;
            let (fields, failure) = match measured {
                Ok(fields) => (fields, None),
                Err(why) => {
                    (Fields::new(), Some(Failure { status: Status::Crash, why: why.to_string() }))
                }
            };
            let mut record = Record::new(HELLO, program.peer, HELLO, fields);
            record.rep = repetition;
            record.wall = start.elapsed().as_secs_f64();
            record.failure = failure;
            eprintln!("[{repetition}] hello by {}: {:.1} s", program.peer, record.wall);
            each(&record)?;
            records.push(record);
        }
    }
    Ok(records)
}

impl Program {
    fn measure(&self, place: &Path) -> Result<Fields> {
        match &self.dependency {
            Some(dependency) => self.rust(place, dependency),
            None => self.go(place),
        }
    }

    fn rust(&self, place: &Path, dependency: &str) -> Result<Fields> {
        fs::create_dir_all(place.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"hello\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependency}\n\n[profile.release]\nstrip = true\n\n[workspace]\n"
        );
        fs::write(place.join("Cargo.toml"), manifest)?;
        // The versions that are measured elsewhere.
        fs::copy(bench_dir().join("Cargo.lock"), place.join("Cargo.lock"))?;
        let source = place.join("src/main.rs");
        let cargo = |words: &[&str]| {
            let mut command = Command::new(build::cargo());
            command.args(words).arg("--quiet").current_dir(place);
            command.env("CARGO_TARGET_DIR", place.join("target")).env_remove("RUSTFLAGS");
            command
        };
        fs::write(&source, self.source)?;
        said_by(cargo(&["fetch"]))?;
        let mut fields = Fields::new();
        for (profile, words) in [
            ("release", &["build", "--offline", "--release"][..]),
            ("debug", &["build", "--offline"]),
        ] {
            fs::write(&source, self.source)?;
            fields.insert(format!("cold_{profile}_s"), seconds(cargo(words))?.into());
            fs::write(&source, self.source.replace("hello", "hello again"))?;
            fields.insert(format!("warm_{profile}_s"), seconds(cargo(words))?.into());
            check(&place.join("target").join(profile).join("hello"))?;
        }
        let size = fs::metadata(place.join("target/release/hello"))?.len();
        fields.insert("bytes".into(), size.into());
        let tree = ["tree", "--offline", "--edges", "normal,build", "--prefix", "none"];
        let tree = said_by(cargo(&tree))?;
        // Each may be there several times, with a note that it was before.
        let crates: HashSet<&str> =
            tree.lines().filter_map(|line| line.split(" (").next()).collect();
        fields.insert("crates".into(), crates.len().saturating_sub(1).into());
        Ok(fields)
    }

    /// Without the standard library that is compiled already: from nothing means from nothing. Whether with optimisation or
    /// not is the same to Go.
    fn go(&self, place: &Path) -> Result<Fields> {
        let source = place.join("hello.go");
        fs::write(place.join("go.mod"), "module hello\n")?;
        let go = || {
            let mut command = Command::new("go");
            command.args(["build", "-ldflags=-s -w", "-o", "hello", "."]).current_dir(place);
            command.env("GOCACHE", place.join("cache"));
            command.envs([("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0"), ("GOFLAGS", "")]);
            command
        };
        let mut fields = Fields::new();
        fs::write(&source, self.source)?;
        fields.insert("cold_release_s".into(), seconds(go())?.into());
        fs::write(&source, self.source.replace("hello", "hello again"))?;
        fields.insert("warm_release_s".into(), seconds(go())?.into());
        check(&place.join("hello"))?;
        fields.insert("bytes".into(), fs::metadata(place.join("hello"))?.len().into());
        fields.insert("crates".into(), 0.into());
        Ok(fields)
    }
}

/// How long a command takes that must succeed.
fn seconds(command: Command) -> Result<f64> {
    let start = Instant::now();
    said_by(command)?;
    Ok((start.elapsed().as_secs_f64() * 1e3).round() / 1e3)
}

fn said_by(mut command: Command) -> Result<String> {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let first: String = said.lines().next().unwrap_or_default().chars().take(200).collect();
        return Err(format!("{program}: {}: {first}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Does the program that was built last say what it is to say?
fn check(program: &Path) -> Result<()> {
    let said = said_by(Command::new(program))?;
    if said.trim() == "hello again" { Ok(()) } else { Err(format!("it says {said:?}").into()) }
}
