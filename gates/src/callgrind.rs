//! Instructions, as valgrind's callgrind counts them.
//!
//! It writes a file for each thread. The machine's is not told apart by anything in it; but it is the one whose
//! count grows with the operations, by hundreds of thousands, where the monitor's is some thousands more or
//! less. Only totals are used: of who has called whom callgrind has no true picture when stacks are switched.

use crate::child;
use crate::paths::Path;
use std::fs;
use std::path::PathBuf;

/// How many instructions each thread takes for `n` operations, in the order in which they were started.
fn by_thread(path: &Path, n: usize) -> Result<Vec<u64>, String> {
    let out = Out::new(path, n)?;
    let file = format!("--callgrind-out-file={}", out.0.join("out").display());
    let arguments = ["--tool=callgrind", "--separate-threads=yes", "--vgdb=no", &file];
    let output = child::run("valgrind", &arguments.map(String::from), path, n)?;
    let mut counts = Vec::new();
    while let Ok(text) = fs::read_to_string(out.0.join(format!("out-{:02}", counts.len() + 1))) {
        let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
        counts.extend(total.and_then(|total| total.parse::<u64>().ok()));
    }
    if counts.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: callgrind has counted nothing\n{said}", path.name));
    }
    Ok(counts)
}

/// How many instructions an operation takes.
pub(crate) fn of_an_operation(path: &Path) -> Result<f64, String> {
    let half = path.most / 2;
    let (less, more) = (by_thread(path, half)?, by_thread(path, path.most)?);
    if less.len() != more.len() {
        return Err(format!("{}: {} threads, then {}", path.name, less.len(), more.len()));
    }
    let growth = less.iter().zip(more).map(|(less, more)| more.saturating_sub(*less));
    Ok(growth.max().unwrap_or(0) as f64 / half as f64)
}

/// A folder for callgrind's files.
struct Out(PathBuf);

impl Out {
    fn new(path: &Path, n: usize) -> Result<Out, String> {
        let name = format!("gort-gates-{}-{}-{n}", std::process::id(), path.name);
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Out(folder))
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        // It is in the folder for temporary files, where it may also stay.
        let _ = fs::remove_dir_all(&self.0);
    }
}
