//! Printing what was found, in the order of the paths.

use gort::chan::{self, Receiver};
use gort::select;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// What came of one file.
pub(crate) struct Finding {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    /// For standard output.
    pub(crate) output: Vec<u8>,
    /// For standard error.
    message: Option<String>,
    pub(crate) matches: bool,
    failed: bool,
}

impl Finding {
    pub(crate) fn new(number: u64, path: PathBuf) -> Finding {
        Finding { number, path, output: Vec::new(), message: None, matches: false, failed: false }
    }

    pub(crate) fn binary_matches(&mut self) {
        self.message = Some(format!("grep: {}: binary file matches", self.path.display()));
    }

    pub(crate) fn fail(&mut self, error: &io::Error) {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text);
        self.message = Some(format!("grep: {}: {text}", self.path.display()));
        self.failed = true;
    }
}

/// Prints findings as they come to be next, gives a permit back for each, and says how it went.
pub(crate) fn report(findings: Receiver<Finding>, permits: &Receiver<()>) -> ExitCode {
    let show_progress = io::stderr().is_terminal();
    let ticks = if show_progress { chan::tick(PROGRESS_EVERY) } else { chan::never() };
    let mut printer = Printer::new(show_progress);
    // Those that are not next. Not more than there are permits.
    let mut early = BTreeMap::new();
    let mut next = 0;
    loop {
        select! {
            recv(findings) -> finding => {
                let Some(finding) = finding else { break };
                early.insert(finding.number, finding);
                while let Some(finding) = early.remove(&next) {
                    next += 1;
                    permits.recv();
                    if let Err(error) = printer.print(&finding) {
                        return printer.give_up(&error);
                    }
                }
            }
            recv(ticks) => printer.progress(next),
        }
    }
    printer.finish()
}

struct Printer {
    stdout: io::BufWriter<io::Stdout>,
    show_progress: bool,
    matches: bool,
    failed: bool,
}

impl Printer {
    fn new(show_progress: bool) -> Printer {
        let stdout = io::BufWriter::new(io::stdout());
        Printer { stdout, show_progress, matches: false, failed: false }
    }

    fn print(&mut self, finding: &Finding) -> io::Result<()> {
        self.matches |= finding.matches;
        self.failed |= finding.failed;
        self.stdout.write_all(&finding.output)?;
        if let Some(message) = &finding.message {
            self.stdout.flush()?;
            self.clear_progress();
            eprintln!("{message}");
        }
        Ok(())
    }

    fn progress(&mut self, files: u64) {
        eprint!("\r{files} files");
    }

    fn clear_progress(&self) {
        if self.show_progress {
            eprint!("\r\x1b[K");
        }
    }

    fn finish(mut self) -> ExitCode {
        if let Err(error) = self.stdout.flush() {
            return self.give_up(&error);
        }
        self.clear_progress();
        match (self.failed, self.matches) {
            (true, _) => ExitCode::from(2),
            (_, true) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// Standard output is gone. If its reader has had enough (`| head`) that is no error to talk of.
    fn give_up(&self, error: &io::Error) -> ExitCode {
        self.clear_progress();
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("grep: standard output: {error}");
        }
        ExitCode::from(2)
    }
}
