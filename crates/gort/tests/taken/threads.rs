//! How many threads there are, and of whom: they are counted by name.

use crate::support::{LIMIT, compute_until, eventually, within};
use crate::{build, counted_hogs};
use gort::Runtime;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// The names of this process's threads that begin like that, sorted. It takes a moment until they are all that there should be: a
/// thread has its maker's name until it runs, and where others end meanwhile one may be passed over.
fn threads_called(prefix: &str) -> Vec<String> {
    // One that is ending has none.
    let name = |path: std::path::PathBuf| std::fs::read_to_string(path.join("comm")).ok();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| name(task.unwrap().path()));
    let mut names: Vec<_> =
        names.map(|name| name.trim().to_owned()).filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

#[test]
fn nothing_is_taken_while_nothing_waits() {
    within(LIMIT, || {
        let runtime = build(|builder| builder.processors(1).name("calm"));
        runtime.run(|| compute_until(Duration::from_millis(100), || false));
        let stats = runtime.stats();
        assert_eq!((stats.threads, stats.processors_taken), (1, 0));
        eventually("it has these", || threads_called("calm") == ["calm-0", "calm-monitor"]);
    });
}

#[test]
fn at_the_limit_of_threads_the_busy_keep_their_processors() {
    within(LIMIT, || {
        let slice = Duration::from_millis(1);
        let builder = Runtime::builder().processors(1).max_threads(2).time_slice(slice);
        let runtime = builder.name("full").build().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (hogs, begun) = counted_hogs(&runtime, 4, &stop);
        eventually("there is a thread for two", || begun.load(SeqCst) == 2);
        thread::sleep(Duration::from_millis(50));
        assert_eq!(begun.load(SeqCst), 2);
        assert_eq!(runtime.stats().threads, 2);
        let all = ["full-0", "full-1", "full-monitor"];
        eventually("it has these", || threads_called("full") == all);
        stop.store(true, SeqCst);
        assert!(hogs.into_iter().all(|hog| hog.join().unwrap()));
    });
}

#[test]
fn there_need_be_no_limit_of_threads() {
    within(LIMIT, || {
        let runtime = Runtime::builder().processors(1).max_threads(usize::MAX).build().unwrap();
        assert_eq!(runtime.run(|| gort::blocking(|| 6 * 7)), 42);
    });
}

/// Several threads are the monitor in turn, and end with the runtime.
#[test]
fn a_crowd_of_busy_goroutines_all_get_on() {
    // Where a context is a thread, a newcomer has two to wait for, each of which comes after all those that compute: beside a
    // build, 150 took a minute to begin.
    const COUNT: usize = if cfg!(feature = "threads") { 64 } else { 150 };
    within(LIMIT, || {
        let slice = Duration::from_micros(200);
        let runtime = build(|builder| builder.processors(2).time_slice(slice).name("crowd"));
        runtime.run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let rounds: Arc<[AtomicUsize]> = (0..COUNT).map(|_| AtomicUsize::new(0)).collect();
            let hog = |index: usize| {
                let (stop, rounds) = (stop.clone(), rounds.clone());
                gort::spawn(move || {
                    compute_until(LIMIT, || {
                        rounds[index].fetch_add(1, SeqCst);
                        stop.load(SeqCst)
                    })
                })
            };
            let hogs: Vec<_> = (0..COUNT).map(hog).collect();
            let seen = || rounds.iter().map(|rounds| rounds.load(SeqCst)).collect::<Vec<_>>();
            while seen().contains(&0) {
                gort::sleep(Duration::from_millis(1));
            }
            // No two of them run on one thread.
            assert!(gort::stats().threads >= COUNT);
            eventually(
                "there are more than one, and no more than one for every 32 beside it",
                || (2..=1 + COUNT / 32).contains(&threads_called("crowd-monitor").len()),
            );
            let before = seen();
            while seen().iter().zip(&before).any(|(now, before)| now == before) {
                gort::sleep(Duration::from_millis(1));
            }
            stop.store(true, SeqCst);
            assert!(hogs.into_iter().all(|hog| hog.join().unwrap()));
        });
        runtime.shutdown(LIMIT).unwrap();
        // The system lists a thread for a moment after it could be joined.
        eventually("its threads are gone", || threads_called("crowd").is_empty());
    });
}
