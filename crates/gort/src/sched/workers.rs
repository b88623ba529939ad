//! Where idle workers are kept, and stacks come from.
//!
//! Each processor keeps some workers, which nobody else touches; more than that are the runtime's, for whichever processor needs
//! one; more still are taken apart, and their stacks go back to the pool.
//!
//! A stack that cannot be had is told where the program can do something about it: spawning fails
//! from then on. What had been spawned before waits for a worker that becomes [spare](super::spare), so nothing is lost.

use super::list::List;
use super::machine::Machine;
use super::park::inside;
use super::spare::Spare;
use super::worker::{Assignment, Finished, Worker};
use super::{Processor, Shared};
use crate::goroutine::{GoroutineRef, State};
use crate::prim::atomic::{AtomicUsize, Ordering::*};
use crate::tell::tell;
use gort_context::{Context, Options, Stack, StackPool};
use std::io;
use std::sync::OnceLock;

/// Idle workers that a processor keeps before it hands half of them to the runtime.
pub(crate) const KEPT: usize = 64;

/// Workers that it takes at a time. With threads for stacks each would be a thread.
const AT_ONCE: usize = if cfg!(feature = "threads") { 0 } else { KEPT / 4 };

/// Where stacks come from, and the idle workers on them.
pub(crate) struct Workers {
    pool: StackPool,
    /// The pools of stacks of a size that was asked for: 2 to the power of the index.
    special: Box<[OnceLock<StackPool>]>,
    pub(super) spare: Spare<GoroutineRef, Worker>,
    /// Workers that were given, and stacks that went back to a pool, since it was last seen what there is to
    /// [tidy](super::tidy).
    pub(super) came_back: AtomicUsize,
}

impl Workers {
    pub(crate) fn new(pool: StackPool) -> Workers {
        Workers {
            pool,
            special: (0..usize::BITS).map(|_| OnceLock::new()).collect(),
            spare: Spare::new(),
            came_back: AtomicUsize::new(0),
        }
    }

    /// Takes in workers for whichever processor needs one. Returns who has waited for one.
    fn give(&self, workers: impl ExactSizeIterator<Item = Worker>) -> List<GoroutineRef> {
        let count = workers.len();
        let waited = self.spare.give(workers, Worker::discard);
        // Afterwards: who sees the count is to see the workers.
        self.came_back.fetch_add(count, Relaxed);
        waited
    }

    /// Takes in all that a processor keeps.
    pub(super) fn give_all_of(&self, processor: &Processor) -> List<GoroutineRef> {
        processor.with_workers(|workers| self.give(workers.drain(..)))
    }

    /// Calls `f` with the pool that the stack of a goroutine has come from that has asked for one of that size; zero: for none.
    pub(super) fn with_pool<R>(&self, size: usize, f: impl FnOnce(&StackPool) -> R) -> R {
        match size {
            0 => f(&self.pool),
            _ => f(self.special(size).get().expect("such a stack has been had")),
        }
    }

    fn special(&self, size: usize) -> &OnceLock<StackPool> {
        &self.special[size.trailing_zeros() as usize]
    }

    /// All pools there are, with the sizes by which [`with_pool`](Self::with_pool) knows them.
    pub(super) fn pools(&self) -> impl Iterator<Item = (usize, &StackPool)> {
        let special = self.special.iter().enumerate();
        let special = special.filter_map(|(power, pool)| Some((1 << power, pool.get()?)));
        std::iter::once((0, &self.pool)).chain(special)
    }

    /// Gives back all idle workers: `processor` will not run any more.
    pub(crate) fn discard_idle(&self, processor: &Processor) {
        processor.with_workers(|workers| workers.drain(..).for_each(Worker::discard));
        self.spare.take_all().for_each(Worker::discard);
    }
}

impl Shared {
    /// Takes in a worker whose goroutine has ended, after the switch away from it.
    #[inline(always)]
    pub(crate) fn stash(&self, processor: Option<&Processor>, finished: Finished) {
        // SAFETY: the cell is in the suspended worker's frame.
        let context = unsafe { *finished.context };
        // SAFETY: the switch has saved the context there.
        let context = unsafe { context.assume_init() };
        let worker = Worker { stack: finished.stack, context, trimmed: false.into() };
        if !finished.reusable.get() {
            worker.discard();
            self.workers.came_back.fetch_add(1, Relaxed);
            return;
        }
        let Some(processor) = processor else {
            return self.start_again(self.workers.give(std::iter::once(worker)));
        };
        processor.with_workers(|workers| {
            if workers.len() == KEPT {
                self.make_room(workers);
            }
            workers.push(worker);
        });
        self.share_if_short(processor);
    }

    /// Hands the coldest half of a processor's workers on.
    #[cold]
    #[inline(never)]
    fn make_room(&self, workers: &mut Vec<Worker>) {
        self.start_again(self.workers.give(workers.drain(..KEPT / 2)));
    }

