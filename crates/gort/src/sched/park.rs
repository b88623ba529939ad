//! Park, ready and yield, and what else a running goroutine asks of the scheduler.

use super::Shared;
use super::machine::{After, Inside, Machine};
use super::pinned::{park_pinned, yield_pinned};
use super::processor::Processor;
use super::timer::NEVER;
use crate::clock::Deadline;
use crate::goroutine::{GoroutineRef, LOCKED, SHIELDED, UNWINDS, panic};
use crate::park::{Outcome, Task, Ticket, Wait};
use crate::prim::atomic::Ordering::*;
use crate::tls;
use std::ptr::NonNull;

/// The goroutine that runs on the calling thread; `None` on a plain thread.
#[inline(always)]
pub(crate) fn current_goroutine() -> Option<GoroutineRef> {
    tls::machine()?.current()
}

/// Keeps the caller inside the runtime until the value is dropped, if it is a goroutine: for locks that machines wait for
/// (see [`preempt`](super::preempt)). It must not park meanwhile.
#[inline]
pub(crate) fn inside() -> Option<Inside<'static>> {
    tls::machine().map(Machine::inside)
}

/// The number of the caller's processor: a hint, it may have another by now. `None` on a plain thread.
pub(crate) fn processor_hint() -> Option<usize> {
    tls::machine()?.try_processor().map(|processor| processor.index)
}

/// Takes the running goroutine, whose wait is armed, off its machine until the wait is claimed or
/// the deadline has passed.
#[inline]
pub(crate) fn park(goroutine: GoroutineRef, deadline: Deadline, why: Wait) -> Outcome {
    if let Some(outcome) = goroutine.task().notified() {
        return outcome;
    }
    let mut machine = tls::machine().expect("a goroutine runs on a machine");
    if machine.shared().is_stopping() {
        match end_own_wait(goroutine) {
            Ok(now_on) => machine = now_on,
            Err(outcome) => return outcome,
        }
    }
    machine.enter();
    goroutine.set_wait(why);
    let timers = (deadline != Deadline::NEVER).then(|| start_timer(machine, goroutine, deadline));
    if stays(goroutine) {
        // If it panics: std counts panics per thread, so the goroutine stays where its count is.
        park_pinned(machine, goroutine);
        machine.exit();
    } else {
        if let Some(audit) = &machine.shared().audit {
            audit.look(machine, goroutine);
        }
        let next = machine.pick();
        // SAFETY: the slot is the goroutine's own; once it is committed a claimer may ready it; `next`
        // was picked.
        unsafe { machine.leave(goroutine.context_slot(), After::Commit(goroutine), next) }.exit();
    }
    let outcome = goroutine.task().resumed();
    goroutine.set_wait(Wait::Nothing);
    if let Some(timers) = timers
        && outcome != Outcome::TIMED_OUT
    {
        goroutine.shared().note_stale(timers);
    }
    outcome
}

fn start_timer(
    machine: &Machine,
    goroutine: GoroutineRef,
    deadline: Deadline,
) -> &'static Processor {
    debug_assert!(deadline.nanos() != NEVER);
    let ticket = goroutine.task().ticket();
    let processor = machine.try_processor();
    if processor.is_none() {
        machine.shared().ensure_origin();
    }
    machine.shared().add_timer(processor, deadline.nanos(), ticket)
}

/// Ends the wait that the running goroutine has armed, in the name of a shutdown. `Ok`: it is not to be interrupted, or
/// somebody has claimed the wait; and the machine, which may be another by now (see [`preempt`](super::preempt)).
#[cold]
#[inline(never)]
fn end_own_wait(goroutine: GoroutineRef) -> Result<&'static Machine, Outcome> {
    if !is_shielded(goroutine)
        && !std::thread::panicking()
        // SAFETY: it is running, so its record is there.
        && let Some(claim) = unsafe { goroutine.task().ticket().claim(Outcome::SHUTDOWN) }
    {
        claim.wake();
        if let Some(outcome) = goroutine.task().notified() {
            return Err(outcome);
        }
    }
    Ok(tls::machine().expect("a goroutine runs on a machine"))
}

/// Has the goroutine to stay on its thread while it waits, and the thread with it?
#[inline(always)]
pub(super) fn stays(goroutine: GoroutineRef) -> bool {
    std::thread::panicking()
        || goroutine.has_flag(LOCKED | UNWINDS) && stays_unless_caught(goroutine)
}

