//! A runtime with nothing to do does nothing.

use crate::meets;
use crate::support::{LIMIT, eventually, within};
use gort::chan::chan;
use std::thread;
use std::time::Duration;

#[test]
fn an_idle_runtime_uses_no_cpu() {
    within(LIMIT, || {
        let builder = gort::Runtime::builder().processors(2).name("unused");
        let runtime = builder.build().unwrap();
        let (release, wait) = chan::<()>(0);
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let wait = wait.clone();
                runtime.spawn(move || wait.recv())
            })
            .collect();
        runtime.run(|| meets(2));
        let wakes = || {
            let threads = std::fs::read_dir("/proc/self/task").unwrap();
            let its_own = threads.filter_map(|thread| {
                let status = std::fs::read_to_string(thread.unwrap().path().join("status")).ok()?;
                if !status.lines().next()?.contains("unused-") {
                    return None;
                }
                let line = status.lines().find(|line| line.starts_with("voluntary"))?;
                line.split_whitespace().last()?.parse::<u64>().ok()
            });
            its_own.sum::<u64>()
        };
        // What has been begun by the meeting comes to rest.
        eventually("nobody wakes up for 50 ms", || {
            let before = wakes();
            thread::sleep(Duration::from_millis(50));
            wakes() == before
        });
        drop(release);
        waiting.into_iter().for_each(|handle| assert!(handle.join().unwrap().is_none()));
    });
}