    /// Finds a stack for a new goroutine and returns the context of the worker on it.
    #[inline(always)]
    pub(crate) fn worker_for(&self, machine: &Machine, goroutine: GoroutineRef) -> Option<Context> {
        let reusable = goroutine.stack_size() == 0;
        let worker = match machine.processor().with_workers(Vec::pop) {
            Some(worker) if reusable => worker,
            put_back => self.worker_elsewhere(machine, goroutine, put_back)?,
        };
        goroutine.set_state(State::Started);
        machine.assign(Assignment { goroutine, stack: worker.stack, reusable: reusable.into() });
        Some(worker.context)
    }

    #[cold]
    #[inline(never)]
    fn worker_elsewhere(
        &self,
        machine: &Machine,
        goroutine: GoroutineRef,
        put_back: Option<Worker>,
    ) -> Option<Worker> {
        let processor = machine.processor();
        processor.with_workers(|workers| workers.extend(put_back));
        let size = goroutine.stack_size();
        loop {
            let made = match size {
                0 => self.take_spare(processor).map_or_else(|| self.new_worker(processor), Ok),
                // Where a worker is a thread it may be that this is not the first attempt, which has used up the stack.
                _ => {
                    let stack = goroutine.take_stack().map_or_else(|| self.special_stack(size), Ok);
                    stack.and_then(Worker::new)
                }
            };
            let Err(error) = made else { return made.ok() };
            match self.wait_for_worker(goroutine, &error) {
                // Not of its size; but without it there may be one that is.
                Some(worker) if size != 0 => worker.discard(),
                worker => return worker,
            }
        }
    }

    /// Takes a worker that the runtime has to spare, and some more for the processor.
    fn take_spare(&self, processor: &Processor) -> Option<Worker> {
        processor.with_workers(|own| self.workers.spare.take(AT_ONCE, |worker| own.push(worker)))
    }

    /// Makes a worker, and of stacks that are at hand some more for the processor, unless there is a shortage.
    fn new_worker(&self, processor: &Processor) -> io::Result<Worker> {
        let more = if self.workers.spare.has_shortage() { 0 } else { AT_ONCE };
        let stack = processor.with_workers(|own| {
            self.workers.pool.take_and(more, |stack| own.extend(Worker::new(stack)))
        });
        stack.and_then(Worker::new)
    }

    /// A stack of a size that is asked for.
    pub(crate) fn special_stack(&self, size: usize) -> io::Result<Stack> {
        let _inside = inside();
        let options = Options::new(size);
        let place = self.workers.special(options.stack_size()?);
        match place.get() {
            Some(pool) => pool.take(),
            None => {
                let pool = options.build()?;
                place.get_or_init(|| pool).take()
            }
        }
    }

    /// There is no stack for `goroutine`, which waits until a worker is to be had; here is one that has come by now.
    fn wait_for_worker(&self, goroutine: GoroutineRef, error: &io::Error) -> Option<Worker> {
        let id = goroutine.id.get();
        match self.workers.spare.wait(goroutine) {
            Err(worker) => return Some(worker),
            Ok(true) => tell(format_args!(
                "goroutine {id} waits until another ends, as it cannot have a stack: {error}"
            )),
            Ok(false) => {}
        }
        self.share_of_idle();
        None
    }

    /// For a spawn: the error if there are no stacks. Tries again, as the cause may have gone.
    #[inline(always)]
    pub(crate) fn check_stacks(&self) -> io::Result<()> {
        if self.workers.spare.has_shortage() { self.check_stacks_again() } else { Ok(()) }
    }

    #[cold]
    fn check_stacks_again(&self) -> io::Result<()> {
        let _inside = inside();
        let worker = self.workers.pool.take().and_then(Worker::new)?;
        self.start_again(self.workers.give(std::iter::once(worker)));
        self.retry_starts();
        Ok(())
    }

    /// Lets all try again who wait for a stack.
    pub(super) fn retry_starts(&self) {
        self.start_again(self.workers.spare.try_again());
    }

    pub(super) fn start_again(&self, goroutines: List<GoroutineRef>) {
        goroutines.for_each(|goroutine| self.inject(goroutine));
    }

    /// To be called by the owner of a processor where it keeps workers, and now and then.
    #[inline(always)]
    pub(super) fn share_if_short(&self, processor: &Processor) {
        if self.workers.spare.has_shortage() {
            self.share(processor);
        }
    }

    #[cold]
    #[inline(never)]
    fn share(&self, processor: &Processor) {
        self.start_again(self.workers.give_all_of(processor));
    }

    /// To be called after a processor was laid down.
    #[inline(always)]
    pub(super) fn share_idle_if_short(&self) {
        if self.workers.spare.has_shortage() {
            self.share_of_idle();
        }
    }

    /// Takes in the workers of all processors that are laid down.
    #[cold]
    #[inline(never)]
    fn share_of_idle(&self) {
        let mut again = List::default();
        self.idle.retain_processors(|processor| {
            // Its owner is the list, which is locked.
            self.workers.give_all_of(processor).for_each(|goroutine| again.push(goroutine));
            true
        });
        self.start_again(again);
    }
}
