//! Starting goroutines, and their end.

use super::{Path, path};
use std::hint::black_box;

/// So many are started before the first runs.
const BATCH: usize = 64;

pub(super) const PATHS: &[Path] = &[
    path("go.one", "a goroutine started and let run by yield_now", |n| {
        for _ in 0..n {
            gort::go!(|| ());
            gort::yield_now();
        }
    }),
    path("go.batch", "the same, 64 at a time", |n| {
        for _ in 0..n / BATCH {
            for _ in 0..BATCH {
                gort::go!(|| ());
            }
            gort::yield_now();
        }
    }),
    path(
        "go.yields",
        "a goroutine that yields once, so that it needs a stack; 64 at a time",
        |n| {
            for _ in 0..n / BATCH {
                for _ in 0..BATCH {
                    gort::go!(gort::yield_now);
                }
                gort::yield_now();
                gort::yield_now();
            }
        },
    ),
    path("spawn.join", "a goroutine started and joined", |n| {
        for number in 0..n {
            assert_eq!(gort::spawn(move || black_box(number)).join().expect("it ends"), number);
        }
    }),
    path("spawn.batch", "goroutines started, 64 at a time, and then joined", |n| {
        let mut handles = Vec::with_capacity(BATCH);
        for _ in 0..n / BATCH {
            handles.extend((0..BATCH).map(|number| gort::spawn(move || black_box(number))));
            for handle in handles.drain(..) {
                handle.join().expect("it ends");
            }
        }
    }),
    path("scope.go", "goroutines of a scope, 64 of them in each", |n| {
        for _ in 0..n / BATCH {
            gort::scope(|scope| {
                for number in 0..BATCH {
                    scope.go(move || black_box(number));
                }
            });
        }
    }),
];
