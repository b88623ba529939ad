//! Runs the commands that come from standard input, a line each, so many at a time, and stops those that take too long.
//!
//! `printf 'sleep 1; echo a\nsleep 1; echo b\n' | cargo run --example parallel -- 2`

use gort::process::{Command, Stdio};
use gort::sync::Semaphore;
use std::io::{self, Read, Write};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

#[gort::main]
fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "2".into());
    let Ok(at_once @ 1..) = argument.parse() else {
        eprintln!("parallel: {argument:?} is not a number of commands");
        std::process::exit(2);
    };
    let turns = Semaphore::new(at_once);
    gort::scope(|scope| {
        for line in gort::io::stdin().lines() {
            let line = line?;
            let turns = &turns;
            scope.go(move || {
                let _turn = turns.acquire(1);
                // What is written in one go has nobody else's in between.
                let written = run(&line).and_then(|text| gort::io::stdout().write_all(&text));
                if let Err(error) = written {
                    eprintln!("parallel: {line}: {error}");
                }
            });
        }
        Ok(())
    })
}

/// What the command writes.
fn run(line: &str) -> io::Result<Vec<u8>> {
    let mut child = Command::new("sh").args(["-c", line]).stdout(Stdio::piped()).spawn()?;
    let mut text = Vec::new();
    let mut stdout = child.stdout.take().expect("it is piped");
    stdout.set_read_timeout(Some(PATIENCE))?;
    let read = stdout.read_to_end(&mut text);
    if read.is_err() || child.wait_timeout(PATIENCE)?.is_none() {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(io::ErrorKind::TimedOut, "it was stopped"));
    }
    Ok(text)
}
