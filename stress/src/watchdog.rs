//! Tells where the process is when it fails or hangs, and ends it.

use std::fmt::Write;
use std::panic;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Goes on with every round, and within long ones.
static PROGRESS: AtomicU64 = AtomicU64::new(0);
static STATE: Mutex<String> = Mutex::new(String::new());
static EXPECTED: Mutex<Option<&str>> = Mutex::new(None);

fn state() -> MutexGuard<'static, String> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn begin_round(storm: &str, seed: u64, round: u64) {
    *state() = format!("storm {storm}, --seed {seed} --round {round}");
    progress();
}

pub(crate) fn end_round() {
    *state() = "between storms".into();
    progress();
}

/// Adds to what is told of the round.
pub(crate) fn note(what: &str) {
    let _ = write!(state(), "; {what}");
}

/// A message with which panics are no failure for now.
pub(crate) fn expect(message: Option<&'static str>) {
    *EXPECTED.lock().unwrap_or_else(PoisonError::into_inner) = message;
}

pub(crate) fn progress() {
    PROGRESS.fetch_add(1, Relaxed);
}

/// Any call of the panic hook is a failure: panics on purpose go around it.
pub(crate) fn start(stall: Duration) {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let expected = *EXPECTED.lock().unwrap_or_else(PoisonError::into_inner);
        if expected.is_some() && info.payload_as_str() == expected {
            return;
        }
        eprintln!("\ngort-stress: FAILED in {}", state());
        hook(info);
        std::process::abort();
    }));
    let watch = move || {
        let mut seen = (PROGRESS.load(Relaxed), Instant::now());
        loop {
            thread::sleep(Duration::from_millis(200));
            let now = PROGRESS.load(Relaxed);
            if now != seen.0 {
                seen = (now, Instant::now());
            } else if seen.1.elapsed() > stall {
                eprintln!("\ngort-stress: no progress for {stall:?} in {}", state());
                eprintln!("threads: {}", threads());
                std::process::abort();
            }
        }
    };
    thread::Builder::new().name("watchdog".into()).spawn(watch).expect("a thread");
}

/// The names of the threads and what the kernel says they wait for.
fn threads() -> String {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return "unknown".into() };
    let mut text = String::new();
    for task in tasks.flatten() {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let (name, wait) = (read("comm"), read("wchan"));
        let _ = write!(text, "{} ({}), ", name.trim(), wait.trim());
    }
    text
}
