//! Where the tests of channels and select run: each on plain threads, and on goroutines of runtimes
//! with one processor and with two.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use crate::support::{LIMIT, on, within};
use std::thread;

/// What runs the tasks of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum World {
    Threads,
    /// A runtime with so many processors.
    Goroutines(usize),
}

pub enum Task<T> {
    Thread(thread::JoinHandle<T>),
    Goroutine(gort::JoinHandle<T>),
}

impl<T> Task<T> {
    #[track_caller]
    pub fn join(self) -> T {
        match self {
            Task::Thread(thread) => thread.join().expect("the thread has not panicked"),
            Task::Goroutine(goroutine) => goroutine.join().expect("the goroutine has not panicked"),
        }
    }
}

impl World {
    /// Runs a test as a task of this world.
    #[track_caller]
    pub fn run<R: Send + 'static>(self, test: impl FnOnce() -> R + Send + 'static) -> R {
        match self {
            World::Threads => within(LIMIT, test),
            World::Goroutines(processors) => on(processors, test),
        }
    }

    /// Starts another task; within [`run`](Self::run).
    pub fn spawn<T: Send + 'static>(self, f: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        match self {
            World::Threads => Task::Thread(thread::spawn(f)),
            World::Goroutines(_) => Task::Goroutine(gort::spawn(f)),
        }
    }

    /// Starts `count` tasks, and tells each its number.
    pub fn spawn_all<T: Send + 'static>(
        self,
        count: usize,
        make: impl Fn(usize) -> Box<dyn FnOnce() -> T + Send>,
    ) -> Vec<Task<T>> {
        (0..count).map(|i| self.spawn(make(i))).collect()
    }
}

pub fn join_all<T>(tasks: Vec<Task<T>>) -> Vec<T> {
    tasks.into_iter().map(Task::join).collect()
}

/// Makes tests of functions that take a [`World`].
#[macro_export]
macro_rules! in_all_worlds {
    ($($test:ident)*) => {
        mod on_threads {
            $(#[test]
            fn $test() {
                super::$test($crate::chan_world::World::Threads);
            })*
        }
        mod on_one_processor {
            $(#[test]
            fn $test() {
                super::$test($crate::chan_world::World::Goroutines(1));
            })*
        }
        mod on_two_processors {
            $(#[test]
            fn $test() {
                super::$test($crate::chan_world::World::Goroutines(2));
            })*
        }
    };
}
