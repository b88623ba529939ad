//! Workers: stacks, each with a loop on it that runs one goroutine after the other.
//!
//! A goroutine gets a stack when it first runs. If it ends and the next runnable goroutine is a new
//! one, the loop on its stack runs that one, with no switch at all: so a goroutine that never parks
//! costs no stack of its own. Else the worker is stashed with its processor, suspended inside its
//! loop, and costs nothing to start again.
//!
//! A stack that cannot be had is told where the program can do something about it: spawning fails
//! from then on. What had been spawned before waits for a worker that becomes [spare](super::spare), so nothing is lost.

use super::list::List;
use super::machine::{After, Machine};
use super::park::inside;
use super::spare::Spare;
use super::{Processor, Shared};
use crate::goroutine::join::{End, Owner};
use crate::goroutine::payload::Panicked;
use crate::goroutine::{BOUND, GoroutineRef, SHIELDED, State, panic};
use crate::park::Claim;
use crate::prim::atomic::{AtomicUsize, Ordering::*};
use crate::tell::tell;
use crate::tls;
use gort_context::{Context, Stack, StackPool};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Idle workers that a processor keeps before it hands half of them to the runtime.
pub(crate) const KEPT: usize = 64;

/// Workers that it takes at a time. With threads for stacks each would be a thread.
const AT_ONCE: usize = if cfg!(feature = "threads") { 0 } else { KEPT / 4 };

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
    /// The pools of other sizes than the default, by what was asked for.
    special: Mutex<HashMap<usize, StackPool>>,
    spare: Spare<GoroutineRef, Worker>,
}

impl Workers {
    pub(crate) fn new(pool: StackPool) -> Workers {
        Workers {
            pool,
            discarded: AtomicUsize::new(0),
            special: Mutex::new(HashMap::new()),
            spare: Spare::new(),
        }
    }

    /// Takes in workers for whichever processor needs one. Returns who has waited for one.
    fn give(&self, workers: impl ExactSizeIterator<Item = Worker>) -> List<GoroutineRef> {
        self.spare.give(workers, |worker| {
            worker.discard();
            self.discarded.fetch_add(1, Relaxed);
        })
    }

    /// Takes in all that a processor keeps.
    pub(super) fn give_all_of(&self, processor: &Processor) -> List<GoroutineRef> {
        processor.with_workers(|workers| self.give(workers.drain(..)))
    }

    fn special(&self) -> MutexGuard<'_, HashMap<usize, StackPool>> {
        self.special.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Inside: calls `f` with the pool that the stack of a goroutine has come from which has asked for that size; zero: for none.
    pub(super) fn with_pool<R>(&self, size: usize, f: impl FnOnce(&StackPool) -> R) -> R {
        match size {
            0 => f(&self.pool),
            _ => f(&self.special()[&size]),
        }
    }

    /// Gives back all idle workers: `processor` will not run any more.
    pub(crate) fn discard_idle(&self, processor: &Processor) {
        processor.with_workers(|workers| workers.drain(..).for_each(Worker::discard));
        self.spare.take_all().into_iter().for_each(Worker::discard);
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
            None => match self.take_spare(processor) {
                Some(worker) => Ok(worker),
                None => self.new_worker(processor),
            },
        };
        made.or_else(|error| self.wait_for_worker(goroutine, &error).ok_or(())).ok()
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

    /// A stack of another size than the default.
    pub(crate) fn special_stack(&self, size: usize) -> io::Result<Stack> {
        let _inside = inside();
        match self.workers.special().entry(size) {
            Entry::Occupied(pool) => pool.get().take(),
            Entry::Vacant(place) => place.insert(StackPool::new(size)?).take(),
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

    fn start_again(&self, goroutines: List<GoroutineRef>) {
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
            run_goroutine(goroutine);
            let record = end_goroutine(goroutine);
            // It may have ended on another machine than it began on.
            machine = tls::machine().expect("goroutines run on machines");
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

/// Outside: runs a goroutine's closure; nothing unwinds out of here.
///
/// What comes after has a frame of its own: what lies in one under a goroutine that runs may look like a pointer into its
/// thread's storage (see [`home`](super::home)).
#[inline(never)]
fn run_goroutine(goroutine: GoroutineRef) {
    let vtable = goroutine.vtable();
    // What was started by a goroutine that unwinds still runs: a destructor may wait for it.
    let abandoned = goroutine.shared().is_stopping() && !goroutine.has_flag(SHIELDED);
    let run = if abandoned { vtable.abandon } else { vtable.run };
    // SAFETY: the worker owns the goroutine, which is new: its closure is in its place.
    let ended = unsafe { run(&goroutine) };
    ended.unwrap_or_else(|payload| report(goroutine, goroutine.name(), payload));
}

#[cold]
#[inline(never)]
fn report(goroutine: GoroutineRef, name: Option<&Arc<str>>, payload: Panicked) {
    panic::report(goroutine.id.get(), name.map(|name| &**name), payload);
}

/// Outside: does what is to be done in a goroutine's name when it has run; nothing unwinds out of here. Ends inside, and returns
/// the record if it is to be freed, which else is the handle's now.
///
/// It is inside from before the record may be gone, so that the goroutine is not put aside any more where it is.
#[inline(never)]
fn end_goroutine(goroutine: GoroutineRef) -> Option<GoroutineRef> {
    let vtable = goroutine.vtable();
    // Its handle may be dropped after its extras, and then a destructor that panics is told of by name all the same.
    let mut name = None;
    if !goroutine.join().is_detached() {
        if goroutine.extra().is_some() {
            name = goroutine.name().cloned();
            goroutine.drop_extra();
        }
        goroutine.set_state(State::Ended);
        let machine = enter();
        match goroutine.join().finish() {
            End::HandedOver => return None,
            End::Waking(claim) => return wake(machine, goroutine, claim),
            End::Alone => go_out_again(machine, goroutine),
        }
    }
    // SAFETY: the goroutine has ended without a handle: its result, if any, is the worker's.
    unsafe { (vtable.drop_result)(&goroutine) }
        .unwrap_or_else(|payload| report(goroutine, name.as_ref().or(goroutine.name()), payload));
    goroutine.drop_extra();
    enter();
    Some(goroutine)
}

/// Wakes who has polled the handle of a goroutine that has ended.
#[cold]
#[inline(never)]
fn wake(machine: &Machine, goroutine: GoroutineRef, claim: Claim) -> Option<GoroutineRef> {
    go_out_again(machine, goroutine);
    claim.wake();
    goroutine.drop_extra();
    goroutine.set_state(State::Ended);
    enter();
    let is_mine = goroutine.join().has_woken() == Owner::Goroutine;
    is_mine.then_some(goroutine)
}

/// For code of the user's that is still to be run by a goroutine that has ended, and which may park it once more.
fn go_out_again(machine: &Machine, goroutine: GoroutineRef) {
    goroutine.set_state(State::Started);
    machine.exit();
}

/// Goes inside the machine that the caller runs on by now.
#[inline(always)]
fn enter() -> &'static Machine {
    let machine = tls::machine().expect("goroutines run on machines");
    machine.enter();
    machine
}

impl Machine {
    /// The running goroutine has ended; the worker that ran it goes on.
    #[inline(always)]
    fn end(&self, record: Option<GoroutineRef>) {
        self.shared().count_end(self.try_processor(), record);
    }
}
