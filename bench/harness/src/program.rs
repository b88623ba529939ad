//! Running a peer's program once.

use crate::peers::{Peer, target_dir};
use crate::record::{Failure, Fields, Status};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How much of what a failed program has said is kept.
const EXCERPT: usize = 250;

/// What came of a run.
#[derive(Debug, Default)]
pub struct RunResult {
    pub fields: Fields,
    pub failure: Option<Failure>,
}

impl RunResult {
    fn failed(status: Status, why: String) -> RunResult {
        RunResult { failure: Some(Failure { status, why }), ..RunResult::default() }
    }
}

/// Is the peer's program a server in this workload? Then `load` starts it and measures.
pub fn is_served(workload: &str) -> bool {
    workload.starts_with("tcp")
}

/// Runs `peer` on `WORKLOAD key=number ..`; ends it when the time is over.
pub fn run(peer: &Peer, words: &[String], timeout: Duration) -> RunResult {
    let mut command = if words.first().is_some_and(|workload| is_served(workload)) {
        let mut load = Command::new(target_dir().join("release/load"));
        load.arg(&peer.program);
        load
    } else {
        Command::new(&peer.program)
    };
    command.args(words).env("RUST_BACKTRACE", "0").envs(peer.environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return RunResult::failed(Status::Crash, format!("not started: {error}")),
    };
    let output = read_all(child.stdout.take());
    let errors = read_all(child.stderr.take());
    // A program that has ended has closed its output. So there is no need to look at it again and
    // again, on CPUs that it may be using.
    let in_time = output.recv_timeout(timeout).ok();
    if in_time.is_none() {
        // An error means that it has just ended.
        let _ = child.kill();
    }
    let status = child.wait();
    let said = match excerpt(&errors.recv().unwrap_or_default()) {
        nothing if nothing.is_empty() => nothing,
        something => format!("; {something}"),
    };
    let Some(output) = in_time else {
        let seconds = timeout.as_secs();
        return RunResult::failed(Status::Hang, format!("no result in {seconds} s{said}"));
    };
    match status {
        Ok(status) if status.success() => parse(&output),
        Ok(status) => RunResult::failed(Status::Crash, format!("{}{said}", ending(status))),
        Err(error) => RunResult::failed(Status::Crash, format!("{error}{said}")),
    }
}

fn parse(output: &str) -> RunResult {
    let Some(line) = output.lines().rfind(|line| line.starts_with('{')) else {
        return RunResult::failed(Status::Bad, format!("no result: {}", excerpt(output)));
    };
    let mut fields: Fields = match serde_json::from_str(line) {
        Ok(fields) => fields,
        Err(error) => return RunResult::failed(Status::Bad, format!("{error}: {}", excerpt(line))),
    };
    let mut text = |key| match fields.shift_remove(key) {
        Some(serde_json::Value::String(text)) => Some(text),
        _ => None,
    };
    let failure = text("status").map(|status| {
        let why = text("why").unwrap_or_default();
        let status = if status == "n/a" { Status::NotApplicable } else { Status::Bad };
        Failure { status, why }
    });
    RunResult { fields, failure }
}

fn read_all(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What came before an error counts.
            let _ = from.read_to_end(&mut bytes);
        }
        // Nobody may be waiting any more.
        let _ = tx.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    rx
}

/// The beginning of `text`, on one line, without the places where this machine keeps its files.
fn excerpt(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().take(EXCERPT).map(without_place).collect();
    words.join(" ").chars().take(EXCERPT).collect()
}

fn without_place(word: &str) -> String {
    let parts: Vec<&str> = word.split('/').collect();
    let registry = parts.windows(2).position(|pair| pair == ["registry", "src"]);
    let kept = match registry {
        // Then comes which registry, then the package.
        Some(at) => parts.get(at + 3..).unwrap_or_default(),
        None if word.starts_with('/') => &parts[parts.len().saturating_sub(3)..],
        None => &parts[..],
    };
    kept.join("/")
}

fn ending(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("signal {}", signal_name(signal)),
        None => status.to_string(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        15 => "SIGTERM",
        other => return other.to_string(),
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> RunResult {
        let sh = Peer::added("sh", "/bin/sh").expect("there is a shell");
        run(&sh, &["-c".to_owned(), script.to_owned()], Duration::from_millis(300))
    }

    fn status(result: &RunResult) -> Option<Status> {
        result.failure.as_ref().map(|failure| failure.status)
    }

    #[test]
    fn the_last_line_that_is_an_object_is_the_result() {
        let result = shell(r#"echo hello; echo '{"n":1}'; echo '{"n":2}'"#);
        assert_eq!(result.fields["n"], 2);
        assert_eq!(status(&result), None);
    }

    #[test]
    fn ways_to_fail() {
        assert_eq!(status(&shell("echo nothing")), Some(Status::Bad));
        assert_eq!(status(&shell("echo '{nothing'")), Some(Status::Bad));
        assert_eq!(status(&shell("exec sleep 5")), Some(Status::Hang));
        let crash = shell("echo why >&2; kill -SEGV $$").failure.expect("it has crashed");
        assert_eq!(crash.status, Status::Crash);
        assert_eq!(crash.why, "signal SIGSEGV; why");
    }

    #[test]
    fn places_are_left_out() {
        let kept =
            ["/a/registry/src/some-host/pkg-1.0/src/lib.rs:5", "/a/b/c/src/lib.rs", "a/b/c/d"];
        let kept = kept.map(without_place);
        assert_eq!(kept, ["pkg-1.0/src/lib.rs:5", "c/src/lib.rs", "a/b/c/d"]);
        let none = shell(r#"echo '{"n":1,"status":"n/a","why":"not written"}'"#);
        let failure = none.failure.expect("there is no result");
        assert_eq!((failure.status, failure.why.as_str()), (Status::NotApplicable, "not written"));
    }
}
