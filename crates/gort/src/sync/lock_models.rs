//! loom models of the lock under `Mutex` and `RwLock`: the real code, in all interleavings with up to two
//! preemptions.
//!
//! ```sh
//! LOOM_MAX_PREEMPTIONS=2 RUSTFLAGS="--cfg loom" cargo test --release -p gort --lib --target-dir target/loom lock_models
//! ```
//!
//! Seen to fail: without `pass_on` in `unlock_slow` or in `unread`; with `RESERVED` set while `WOKEN` is, or
//! left by who gives up last; with `WOKEN` kept by who goes back to the queue; with `QUEUED` lost in
//! `hand_over`; without the look for readers in `give_up` (deadlocks, all of them); with `Relaxed` in `unlock`
//! or `unread` (access race).

use super::raw_lock::RawLock;
use crate::park::Limit;
use crate::prim::Arc;
use crate::prim::model::{Number, model, spawn};
use std::time::Duration;

/// In a model, a time that has not passed may pass at any moment.
const SOME_TIME: Duration = Duration::from_secs(3600);

/// A number, and its lock.
struct Guarded {
    lock: RawLock,
    number: Number,
}

impl Guarded {
    fn new() -> Arc<Guarded> {
        Arc::new(Guarded { lock: RawLock::new(), number: Number::new() })
    }

    fn write(&self) {
        self.lock.lock();
        self.number.add();
        self.lock.unlock();
    }

    fn read(&self) -> u32 {
        self.lock.read();
        let number = self.number.get();
        self.lock.unread();
        number
    }

    /// True: the lock was had in time.
    fn write_in_time(&self) -> bool {
        let taken = self.lock.lock_limited(|| Limit::after(SOME_TIME)).is_ok();
        if taken {
            self.number.add();
            self.lock.unlock();
        }
        taken
    }
}

#[test]
fn two_writers_twice() {
    model(|| {
        let guarded = Guarded::new();
        let other = spawn(&guarded, |guarded| {
            guarded.write();
            guarded.write();
        });
        guarded.write();
        guarded.write();
        other.join().unwrap();
        assert_eq!(guarded.read(), 4);
    });
}

#[test]
fn three_writers() {
    model(|| {
        let guarded = Guarded::new();
        let others = [0, 1].map(|_| spawn(&guarded, Guarded::write));
        guarded.write();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(guarded.read(), 3);
    });
}

#[test]
fn a_reader_and_two_writers() {
    model(|| {
        let guarded = Guarded::new();
        let writers = [0, 1].map(|_| spawn(&guarded, Guarded::write));
        assert!(guarded.read() <= 2);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(guarded.read(), 2);
    });
}

#[test]
fn two_readers_and_a_writer() {
    model(|| {
        let guarded = Guarded::new();
        let readers = [0, 1].map(|_| spawn(&guarded, Guarded::read));
        guarded.write();
        readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() <= 1));
    });
}

#[test]
fn a_writer_that_gives_up() {
    model(|| {
        let guarded = Guarded::new();
        let hasty = spawn(&guarded, Guarded::write_in_time);
        let patient = spawn(&guarded, Guarded::write);
        guarded.write();
        let had = hasty.join().unwrap();
        patient.join().unwrap();
        assert_eq!(guarded.read(), 2 + u32::from(had));
    });
}

/// Behind a writer that gives up there may be a reader that could join those who read.
#[test]
fn a_reader_behind_a_writer_that_gives_up() {
    model(|| {
        let guarded = Guarded::new();
        guarded.lock.lock();
        let writer = spawn(&guarded, Guarded::write_in_time);
        let reader = spawn(&guarded, |guarded| {
            guarded.lock.read();
            guarded.number.get()
        });
        guarded.number.add();
        guarded.lock.downgrade();
        // It has to get its share while this one is kept.
        let seen = reader.join().unwrap();
        guarded.lock.unread();
        guarded.lock.unread();
        assert_eq!(1 + u32::from(writer.join().unwrap()), guarded.read());
        assert!(seen >= 1);
    });
}

/// A writer that was woken goes back to the queue, and time passes: the lock is reserved for it.
#[test]
fn a_lock_that_is_reserved() {
    model(|| {
        let guarded = Guarded::new();
        let others = [0, 1].map(|_| spawn(&guarded, Guarded::write));
        guarded.write();
        guarded.lock.pass_time();
        guarded.write();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(guarded.read(), 4);
    });
}

#[test]
fn a_lock_that_is_reserved_by_a_reader() {
    model(|| {
        let guarded = Guarded::new();
        guarded.lock.read();
        let writer = spawn(&guarded, Guarded::write);
        let reader = spawn(&guarded, |guarded| {
            guarded.lock.pass_time();
            guarded.read()
        });
        guarded.lock.unread();
        guarded.read();
        assert!(reader.join().unwrap() <= 1);
        writer.join().unwrap();
    });
}

#[test]
fn a_lock_that_is_reserved_by_who_gives_up_for_who_gives_up() {
    model(|| {
        let guarded = Guarded::new();
        guarded.lock.read();
        let writer = spawn(&guarded, Guarded::write_in_time);
        let reader = spawn(&guarded, |guarded| {
            guarded.lock.pass_time();
            if guarded.lock.read_limited(|| Limit::after(SOME_TIME)).is_ok() {
                assert!(guarded.number.get() <= 1);
                guarded.lock.unread();
            }
        });
        reader.join().unwrap();
        writer.join().unwrap();
        guarded.lock.unread();
        guarded.write();
    });
}

/// One writer was woken, and a reader that comes in between finds another that has waited for too long.
#[test]
fn a_lock_is_not_reserved_while_a_writer_is_on_its_way() {
    model(|| {
        let guarded = Guarded::new();
        guarded.lock.lock();
        let writers = [0, 1].map(|_| spawn(&guarded, Guarded::write));
        let reader = spawn(&guarded, Guarded::read);
        guarded.lock.unlock();
        guarded.lock.read();
        guarded.lock.pass_time();
        guarded.lock.unread();
        reader.join().unwrap();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
}
