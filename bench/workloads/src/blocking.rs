//! Tasks that block in the kernel.

use crate::{Args, Report, Runtime, WaitGroup, process};
use std::time::Instant;

/// How long each task blocks.
pub const MS: u64 = 50;

/// `n` tasks block in the kernel for 50 ms each, in the way the runtime has for that: 50 ms in all if
/// none waits for another. With `raw=1` without a word to the runtime.
pub fn blocking<R: Runtime>(args: &Args) -> ! {
    let n = args.get("n", 64);
    let raw = args.get("raw", 0) == 1;
    let group = R::WaitGroup::new();
    group.add(n as usize);
    let start = Instant::now();
    for _ in 0..n {
        let group = group.clone();
        R::go(move || {
            if raw {
                process::nanosleep_ms(MS);
            } else {
                R::blocking(|| process::nanosleep_ms(MS));
            }
            group.done();
        });
    }
    group.wait();
    let seconds = start.elapsed().as_secs_f64();
    Report::new(R::NAME, args, n, seconds)
        .with("ms", seconds * 1e3)
        .with("threads", process::threads() as f64)
        .emit()
}
