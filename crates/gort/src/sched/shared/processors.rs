//! How many processors a runtime has: how they are made, put out of use, and used again.

use super::Shared;
use crate::prim::atomic::Ordering::*;
use crate::sched::park::inside;
use crate::sched::processor::Processor;

/// The most processors that a runtime can have.
pub(crate) const MAX_PROCESSORS: usize = 1024;

impl Shared {
    pub(crate) fn active_processors(&self) -> usize {
        self.active.load(Relaxed)
    }

    /// May the processor run goroutines? Not if there are fewer now than when it was made.
    #[inline(always)]
    pub(crate) fn is_active(&self, processor: &Processor) -> bool {
        processor.index < self.active.load(Relaxed)
    }

    /// Processors that were ever made; some may not be active.
    pub(crate) fn processor_count(&self) -> usize {
        self.made.load(Acquire)
    }

    /// Is none of them in use? One that is not active any more is until its machine has let it go.
    pub(crate) fn are_all_idle(&self) -> bool {
        let all = self.processors().filter(|processor| !processor.retired.load(Relaxed));
        self.idle.idle_processors() >= all.count()
    }

    pub(crate) fn processor_at(&self, index: usize) -> Option<&'static Processor> {
        // SAFETY: made from a box that is given back when the runtime goes, which no machine outlives.
        unsafe { self.processors.get(index)?.load(Acquire).as_ref() }
    }

    pub(crate) fn first_processor(&self) -> &'static Processor {
        self.processor_at(0).expect("a runtime has a processor")
    }

    pub(crate) fn processors(&self) -> impl Iterator<Item = &'static Processor> + '_ {
        (0..self.processor_count()).filter_map(|index| self.processor_at(index))
    }

    /// Sets how many processors run goroutines, unless it is to be none; returns how many did.
    pub(crate) fn set_active_processors(&self, count: usize) -> usize {
        if count == 0 {
            return self.active_processors();
        }
        let count = count.min(MAX_PROCESSORS);
        let entered = inside();
        let registry = self.registry();
        let before = self.active.swap(count, SeqCst);
        // Busy ones above the count are retired when they next look for work.
        self.retire_idle();
        for index in before.min(count)..count {
            match self.processor_at(index) {
                Some(processor) => {
                    if processor.retired.swap(false, SeqCst) {
                        self.idle.add_processor(processor);
                    }
                }
                None => {
                    let processor = Box::leak(Box::new(Processor::new(index)));
                    self.processors[index].store(processor, Release);
                    self.made.store(index + 1, Release);
                    self.idle.add_processor(processor);
                }
            }
        }
        drop(registry);
        if self.has_work() {
            self.notify();
        }
        self.ensure_keeper(self.first_processor().timers.earliest());
        drop(entered);
        self.calls.admit(self);
        before
    }

    /// Takes a processor out of use, unless it is to be used again by now.
    #[inline(always)]
    pub(crate) fn retire_if_inactive(&self, processor: &Processor) -> bool {
        !self.is_active(processor) && self.retire_if_inactive_still(processor)
    }

    /// A processor has come into the list: takes it out of use if there are to be fewer by now. Whoever sets the number looks through the
    /// list afterwards, so whoever adds to the list looks at the number afterwards: one of the two sees the other.
    #[inline(always)]
    pub(crate) fn weed_out(&self, processor: &Processor) {
        if !self.is_active(processor) {
            self.weed_out_all();
        }
    }

    #[cold]
    #[inline(never)]
    fn weed_out_all(&self) {
        let registry = self.registry();
        self.retire_idle();
        drop(registry);
        self.ensure_keeper(self.first_processor().timers.earliest());
    }

    /// With the registry's lock held: those in the list that are not to run any more.
    fn retire_idle(&self) {
        self.idle.retain_processors(|processor| {
            let keep = self.is_active(processor);
            if !keep {
                self.retire_processor(processor);
            }
            keep
        });
    }

    #[cold]
    #[inline(never)]
    fn retire_if_inactive_still(&self, processor: &Processor) -> bool {
        // The number of processors changes under this lock.
        let registry = self.registry();
        let inactive = !self.is_active(processor);
        if inactive {
            self.retire_processor(processor);
        }
        drop(registry);
        if inactive {
            self.ensure_keeper(self.first_processor().timers.earliest());
        }
        inactive
    }

    /// A wait whose ticket was added to the timers of `processor` has ended early.
    #[inline]
    pub(crate) fn note_stale(&self, processor: &Processor) {
        if self.is_active(processor) { processor.timers.note_stale() } else { self.note_moved() }
    }

    /// See [`retire_processor`](Self::retire_processor).
    #[cold]
    #[inline(never)]
    fn note_moved(&self) {
        self.first_processor().timers.note_stale();
    }

    /// Those in the queue of a processor that nobody runs are in the global one from here on.
    pub(in crate::sched) fn take_queue_of(&self, processor: &Processor) {
        if !processor.is_empty() {
            let rest = std::iter::from_fn(|| processor.pop().or_else(|| processor.take_next()));
            self.global.push_all(rest);
        }
    }

    /// Takes everything off a processor that is not to run any more, and that its machine has let go.
    pub(crate) fn retire_processor(&self, processor: &Processor) {
        self.take_queue_of(processor);
        self.global.push_all(self.workers.give_all_of(processor));
        processor.timers.move_to(&self.first_processor().timers);
        processor.retired.store(true, SeqCst);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::sched::blocking;
    use crate::{Preempt, Runtime, tls};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, Barrier};
    use std::thread;
    use std::time::{Duration, Instant};

    fn eventually(is_so: &dyn Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(60));
            thread::yield_now();
        }
    }

    /// In the list it would be taken for one that is idle, and whoever looks for work would find that nobody is busy.
    #[test]
    fn one_that_is_given_up_when_there_are_to_be_fewer_is_out_of_use() {
        let runtime = Runtime::builder().processors(2).preempt(Preempt::Off).build().unwrap();
        let shared = runtime.run(|| tls::machine().expect("of a goroutine").shared());
        let (both_run, end) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(3)));
        let steps = Arc::new(AtomicUsize::new(0));
        let blocked = [0, 1].map(|_| {
            let (both_run, end, steps) = (both_run.clone(), end.clone(), steps.clone());
            runtime.spawn(move || {
                both_run.wait();
                steps.fetch_add(1, SeqCst);
                while steps.load(SeqCst) < 3 {
                    thread::yield_now();
                }
                blocking(|| {
                    steps.fetch_add(1, SeqCst);
                    end.wait();
                });
            })
        });
        eventually(&|| steps.load(SeqCst) == 2);
        runtime.set_processors(1);
        steps.fetch_add(1, SeqCst);
        eventually(&|| steps.load(SeqCst) == 5);
        eventually(&|| shared.idle.idle_processors() == 1);
        end.wait();
        blocked.into_iter().for_each(|handle| handle.join().unwrap());
    }
    /// Their machines have just seen that they are active, and put them into the list after it has been looked through.
    #[test]
    fn those_laid_down_while_there_are_to_be_fewer_are_out_of_use() {
        let runtime = Runtime::builder().processors(2).build().unwrap();
        let shared = runtime.run(|| tls::machine().expect("of a goroutine").shared());
        for round in 0..2000 {
            let both_run = Arc::new(Barrier::new(3));
            let both = [0, 1].map(|_| {
                let both_run = both_run.clone();
                runtime.spawn(move || _ = both_run.wait())
            });
            both_run.wait();
            let second = shared.processor_at(1).expect("there are two");
            // A little later each time, so that it meets the machines at each step of theirs.
            (0..round % 400 * 10).for_each(|_| std::hint::spin_loop());
            runtime.set_processors(1);
            eventually(&|| second.retired.load(SeqCst) && shared.idle.idle_processors() == 1);
            runtime.set_processors(2);
            both.into_iter().for_each(|one| one.join().unwrap());
        }
    }
    /// With a processor that is not to run any more, its machine computes, and nobody takes it away: who is the next to run there goes
    /// to one that is idle.
    #[test]
    fn who_is_next_where_somebody_computes_goes_to_another() {
        let is_seen = || {
            let runtime = Runtime::builder().processors(2).preempt(Preempt::Off).build().unwrap();
            runtime.run(|| {
                let machine = tls::machine().expect("of a goroutine");
                let index = machine.inside().processor().map(|processor| processor.index);
                if index != Some(1) {
                    return false;
                }
                machine.shared().set_active_processors(1);
                let has_run = Arc::new(AtomicUsize::new(0));
                let runs = has_run.clone();
                let run = move || runs.store(1, SeqCst);
                // SAFETY: the closure may go to another thread, and owns what it holds.
                unsafe { machine.shared().spawn_detached::<_, ()>(Default::default(), run) }
                    .unwrap();
                eventually(&|| has_run.load(SeqCst) == 1);
                true
            })
        };
        // The last of the processors is the first to be taken.
        assert!((0..100).any(|_| is_seen()));
    }
}
