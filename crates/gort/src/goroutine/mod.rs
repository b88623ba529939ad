//! The goroutine: a record of 128 bytes that holds everything of it but its stack.
//!
//! | state | meaning | who moves it on |
//! |---|---|---|
//! | `Free` | the record is in a free list of the arena | spawn → `New` |
//! | `New` | has its closure, waits in a run queue for its first turn, or [for a time](crate::sched::Later); has no stack | the machine that picks it → `Started`; who stops it → `Ended` |
//! | `Started` | runs, waits in a run queue or is parked; the park word tells waits | itself, at its end → `Ended`, or `Free` if there is no handle |
//! | `Ended` | has left its result in the record for the join handle | the handle → `Free` |
//!
//! Who may touch a record: while it is in a queue or runs, its owner (the queue's owner, the machine
//! that runs it). The park word and the join word are atomics with protocols of their own
//! ([`crate::park::word`], [`join`]). Records are never given back to the allocator before the
//! runtime goes, so a stale ticket always points to a record, if to one in a later life.

pub(crate) mod arena;
pub(crate) mod join;
pub(crate) mod local;
pub(crate) mod panic;
pub(crate) mod payload;

use crate::park::{Task, Wait};
use crate::prim::atomic::{AtomicU8, AtomicU32, Ordering::*};
use crate::sched::Shared;
use gort_context::{Context, Stack};
use join::JoinWord;
use payload::{Payload, Vtable};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

/// A goroutine's record. See the module's documentation for who may touch what.
#[repr(C, align(128))]
pub(crate) struct Goroutine {
    /// First, so that a pointer to the task is a pointer to the goroutine.
    task: Task,
    /// The next in the list that the record is in: a global queue, a free list.
    pub(crate) link: Cell<Option<GoroutineRef>>,
    /// Where it goes on, while it is started and off its CPU.
    context: Cell<MaybeUninit<Context>>,
    /// The runtime it belongs to; the same in all lives of the record.
    shared: NonNull<Shared>,
    vtable: Cell<&'static Vtable>,
    pub(crate) id: Cell<u64>,
    /// The join protocol's word.
    join: JoinWord,
    /// What few goroutines have.
    extra: Cell<Option<NonNull<Extra>>>,
    state: AtomicU8,
    wait: AtomicU8,
    flags: AtomicU8,
    /// The machine that it has run on last, or is to run on.
    home: AtomicU32,
    payload: UnsafeCell<Payload>,
}

const _: () = assert!(size_of::<Goroutine>() == 128, "a record is two cache lines");

/// The life of a record; see the module's documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum State {
    Free,
    New,
    Started,
    Ended,
}

/// The goroutine ends because of a shutdown, or waits for one that must end before it: it is not
/// to be interrupted again.
pub(crate) const SHIELDED: u8 = 1;
/// The goroutine's thread waits with it: only that machine can run it.
pub(crate) const PINNED: u8 = 2;
/// Only the machine that it ran on last can run it.
pub(crate) const BOUND: u8 = 4;
/// It has locked its thread: it is pinned whenever it waits.
pub(crate) const LOCKED: u8 = 8;
/// It is within a blocking call.
pub(crate) const IN_CALL: u8 = 16;
/// It is shielded because it has waited while it unwound, and so until its panic is caught.
pub(crate) const UNWINDS: u8 = 32;
/// Its result is in its record.
const HAS_RESULT: u8 = 64;

/// What few goroutines have: a name, a stack size of its own, local variables.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) name: Option<Arc<str>>,
    /// What was asked for, rounded up. Zero: the runtime's default.
    pub(crate) stack_size: usize,
    /// The stack of that size, until it is started.
    pub(crate) stack: Cell<Option<Stack>>,
    pub(crate) locals: local::Locals,
    /// How often it has locked its thread.
    pub(crate) locks: Cell<u64>,
}

/// A pointer to a goroutine's record, whose memory stays as long as its runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(crate) struct GoroutineRef(NonNull<Goroutine>);

// SAFETY: the record's fields are atomics, or touched by the record's owner only.
unsafe impl Send for GoroutineRef {}
// SAFETY: as above.
unsafe impl Sync for GoroutineRef {}

impl std::ops::Deref for GoroutineRef {
    type Target = Goroutine;
    #[inline(always)]
    fn deref(&self) -> &Goroutine {
        // SAFETY: records live as long as their runtime, and who holds a reference keeps that alive.
        unsafe { self.0.as_ref() }
    }
}

impl GoroutineRef {
    #[inline(always)]
    pub(crate) fn from_raw(raw: NonNull<Goroutine>) -> Self {
        Self(raw)
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *mut Goroutine {
        self.0.as_ptr()
    }

    /// # Safety
    /// `task` is the head of a goroutine's record.
    #[inline(always)]
    pub(crate) unsafe fn from_task(task: NonNull<Task>) -> Self {
        Self(task.cast())
    }
}

impl Goroutine {
    /// A fresh record, as the arena makes it.
    pub(crate) fn vacant(shared: NonNull<Shared>) -> Goroutine {
        Goroutine {
            task: Task::new(crate::sched::resume_goroutine),
            link: Cell::new(None),
            context: Cell::new(MaybeUninit::uninit()),
            shared,
            vtable: Cell::new(Vtable::NONE),
            id: Cell::new(0),
            join: JoinWord::new(),
            extra: Cell::new(None),
            state: AtomicU8::new(State::Free as u8),
            wait: AtomicU8::new(Wait::Nothing as u8),
            flags: AtomicU8::new(0),
            home: AtomicU32::new(0),
            payload: UnsafeCell::new(Payload::empty()),
        }
    }

