//! Workers: stacks, each with a loop on it that runs one goroutine after the other.
//!
//! A goroutine gets a stack when it first runs. If it ends and the next runnable goroutine is a new
//! one, the loop on its stack runs that one, with no switch at all: so a goroutine that never parks
//! costs no stack of its own. Else the worker is stashed with its processor, suspended inside its
//! loop, and costs nothing to start again: see [`workers`](super::workers).

use super::machine::{After, Machine};
use crate::goroutine::join::{End, Owner};
use crate::goroutine::payload::Panicked;
use crate::goroutine::{BOUND, GoroutineRef, SHIELDED, State, panic};
use crate::park::Claim;
use crate::tls;
use gort_context::{Context, Stack};
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// A stack with an idle worker on it.
pub(crate) struct Worker {
    pub(super) stack: Stack,
    pub(super) context: Context,
    /// Has given memory back since it ran last, if it had any to give.
    pub(super) trimmed: WideBool,
}

/// A goroutine and the stack that it is to run on.
pub(crate) struct Assignment {
    pub(super) goroutine: GoroutineRef,
    pub(super) stack: Stack,
    /// Only stacks of the runtime's default size are used again.
    pub(super) reusable: WideBool,
}

/// A worker that is about to be suspended; its context is in its own frame.
pub(crate) struct Finished {
    pub(super) stack: Stack,
    pub(super) context: *const MaybeUninit<Context>,
    pub(super) reusable: WideBool,
}

/// A `bool` as wide as a word. Beside a narrow one is room that nobody writes to and every copy takes along, from one flow's
/// stack to another's: what it was there may look here like a pointer into the first one's thread's storage (see
/// [`home`](super::home)).
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum WideBool {
    False,
    True,
}

impl WideBool {
    #[inline(always)]
    pub(super) fn get(self) -> bool {
        self == WideBool::True
    }
}

impl From<bool> for WideBool {
    #[inline(always)]
    fn from(value: bool) -> WideBool {
        if value { WideBool::True } else { WideBool::False }
    }
}

impl Worker {
    /// A worker on a fresh stack, suspended before its first instruction.
    pub(super) fn new(stack: Stack) -> io::Result<Worker> {
        // SAFETY: the stack is free, lives as long as the worker, and the entry takes a machine.
        let context = unsafe { gort_context::init(&stack, main) }?;
        Ok(Worker { stack, context, trimmed: true.into() })
    }

    /// Gives the stack back. What lies on it owns nothing.
    pub(super) fn discard(self) {
        // SAFETY: an idle worker is suspended and nobody else has its context.
        unsafe { gort_context::discard(self.context) };
        drop(self.stack);
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
                    if reusable.get()
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
    let is_stopping = goroutine.shared().is_stopping();
    panic::report(goroutine.id.get(), name.map(|name| &**name), payload, is_stopping);
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
        let processor = self.try_processor();
        if processor.is_none() {
            self.shared().ensure_origin();
        }
        self.shared().count_end(processor, record);
    }
}
