//! Making goroutines.

use super::park;
use super::{Machine, Shared};
use crate::goroutine::{BOUND, Extra, GoroutineRef, SHIELDED, State, payload};
use crate::tls;
use std::io;
use std::sync::Arc;

/// What a goroutine may be given besides its closure.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) name: Option<Arc<str>>,
    /// None: the runtime's default.
    pub(crate) stack_size: Option<usize>,
    /// Its starter waits until it has ended, whatever comes.
    pub(crate) is_waited_for: bool,
}

impl Attributes {
    #[inline(always)]
    fn into_extra(self, shared: &Shared) -> io::Result<Option<Box<Extra>>> {
        if self.name.is_none() && self.stack_size.is_none() {
            return Ok(None);
        }
        self.make_extra(shared).map(Some)
    }

    #[cold]
    #[inline(never)]
    fn make_extra(self, shared: &Shared) -> io::Result<Box<Extra>> {
        let mut extra = Extra { name: self.name, ..Extra::default() };
        if let Some(size) = self.stack_size {
            // In a forked child another thread may have had the locks that are taken for it.
            shared.check_origin()?;
            let stack = shared.special_stack(size)?;
            extra.stack_size = stack.size();
            extra.stack.set(Some(stack));
        }
        Ok(Box::new(extra))
    }
}

impl Shared {
    /// Makes a goroutine of `closure` that leaves its result for a handle, and starts it.
    ///
    /// # Safety
    /// What the closure borrows outlives the goroutine, and what it holds may go to another thread.
    #[inline(always)]
    pub(crate) unsafe fn spawn_joined<F: FnOnce() -> T, T>(
        &self,
        attributes: Attributes,
        closure: F,
    ) -> io::Result<GoroutineRef> {
        let record = self.new_record(attributes, true)?;
        // SAFETY: the record is vacant and this caller's; the rest by this function's contract.
        unsafe { payload::put_joined::<F, T>(&record, closure) };
        self.launch(record);
        Ok(record)
    }

    /// As [`spawn_joined`](Self::spawn_joined), with nobody to take the result.
    ///
    /// # Safety
    /// As for [`spawn_joined`](Self::spawn_joined).
    #[inline(always)]
    pub(crate) unsafe fn spawn_detached<F: FnOnce() -> T, T>(
        &self,
        attributes: Attributes,
        closure: F,
    ) -> io::Result<()> {
        let record = self.new_record(attributes, false)?;
        // SAFETY: the record is vacant and this caller's; the rest by this function's contract.
        unsafe { payload::put_detached::<F, T>(&record, closure) };
        self.launch(record);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn new_record(
        &self,
        attributes: Attributes,
        joined: bool,
    ) -> io::Result<GoroutineRef> {
        self.check_stacks()?;
        let is_shielded = self.shields(attributes.is_waited_for);
        let extra = attributes.into_extra(self)?;
        let inside = park::inside();
        let processor = inside.as_ref().and_then(|inside| inside.processor_of(self));
        let Some(record) = self.take_record(processor) else {
            return Err(self.no_record());
        };
        record.clear_flags();
        if is_shielded {
            record.set_flag(SHIELDED, true);
        }
        record.set_extra(extra);
        record.join().start(joined);
        Ok(record)
    }

    /// Is what the caller starts not to be interrupted by a shutdown? Of one that must not be, that is
    ///
    /// - who it waits for whatever comes, as in a scope: told of the shutdown, it would unwind, while it unwinds from a panic perhaps;
    /// - who it starts while the runtime stops, as destructors may wait for them.
    ///
    /// Nobody else, as these would never end: who is started where a goroutine has panicked, or by what it wakes, is there to stay.
    #[inline(always)]
    fn shields(&self, is_waited_for: bool) -> bool {
        let is_spared =
            |caller| park::is_shielded(caller) || is_waited_for && std::thread::panicking();
        (is_waited_for || self.is_stopping())
            && self.callers_machine().and_then(Machine::current).is_some_and(is_spared)
    }

    #[cold]
    #[inline(never)]
    fn no_record(&self) -> io::Error {
        let no_memory = || io::Error::new(io::ErrorKind::OutOfMemory, "no memory for a goroutine");
        self.check_origin().err().unwrap_or_else(no_memory)
    }

    #[inline(always)]
    fn launch(&self, goroutine: GoroutineRef) {
        goroutine.set_state(State::New);
        let Some(machine) = self.callers_machine() else {
            return self.inject_from_outside(goroutine);
        };
        let inside = machine.inside();
        if let Some(processor) = inside.processor() {
            if let Some(old) = processor.queue.set_next(goroutine.as_ptr()) {
                processor.push(super::processor::from_entry(old), self);
            }
            // Unlike one who makes another ready, one who spawns is likely to go on for a while.
            self.notify();
        } else {
            self.inject_at_once(goroutine);
        }
    }
}

/// Starts a goroutine on the machine of the caller, who is a goroutine and stays there, too, from here on.
///
/// # Safety
/// Closure and result own what they hold.
pub(crate) unsafe fn spawn_local<F: FnOnce() -> T, T>(
    attributes: Attributes,
    closure: F,
) -> io::Result<GoroutineRef> {
    let caller = park::current_goroutine().expect("the caller is a goroutine");
    let record = caller.shared().new_record(attributes, true)?;
    // SAFETY: the record is vacant and this caller's; the rest by this function's contract.
    unsafe { payload::put_joined::<F, T>(&record, closure) };
    // From here on it is not put aside (see `preempt`), to go on on another one.
    let machine = tls::machine().expect("a goroutine runs on a machine");
    let _inside = machine.inside();
    caller.set_flag(BOUND, true);
    record.set_flag(BOUND, true);
    record.set_home(machine.number);
    record.set_state(State::New);
    // The machine is the one that runs this, so it need not be roused.
    machine.bound.push(record);
    Ok(record)
}
