//! Mutual exclusion.

use crate::{Args, Mutex, Report, Runtime, WaitGroup};
use std::sync::Arc;
use std::time::Instant;

/// `tasks` tasks increment one number `n` times each, each time under the lock. Checks the number.
pub fn mutex<R: Runtime>(args: &Args) -> ! {
    let each = args.get("n", 100_000);
    let tasks = args.get("tasks", 16);
    let mutex = Arc::new(R::Mutex::new());
    let group = R::WaitGroup::new();
    group.add(tasks as usize);
    let start = Instant::now();
    for _ in 0..tasks {
        let (mutex, group) = (mutex.clone(), group.clone());
        R::go(move || {
            for _ in 0..each {
                mutex.with(|value| *value += 1);
            }
            group.done();
        });
    }
    group.wait();
    let seconds = start.elapsed().as_secs_f64();
    let mut value = 0;
    mutex.with(|it| value = *it);
    assert_eq!(value, each * tasks);
    Report::new(R::NAME, args, value, seconds).emit()
}
