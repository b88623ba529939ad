//! The crowd: machines whose goroutine computes on after they have lost their processor.
use super::Shared;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::time::Duration;

/// So many for each processor are a large crowd: a thread gets less than a sixteenth of a CPU.
const LARGE: usize = 16;
/// So many need one more thread for the monitor's work.
const FOR_EACH_WATCHER: usize = 32;
/// What a look takes, sleeping and waking included.
const LOOK: Duration = Duration::from_micros(8);

#[derive(Default)]
pub(crate) struct Crowd {
    size: AtomicUsize,
}

/// Is a machine in the crowd?
#[derive(Default)]
pub(crate) struct Member(AtomicBool);

impl Crowd {
    /// True if it has not been in it.
    pub(crate) fn join(&self, member: &Member) -> bool {
        let joins = !member.0.swap(true, AcqRel);
        if joins {
            self.size.fetch_add(1, Relaxed);
        }
        joins
    }

    pub(crate) fn leave(&self, member: &Member) {
        if member.0.swap(false, AcqRel) {
            self.size.fetch_sub(1, Relaxed);
        }
    }

    fn for_each_processor(&self, shared: &Shared) -> usize {
        self.size.load(Relaxed) / shared.active_processors()
    }

    pub(crate) fn is_large(&self, shared: &Shared) -> bool {
        self.for_each_processor(shared) >= LARGE
    }

    /// How many threads the monitor's work needs beside the one.
    pub(crate) fn watchers(&self, shared: &Shared) -> usize {
        if self.is_large(shared) { self.size.load(Relaxed) / FOR_EACH_WATCHER } else { 0 }
    }

    /// If it is large: how long the monitor has to sleep for a look.
    pub(crate) fn affordable_period(&self, shared: &Shared) -> Option<Duration> {
        let share = self.for_each_processor(shared);
        (share >= LARGE).then(|| LOOK * share as u32)
    }
}