#[cold]
#[inline(never)]
fn stays_unless_caught(goroutine: GoroutineRef) -> bool {
    is_shielded(goroutine);
    goroutine.has_flag(LOCKED)
}

/// Owner: is it not to be interrupted by a shutdown? Not any more if that was for a panic which has been caught.
#[inline(always)]
pub(super) fn is_shielded(goroutine: GoroutineRef) -> bool {
    // Who has `UNWINDS` has both.
    goroutine.has_flag(SHIELDED) && is_shielded_still(goroutine)
}

#[cold]
#[inline(never)]
fn is_shielded_still(goroutine: GoroutineRef) -> bool {
    if goroutine.has_flag(UNWINDS) && !std::thread::panicking() {
        goroutine.set_flag(SHIELDED | UNWINDS, false);
    }
    goroutine.has_flag(SHIELDED)
}

/// Is the caller a goroutine that may be preempted where it is?
pub(super) fn may_be_put_aside() -> bool {
    tls::machine().is_some_and(|machine| {
        !machine.hold.is_inside() && machine.current().is_some_and(|goroutine| !stays(goroutine))
    })
}

/// Whose thread is locked: the goroutine, and its number, as its record may be another's later. `None`: a plain thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Locker(Option<(GoroutineRef, u64)>);

impl Locker {
    fn current() -> Locker {
        Locker(current_goroutine().map(|goroutine| (goroutine, goroutine.id.get())))
    }
}

/// See [`lock_thread`](crate::lock_thread).
///
/// Invariant: a goroutine's `locks` are the guards that it has made and not dropped. So it is locked as long as it has one.
pub(crate) fn lock_thread() -> Locker {
    let locker = Locker::current();
    if let Locker(Some((goroutine, _))) = locker {
        let locks = &goroutine.extra_or_default().locks;
        locks.set(locks.get() + 1);
        goroutine.set_flag(LOCKED, true);
    }
    locker
}

/// Takes a lock back, if it is the caller's. Another's guard, which came here by way of the thread, must not count: the caller may
/// have one of its own. (The other's record is not touched: it may be running elsewhere, or be gone.)
pub(crate) fn unlock_thread(locker: Locker) {
    if locker == Locker::current()
        && let Locker(Some((goroutine, _))) = locker
    {
        let locks = &goroutine.extra_or_default().locks;
        // One that comes with the goroutine's result, which is dropped after its extras, finds the count anew.
        locks.set(locks.get().saturating_sub(1));
        goroutine.set_flag(LOCKED, locks.get() > 0);
    }
}

impl Machine {
    /// Inside: makes a goroutine runnable.
    #[inline(always)]
    pub(crate) fn ready(&self, goroutine: GoroutineRef) {
        match self.try_processor() {
            Some(processor) => processor.ready(goroutine, self),
            None => self.shared().inject_at_once(goroutine),
        }
    }

    /// With nobody in the processor's own queue: is there a reason to leave for the system stack?
    fn has_to_look_further(&self) -> bool {
        let shared = self.shared();
        let is_active = self.try_processor().is_some_and(|mine| shared.is_active(mine));
        // In a forked child there is nobody to make room for.
        (shared.global.len() > 0 || !is_active || shared.is_exiting()) && shared.has_threads()
    }
}

/// Puts a task that is a goroutine, parked and claimed, into a run queue.
///
/// # Safety
/// `task` is the head of a goroutine's record; the caller has claimed its wait.
pub(crate) unsafe fn resume_goroutine(task: NonNull<Task>) {
    // SAFETY: by this function's contract.
    let goroutine = unsafe { GoroutineRef::from_task(task) };
    if let Some(machine) = tls::machine()
        && machine.shared == goroutine.shared_ptr()
    {
        let _inside = machine.inside();
        machine.ready(goroutine);
    } else {
        goroutine.shared().inject_from_outside(goroutine);
    }
}

impl Processor {
    /// Owner: puts a goroutine at the end of the queue.
    #[inline(always)]
    pub(crate) fn push(&self, goroutine: GoroutineRef, shared: &Shared) {
        self.queue.push(goroutine.as_ptr(), |batch| {
            shared.global.push_all(batch.iter().map(|&entry| super::processor::from_entry(entry)));
        });
    }