    #[inline(always)]
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    #[inline(always)]
    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: a runtime outlives its records.
        unsafe { self.shared.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn shared_ptr(&self) -> NonNull<Shared> {
        self.shared
    }

    #[inline(always)]
    pub(crate) fn is_new(&self) -> bool {
        self.state.load(Acquire) == State::New as u8
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state.load(Acquire) == State::Ended as u8
    }

    pub(crate) fn is_started(&self) -> bool {
        self.state.load(Acquire) == State::Started as u8
    }

    #[inline(always)]
    pub(crate) fn set_state(&self, state: State) {
        // Release: the shutdown reads the record's flags when it sees the state.
        self.state.store(state as u8, Release);
    }

    #[inline(always)]
    pub(crate) fn set_wait(&self, wait: Wait) {
        self.wait.store(wait as u8, Relaxed);
    }

    #[inline(always)]
    pub(crate) fn has_flag(&self, flag: u8) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }

    /// Owner only.
    #[inline]
    pub(crate) fn set_flag(&self, flag: u8, on: bool) {
        let flags = self.flags.load(Relaxed);
        self.flags.store(if on { flags | flag } else { flags & !flag }, Release);
    }

    #[inline(always)]
    pub(crate) fn clear_flags(&self) {
        self.flags.store(0, Relaxed);
    }

    #[inline(always)]
    pub(crate) fn home(&self) -> u32 {
        self.home.load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set_home(&self, machine: u32) {
        self.home.store(machine, Relaxed);
    }

    /// Where the switch saves the goroutine's context.
    #[inline(always)]
    pub(crate) fn context_slot(&self) -> *mut Context {
        self.context.as_ptr().cast()
    }

    /// # Safety
    /// The goroutine is started and off its CPU, and the caller is about to run it.
    #[inline(always)]
    pub(crate) unsafe fn context(&self) -> Context {
        // SAFETY: the switch that took it off its CPU has filled the slot.
        unsafe { self.context.get().assume_init() }
    }

    #[inline(always)]
    pub(crate) fn payload(&self) -> *mut Payload {
        self.payload.get()
    }

    /// Owner, while it runs: room for a value, in the place that its closure has left and its result is to come to. `None`: it is
    /// there by now, or the value is too big.
    #[inline(always)]
    pub(crate) fn room<V>(&self) -> Option<NonNull<V>> {
        let is_free = payload::fits::<V>() && !self.has_flag(HAS_RESULT);
        is_free.then(|| NonNull::from(&self.payload).cast())
    }

    #[inline(always)]
    pub(crate) fn vtable(&self) -> &'static Vtable {
        self.vtable.get()
    }

    #[inline(always)]
    pub(crate) fn set_vtable(&self, vtable: &'static Vtable) {
        self.vtable.set(vtable);
    }

    #[inline(always)]
    pub(crate) fn join(&self) -> &JoinWord {
        &self.join
    }

    /// Owner only.
    #[inline(always)]
    pub(crate) fn extra(&self) -> Option<&Extra> {
        // SAFETY: set from a box that only `take_extra` takes back, by the owner.
        self.extra.get().map(|extra| unsafe { extra.as_ref() })
    }

    /// Owner only: the extras, made if there are none yet.
    pub(crate) fn extra_or_default(&self) -> &Extra {
        if self.extra.get().is_none() {
            self.set_extra(Some(Box::default()));
        }
        self.extra().expect("just set")
    }

    /// Owner only.
    #[inline(always)]
    pub(crate) fn set_extra(&self, extra: Option<Box<Extra>>) {
        drop(self.take_extra());
        self.extra.set(extra.map(|extra| NonNull::from(Box::leak(extra))));
    }

    /// Owner only.
    #[inline(always)]
    pub(crate) fn take_extra(&self) -> Option<Box<Extra>> {
        // SAFETY: the pointer came from a leaked box and is taken out of the cell for good.
        self.extra.take().map(|extra| unsafe { Box::from_raw(extra.as_ptr()) })
    }

    /// Owner, at the end: drops the extras, and what their destructors make anew.
    #[inline(always)]
    pub(crate) fn drop_extra(&self) {
        while let Some(extra) = self.extra() {
            extra.locals.clear();
            drop(self.take_extra());
        }
    }

    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.extra().and_then(|extra| extra.name.as_ref())
    }

    pub(crate) fn take_stack(&self) -> Option<Stack> {
        self.extra().and_then(|extra| extra.stack.take())
    }

    #[inline(always)]
    pub(crate) fn stack_size(&self) -> usize {
        self.extra().map_or(0, |extra| extra.stack_size)
    }
}
