//! Workers: stacks, each with a loop on it that runs one goroutine after the other.
//!
//! A goroutine gets a stack when it first runs. If it ends and the next runnable goroutine is a new
//! one, the loop on its stack runs that one, with no switch at all: so a goroutine that never parks
//! costs no stack of its own. Else the worker is stashed with its processor, suspended inside its
//! loop, and costs nothing to start again.
//!
//! A stack that cannot be had is told where the program can do something about it: spawning fails
//! from then on. What had been spawned before waits in `starved` and goes first when a stack comes
//! free, so nothing is lost.

use super::global::GlobalQueue;
use super::machine::{After, Machine};
use super::park::inside;
use super::{Processor, Shared};
use crate::goroutine::join::Owner;
use crate::goroutine::{BOUND, GoroutineRef, SHIELDED, State, panic};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use crate::tls;
use gort_context::{Context, Stack, StackPool};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// Idle workers that a processor keeps before it hands half of them to the runtime.
pub(crate) const KEPT: usize = 64;
/// Idle workers that the runtime keeps; the stacks of more than these go back to the kernel.
const KEPT_BY_RUNTIME: usize = 16 * 1024;

/// A stack with an idle worker on it.
pub(crate) struct Worker {
    pub(super) stack: Stack,
    pub(super) context: Context,
    /// Has given memory back since it ran last, if it had any to give.
    pub(super) trimmed: bool,
}

/// A goroutine and the stack that it is to run on.
pub(crate) struct Assignment {
    goroutine: GoroutineRef,
    stack: Stack,
    /// Only stacks of the runtime's default size are used again.
    reusable: bool,
}

/// A worker that is about to be suspended; its context is in its own frame.
pub(crate) struct Finished {
    stack: Stack,
    context: *const MaybeUninit<Context>,
    reusable: bool,
}

impl Worker {
    /// A worker on a fresh stack, suspended before its first instruction.
    fn new(stack: Stack) -> io::Result<Worker> {
        // SAFETY: the stack is free, lives as long as the worker, and the entry takes a machine.
        let context = unsafe { gort_context::init(&stack, main) }?;
        Ok(Worker { stack, context, trimmed: true })
    }

    /// Gives the stack back. What lies on it owns nothing.
    fn discard(self) {
        // SAFETY: an idle worker is suspended and nobody else has its context.
        unsafe { gort_context::discard(self.context) };
        drop(self.stack);
    }
}

/// Where stacks come from, and the idle workers on them.
pub(crate) struct Workers {
    pub(super) pool: StackPool,
    /// Stacks that were given back to the pool since it was last trimmed.
    pub(super) discarded: AtomicUsize,
    /// The pools of other sizes than the default.
    special: Mutex<HashMap<usize, StackPool>>,
    idle: Lock<Vec<Worker>>,
    /// No stack could be had the last time that one was needed.
    exhausted: AtomicBool,
    starved: GlobalQueue,
}

impl Workers {
    pub(crate) fn new(pool: StackPool) -> Workers {
        Workers {
            pool,
            discarded: AtomicUsize::new(0),
            special: Mutex::new(HashMap::new()),
            idle: Lock::new(Vec::new()),
            exhausted: AtomicBool::new(false),
            starved: GlobalQueue::new(),
        }
    }

