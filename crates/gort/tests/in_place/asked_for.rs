//! How it is asked for, and what becomes of that.

use gort::Runtime;

#[test]
#[should_panic(expected = "RuntimeBuilder::preempt_in_place, which is unsafe")]
fn it_takes_a_promise() {
    drop(Runtime::builder().preempt(gort::Preempt::Trampoline));
}

#[cfg(unix)]
#[test]
fn signals_that_have_another_use() {
    if crate::support::in_child() {
        for signal in
            [0, -1, libc::SIGSEGV, libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD, 32, 33, 65]
        {
            // SAFETY: it is not built.
            let builder = unsafe { Runtime::builder().preempt_in_place() }.preempt_signal(signal);
            let error = builder.build().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("it has another use"), "{error}");
        }
        return;
    }
    crate::support::assert_success(&crate::support::child(
        "asked_for::signals_that_have_another_use",
        |_| {},
    ));
}

/// What cannot be seen there is not relied on: the processor is taken to another thread.
#[cfg(debug_assertions)]
#[test]
fn in_an_unoptimized_build_nobody_is_interrupted() {
    use crate::support::{LIMIT, hogs, within};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    within(LIMIT, || {
        let builder = Runtime::builder().processors(1);
        // SAFETY: what could be interrupted here computes, and holds nothing of its thread's.
        let runtime = unsafe { builder.preempt_in_place() }.build().unwrap();
        runtime.run(|| {
            let stop = Arc::new(AtomicBool::new(false));
            let hogs = hogs(3, &stop);
            (0..5).for_each(|_| gort::sleep(std::time::Duration::from_millis(1)));
            stop.store(true, SeqCst);
            assert!(hogs.into_iter().all(|hog| hog.join().unwrap()));
        });
        let stats = runtime.stats();
        assert_eq!((stats.signals_sent, stats.preempted), (0, 0), "{stats:?}");
        assert!(stats.processors_taken > 0, "{stats:?}");
    });
}
