//! Counting all paths, some at a time.

use crate::calls::Calls;
use crate::paths::Path;
use crate::{callgrind, strace};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// What an operation of a path takes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Count {
    pub(crate) instructions: f64,
    pub(crate) calls: Calls,
}

impl Count {
    fn of(path: &Path) -> Result<Count, String> {
        // What operations take is what twice as many take more.
        let half = path.most / 2;
        let (less, more) = (callgrind::count(path, half)?, callgrind::count(path, path.most)?);
        let instructions = more.saturating_sub(less) as f64 / half as f64;
        let (less, more) = (strace::count(path, half)?, strace::count(path, path.most)?);
        Ok(Count { instructions, calls: more.of_each(&less, half) })
    }
}

/// Counts the paths, in their order, on all CPUs: what else runs changes nothing.
pub(crate) fn all(paths: &[&'static Path]) -> Result<Vec<(String, Count)>, String> {
    let next = AtomicUsize::new(0);
    let take = || paths.get(next.fetch_add(1, Relaxed)).copied();
    let work = || -> Result<Vec<(&'static str, Count)>, String> {
        std::iter::from_fn(take).map(|path| Ok((path.name, Count::of(path)?))).collect()
    };
    let helpers = thread::available_parallelism().map_or(1, usize::from).min(paths.len());
    let parts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("counting does not panic")).collect()
    });
    let mut counts = Vec::new();
    for part in parts {
        counts.extend(part?);
    }
    let place = |name: &str| paths.iter().position(|path| path.name == name);
    counts.sort_by_key(|(name, _)| place(name));
    Ok(counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
}