    /// Takes in the worker of a machine without a processor.
    #[cold]
    fn keep(&self, worker: Worker) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT_BY_RUNTIME {
            return idle.push(worker);
        }
        drop(idle);
        worker.discard();
        self.discarded.fetch_add(1, Relaxed);
    }

    /// The size of a stack, unless a goroutine has asked for another.
    pub(crate) fn stack_size(&self) -> usize {
        self.pool.stack_size()
    }

    /// Gives back all idle workers: `processor` will not run any more.
    pub(crate) fn discard_idle(&self, processor: &Processor) {
        processor.with_workers(|workers| workers.drain(..).for_each(Worker::discard));
        self.idle.lock().drain(..).for_each(Worker::discard);
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
        let worker = Worker { stack: finished.stack, context, trimmed: false };
        if !finished.reusable {
            return worker.discard();
        }
        if self.workers.exhausted.load(Relaxed) {
            // Where any processor finds it for the goroutine that waits for a stack.
            self.workers.idle.lock().push(worker);
            return self.feed_starved(1);
        }
        let Some(processor) = processor else { return self.workers.keep(worker) };
        processor.with_workers(|workers| {
            if workers.len() == KEPT {
                self.make_room(workers);
            }
            workers.push(worker);
        });
    }

    /// Hands the coldest half of a processor's workers on.
    #[cold]
    #[inline(never)]
    fn make_room(&self, workers: &mut Vec<Worker>) {
        let mut idle = self.workers.idle.lock();
        if idle.len() < KEPT_BY_RUNTIME {
            idle.extend(workers.drain(..KEPT / 2));
        } else {
            drop(idle);
            workers.drain(..KEPT / 2).for_each(Worker::discard);
            self.workers.discarded.fetch_add(KEPT / 2, Relaxed);
        }
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
        machine.assign(Assignment { goroutine, stack: worker.stack, reusable });
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
        let made = match goroutine.take_stack() {
            Some(stack) => Worker::new(stack),
            None => match self.take_idle(processor) {
                Some(worker) => Ok(worker),
                None => self.workers.pool.take().and_then(Worker::new),
            },
        };
        made.inspect_err(|error| self.starve(goroutine, error)).ok()
    }

    /// Takes an idle worker of the runtime's, and some more for the processor.
    fn take_idle(&self, processor: &Processor) -> Option<Worker> {
        let mut idle = self.workers.idle.lock();
        let worker = idle.pop()?;
        let rest = idle.len().saturating_sub(KEPT / 4);
        processor.with_workers(|workers| workers.extend(idle.drain(rest..)));
        Some(worker)
    }

    /// A stack of another size than the default.
    pub(crate) fn special_stack(&self, size: usize) -> io::Result<Stack> {
        let _inside = inside();
        let mut special = self.workers.special.lock().unwrap_or_else(PoisonError::into_inner);
        match special.entry(size) {
            Entry::Occupied(pool) => pool.get().take(),
            Entry::Vacant(place) => place.insert(StackPool::new(size)?).take(),
        }
    }

    fn starve(&self, goroutine: GoroutineRef, error: &io::Error) {
        let id = goroutine.id.get();
        // In this order: who finds the mark finds the goroutine.
        self.workers.starved.push(goroutine);
        if !self.workers.exhausted.swap(true, SeqCst) {
            eprintln!(
                "gort: goroutine {} waits until another ends, as it cannot have a stack: {error}",
                id
            );
        }
    }

    /// For a spawn: the error if there are no stacks. Tries again, as the cause may have gone.
    #[inline(always)]
    pub(crate) fn check_stacks(&self) -> io::Result<()> {
        if self.workers.exhausted.load(Relaxed) { self.check_stacks_again() } else { Ok(()) }
    }

    #[cold]
    fn check_stacks_again(&self) -> io::Result<()> {
        let _inside = inside();
        let worker = self.workers.pool.take().and_then(Worker::new)?;
        self.workers.idle.lock().push(worker);
        self.feed_starved(usize::MAX);
        Ok(())
    }

    /// There are stacks again: lets up to `count` goroutines try anew.
    pub(super) fn feed_starved(&self, count: usize) {
        self.workers.exhausted.store(false, SeqCst);
        for _ in 0..count {
            let Some(goroutine) = self.workers.starved.pop_batch(0, drop) else { return };
            self.inject(goroutine);
        }
        if self.workers.starved.len() > 0 {
            self.workers.exhausted.store(true, SeqCst);
        }
    }
}

/// A worker's loop.
///
/// # Safety
/// `word` is the machine that resumes the worker, as with every switch, and it has an assignment.
unsafe extern "C-unwind" fn main(word: *mut ()) -> ! {
    // SAFETY: by this function's contract.
    let mut machine: &'static Machine = unsafe { &*word.cast::<Machine>() };
    machine.after_switch();
    let mut context = MaybeUninit::uninit();
    loop {
        let Assignment { mut goroutine, stack, reusable } = machine.take_assignment();
        let next = loop {
            machine.exit();
            gort_context::wipe_below();
            let record = run_goroutine(goroutine);
            // It may have ended on another machine than it began on.
            machine = tls::machine().expect("goroutines run on machines");
            machine.enter();
            machine.end(record);
            match machine.pick() {
                // The next one is new, too: it runs right here.
                Some(next)
                    if reusable
                        && next.is_new()
                        && !next.has_flag(BOUND)
                        && next.stack_size() == 0 =>
                {
                    next.set_state(State::Started);
                    machine.set_current(Some(next));
                    goroutine = next;
                }
                next => break next,
            }
        };
        let after = After::Stash(Finished { stack, context: &raw const context, reusable });
        // SAFETY: the slot is in this frame, which stays; the worker is resumed through the stash
        // only; `next` was picked.
        machine = unsafe { machine.leave(context.as_mut_ptr(), after, next) };
    }
}

/// Outside: runs a goroutine's closure, and what has to be done in its name afterwards; nothing unwinds out of
/// here. Returns the record if it is to be freed, which else is the handle's now.
#[inline(never)]
fn run_goroutine(goroutine: GoroutineRef) -> Option<GoroutineRef> {
    let vtable = goroutine.vtable();
    // What was started by a goroutine that unwinds still runs: a destructor may wait for it.
    let abandoned = goroutine.shared().is_stopping() && !goroutine.has_flag(SHIELDED);
    let run = if abandoned { vtable.abandon } else { vtable.run };
    // SAFETY: the worker owns the goroutine, which is new: its closure is in its place.
    let ended = unsafe { run(&goroutine) };
    let name = goroutine.name().cloned();
    let report = |payload| panic::report(goroutine.id.get(), name.as_deref(), payload);
    ended.unwrap_or_else(report);
    goroutine.drop_extra();
    goroutine.set_state(State::Ended);
    if goroutine.join().is_detached() || goroutine.join().finish() == Owner::Goroutine {
        // A destructor is user code, which may park once more.
        goroutine.set_state(State::Started);
        // SAFETY: the goroutine has ended without a handle: its result, if any, is the worker's.
        unsafe { (vtable.drop_result)(&goroutine) }.unwrap_or_else(report);
        goroutine.drop_extra();
        return Some(goroutine);
    }
    None
}

impl Machine {
    /// The running goroutine has ended; the worker that ran it goes on.
    #[inline(always)]
    fn end(&self, record: Option<GoroutineRef>) {
        self.shared().count_end(self.try_processor(), record);
    }
}