    /// Owner: makes a goroutine the next to run. Who was that goes to the queue, where others find
    /// it; the new one is for this processor, so nobody is told of it (see `monitor`).
    #[inline(always)]
    pub(crate) fn ready(&self, goroutine: GoroutineRef, machine: &Machine) {
        if let Some(old) = self.queue.set_next(goroutine.as_ptr()) {
            self.push(super::processor::from_entry(old), machine.shared());
            machine.shared().notify_of(self);
        }
    }
}

impl Shared {
    /// Has a wait claimed at a time. `mine` is the processor of the caller, if that is inside; returns whose
    /// timer it has become.
    pub(super) fn add_timer(
        &self,
        mine: Option<&'static Processor>,
        when: u64,
        ticket: Ticket,
    ) -> &'static Processor {
        let processor = mine.unwrap_or_else(|| self.first_processor());
        if processor.timers.add(when, ticket) {
            match mine {
                Some(mine) => mine.owned.wants_keeper.set(true),
                // A thread that does not run it, so that all machines may be away.
                None => drop(self.rouse_keeper(when)),
            }
        }
        processor
    }

    /// Makes a goroutine runnable from a thread that is no machine of this runtime.
    pub(crate) fn inject_from_outside(&self, goroutine: GoroutineRef) {
        let _inside = inside();
        // As soon as it is pushed the goroutine may run, end, and with it the runtime: the count
        // keeps that waiting.
        self.visitors.fetch_add(1, SeqCst);
        self.inject(goroutine);
        self.visitors.fetch_sub(1, SeqCst);
    }

    pub(crate) fn inject(&self, goroutine: GoroutineRef) {
        if self.has_threads() {
            self.global.push(goroutine);
            self.notify();
        }
    }

    /// For one that would be run next if there was a processor for it here.
    pub(crate) fn inject_at_once(&self, goroutine: GoroutineRef) {
        if self.has_threads() {
            self.global.push_at_once(goroutine);
            self.notify();
        }
    }
}

/// Lets other goroutines run; see [`yield_now`](crate::yield_now).
pub(crate) fn yield_now() {
    let Some(mut machine) = tls::machine() else { return std::thread::yield_now() };
    let Some(goroutine) = machine.current() else { return };
    if machine.shared().is_stopping() {
        end_in_shutdown(goroutine);
        machine = tls::machine().expect("a goroutine runs on a machine");
    }
    machine.enter();
    if stays(goroutine) {
        if machine.shared().has_threads() {
            yield_pinned(machine, goroutine);
        }
        return machine.exit();
    }
    let next = machine.pick();
    if next.is_none() && !machine.has_to_look_further() {
        return machine.exit();
    }
    // SAFETY: the slot is the goroutine's own; it is requeued once it is saved; `next` was picked.
    unsafe { machine.leave(goroutine.context_slot(), After::Requeue(goroutine), next) }.exit();
}

/// Counts an operation that does not block; yields if the time slice is over.
#[inline(always)]
pub(crate) fn checkpoint() {
    if let Some(machine) = tls::machine()
        && machine.count_operation()
    {
        yield_at_slice_end();
    }
}

#[cold]
#[inline(never)]
fn yield_at_slice_end() {
    yield_now();
}

/// Where the running goroutine gives others room: it is unwound if the runtime is being shut down.
pub(super) fn end_in_shutdown(goroutine: GoroutineRef) {
    let is_to_end = goroutine.shared().is_stopping() && !is_shielded(goroutine);
    if is_to_end && !std::thread::panicking() {
        unwind_for_shutdown();
    }
}

/// Is the caller a goroutine whose runtime is being shut down?
pub(crate) fn is_in_shutdown() -> bool {
    current_goroutine().is_some_and(|goroutine| goroutine.shared().is_stopping())
}

/// Unwinds the running goroutine, which is to end as its runtime is being shut down. It is not disturbed again: so this is not for
/// one whose runtime goes on, which no shutdown could end any more.
pub(crate) fn unwind_for_shutdown() -> ! {
    if let Some(goroutine) = current_goroutine() {
        goroutine.set_flag(SHIELDED, true);
    }
    panic::unwind_for_shutdown()
}

/// Runs `f` shielded from shutdowns: for waits that must not end early, as memory is borrowed.
pub(crate) fn shielded<R>(f: impl FnOnce() -> R) -> R {
    let goroutine = current_goroutine().filter(|goroutine| !is_shielded(*goroutine));
    if let Some(goroutine) = goroutine {
        goroutine.set_flag(SHIELDED, true);
    }
    let value = f();
    if let Some(goroutine) = goroutine {
        goroutine.set_flag(SHIELDED, false);
    }
    value
}
