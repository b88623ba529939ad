//! Stacks of the size that was asked for.

use crate::support::{LIMIT, within};
use gort::chan::chan;
use std::io::ErrorKind;
use std::panic::catch_unwind;
use std::time::Duration;

/// Goes `bytes` deep into the stack, and really touches it.
#[inline(never)]
pub fn use_stack(bytes: usize) {
    fn deeper(from: usize, bytes: usize) {
        let page = std::hint::black_box([1_u8; 128]);
        if from - (&raw const page).addr() < bytes {
            deeper(from, bytes);
        }
        std::hint::black_box(page);
    }
    let here = 0_u8;
    deeper((&raw const here).addr(), bytes);
}

#[test]
fn stacks_are_as_large_as_asked_for() {
    within(LIMIT, || {
        for size in [16 << 10, 20_000, 32 << 10, 100_000, 256 << 10, 1 << 20, 3 << 20, 64 << 20] {
            let handle = gort::Builder::new().stack_size(size).spawn(move || {
                let most = match size {
                    // The scheduler's own frames of unoptimized code take half of it.
                    ..32_768 if cfg!(debug_assertions) => 1 << 10,
                    ..65_536 => size / 4,
                    _ => size / 4 * 3,
                };
                use_stack(most);
                gort::yield_now();
                use_stack(most);
            });
            handle.unwrap().join().unwrap();
        }
        for size in [512 << 20, 1 << 30] {
            let handle = gort::Builder::new().stack_size(size).spawn(|| use_stack(200 << 20));
            handle.unwrap().join().unwrap();
        }
    });
}

#[test]
fn a_runtime_of_small_stacks_does_all_there_is_to_do() {
    within(LIMIT, || {
        // Frames of unoptimized code are several times as large.
        let size = if cfg!(debug_assertions) { 64 << 10 } else { 16 << 10 };
        let runtime = gort::Runtime::builder().processors(2).stack_size(size).build().unwrap();
        runtime.run(|| {
            let (tx, rx) = chan(0);
            let (quit, quits) = chan::<()>(0);
            let handle = gort::Builder::new().name("small").spawn(move || {
                let mut sum = 0;
                loop {
                    gort::select! {
                        recv(rx) -> n => sum += n.unwrap_or(0),
                        recv(quits) -> _ => return sum,
                        after(Duration::from_secs(50)) => unreachable!(),
                    }
                }
            });
            gort::scope(|s| {
                for n in 0..100 {
                    let tx = &tx;
                    s.go(move || tx.send(n).unwrap());
                }
            });
            gort::sleep(Duration::from_millis(1));
            drop(quit);
            assert_eq!(handle.unwrap().join().unwrap(), 4950);
            assert_eq!(gort::run(|| gort::spawn(|| 5).join().unwrap()), 5);
            let caught = catch_unwind(|| std::panic::resume_unwind(Box::new("quietly")));
            assert!(caught.is_err());
            gort::set_gomaxprocs(4);
            assert!(format!("{:?}", gort::current()).contains("Goroutine"));
        });
    });
}

#[test]
fn stack_sizes_out_of_bounds_are_invalid_input() {
    for size in [0, 1, (16 << 10) - 1, (1 << 30) + 1, 1 << 40, usize::MAX] {
        let error = gort::Builder::new().stack_size(size).spawn(|| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{size}: {error}");
        let build = gort::Runtime::builder().stack_size(size).build();
        assert_eq!(build.unwrap_err().kind(), ErrorKind::InvalidInput, "{size}");
    }
}
