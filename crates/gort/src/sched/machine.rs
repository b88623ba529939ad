//! The machine: a thread that runs goroutines.
//!
//! It has the stack of its thread, the *system stack*, on which it looks for work and waits when there
//! is none ([`find`](super::find), [`idle`](super::idle)). How it gets from there to a goroutine, and
//! from one to the next, is told in [`switch`](mod@switch).

mod switch;

pub(crate) use switch::After;

use super::Shared;
use super::crowd::Member;
use super::global::GlobalQueue;
use super::hold::{Entry, Hold};
use super::kernel_slice::KernelSlice;
use super::pace::Pace;
use super::processor::Processor;
use super::sleeper::{Bed, Sleeper};
use super::worker::Assignment;
use crate::clock::{self, Deadline};
use crate::goroutine::{GoroutineRef, IN_CALL};
use crate::prim::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering::*};
use crate::{sys, tls};
use gort_context::overflow::AltStack;
use gort_context::{Addresses, Context};
use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

/// Operations between two looks at the clock.
const OPERATIONS_PER_LOOK: u32 = 256;

pub(crate) struct Machine {
    pub(crate) shared: NonNull<Shared>,
    pub(crate) number: u32,
    /// Goroutines that only this machine can run.
    pub(crate) bound: GlobalQueue,
    /// Where its thread has its thread-local storage.
    storage: [AtomicUsize; 2],
    /// Is it inside the runtime, and has it a processor?
    pub(crate) hold: Hold,
    /// Does it compute without one?
    pub(crate) in_crowd: Member,
    /// The monitor wants the running goroutine to yield where it is: its thread is being interrupted.
    pub(crate) ordered: AtomicBool,
    /// It has been redirected, and is about to yield: it is not to be interrupted once more.
    pub(super) is_redirected: AtomicBool,
    /// Its thread, while that runs.
    pub(super) thread: sys::MachineThread,
    pub(super) kernel_slice: KernelSlice,
    /// Written by its own thread, inside; also read by the monitor, while it takes it.
    processor: AtomicPtr<Processor>,
    current: Cell<Option<GoroutineRef>>,
    after: UnsafeCell<After>,
    /// Where the system stack goes on, while a goroutine runs.
    system: Cell<MaybeUninit<Context>>,
    /// The goroutine that a worker is to run, when it is switched to.
    assigned: Cell<Option<Assignment>>,
    /// Somebody that was picked and belongs elsewhere, for the system stack to send home.
    astray: Cell<Option<GoroutineRef>>,
    /// Operations left until the clock is looked at, and when the slice began (0: not known yet).
    operations: Cell<u32>,
    slice_start: Cell<u64>,
    pub(crate) searching: Cell<bool>,
    /// The last search has found only queues that are better left to their owners.
    pub(crate) discouraged: Cell<bool>,
    pub(super) pace: Pace,
    pub(crate) random: Cell<u32>,
    /// When timers were last looked at, and for how many picks not to.
    pub(crate) timers_seen: Cell<u64>,
    pub(crate) timers_skip: Cell<u32>,
    pub(crate) timers_stride: Cell<u32>,
    /// Whether it has been roused; `granted` is the processor that comes with that.
    pub(super) sleeper: Sleeper,
    granted: AtomicPtr<Processor>,
    granted_searching: AtomicU32,
}

/// A machine is inside the runtime as long as this lives.
pub(crate) struct Inside<'a> {
    machine: &'a Machine,
    nested: bool,
}

impl Inside<'_> {
    /// The machine's processor; there is none if it was taken away while the machine was outside.
    #[inline(always)]
    pub(crate) fn processor(&self) -> Option<&'static Processor> {
        self.machine.try_processor()
    }

    /// The same, if the machine is one of that runtime's. Else it has gone inside all the same: the caller may need locks of
    /// the other runtime's that are taken inside there.
    #[inline(always)]
    pub(crate) fn processor_of(&self, shared: &Shared) -> Option<&'static Processor> {
        if ptr::eq(self.machine.shared.as_ptr(), shared) { self.processor() } else { None }
    }
}

/// In a process that was forked off, on its only thread: if that runs a goroutine, it has no processor from here on. So those that wait
/// there, which go on in the parent, do not run here as well.
pub(super) fn lose_processor_in_child() {
    if let Some(machine) = tls::machine() {
        machine.processor.store(ptr::null_mut(), Relaxed);
    }
}

impl Drop for Inside<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.nested {
            self.machine.exit();
        }
    }
}

impl PartialEq for Machine {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

// SAFETY: the cells are touched by the machine's own thread (or, in the `threads` architecture, by
// the one that runs in its name; or by one that has suspended it); what others touch are atomics.
unsafe impl Sync for Machine {}
// SAFETY: as above.
unsafe impl Send for Machine {}

impl Machine {
    pub(crate) fn new(shared: NonNull<Shared>, number: u32) -> Machine {
        Machine {
            shared,
            number,
            bound: GlobalQueue::new(),
            storage: [AtomicUsize::new(0), AtomicUsize::new(0)],
            hold: Hold::new(),
            in_crowd: Member::default(),
            ordered: AtomicBool::new(false),
            is_redirected: AtomicBool::new(false),
            thread: sys::MachineThread::default(),
            processor: AtomicPtr::new(ptr::null_mut()),
            current: Cell::new(None),
            after: UnsafeCell::new(After::Nothing),
            system: Cell::new(MaybeUninit::uninit()),
            assigned: Cell::new(None),
            astray: Cell::new(None),
            kernel_slice: KernelSlice::default(),
            operations: Cell::new(OPERATIONS_PER_LOOK),
            slice_start: Cell::new(0),
            searching: Cell::new(false),
            discouraged: Cell::new(false),
            pace: Pace::default(),
            random: Cell::new(0x9e37_79b9 ^ number.wrapping_mul(0x85eb_ca6b) | 1),
            timers_seen: Cell::new(0),
            timers_skip: Cell::new(0),
            timers_stride: Cell::new(0),
            sleeper: Sleeper::new(),
            granted: AtomicPtr::new(ptr::null_mut()),
            granted_searching: AtomicU32::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn shared(&self) -> &'static Shared {
        // SAFETY: each machine's thread holds a reference count of its runtime.
        unsafe { self.shared.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn current(&self) -> Option<GoroutineRef> {
        self.current.get()
    }

    #[inline(always)]
    pub(crate) fn set_current(&self, goroutine: Option<GoroutineRef>) {
        self.current.set(goroutine);
        if let Some(goroutine) = goroutine {
            goroutine.set_home(self.number);
        }
    }

    /// The processor; there is none while the machine is idle, waits with a pinned goroutine, or
    /// has lost it while it was outside. To be called inside; outside, it may be another's by now.
    #[inline(always)]
    pub(crate) fn try_processor(&self) -> Option<&'static Processor> {
        // SAFETY: processors live as long as the runtime.
        unsafe { self.processor.load(Relaxed).as_ref() }
    }

    #[inline(always)]
    pub(crate) fn processor(&self) -> &'static Processor {
        self.try_processor().expect("a machine that schedules holds a processor")
    }

    /// Inside: takes a processor, which is the caller's to give, or lets go of it.
    pub(crate) fn set_processor(&self, processor: Option<&'static Processor>) {
        let pointer =
            processor.map_or(ptr::null_mut(), |processor| ptr::from_ref(processor).cast_mut());
        self.processor.store(pointer, Relaxed);
        if let Some(processor) = processor {
            processor.holder.store(ptr::from_ref(self).cast_mut(), Release);
        }
        self.hold.set_held(processor.is_some());
    }

    // ---- inside and outside, see `hold`

    /// Goes inside the runtime: from here on nobody takes the processor away.
    #[inline(always)]
    pub(crate) fn enter(&self) {
        match self.hold.enter() {
            Entry::Kept => {}
            entry => self.enter_without(entry),
        }
    }

    #[cold]
    #[inline(never)]
    fn enter_without(&self, entry: Entry) {
        if entry == Entry::Lost {
            self.processor.store(ptr::null_mut(), Relaxed);
            self.shared().crowd.leave(&self.in_crowd);
            self.has_lost_its_processor();
            // The trampoline leaves the hook out where there is state that it does not save.
            self.is_redirected.store(false, Relaxed);
        }
        let idle = &self.shared().idle;
        // In a blocking call it would keep it while it blocks.
        let is_in_call = self.current().is_some_and(|goroutine| goroutine.has_flag(IN_CALL));
        if idle.idle_processors() > 0
            && !is_in_call
            && self.shared().has_threads()
            && let Some(processor) = idle.take_processor()
        {
            self.set_processor(Some(processor));
        }
    }

    /// Goes outside: to be called before code of the user's runs.
    #[inline(always)]
    pub(crate) fn exit(&self) {
        self.hold.exit();
    }

    /// Goes inside until the value is dropped, if it is not there already.
    #[inline(always)]
    pub(crate) fn inside(&self) -> Inside<'_> {
        let nested = self.hold.is_inside();
        if !nested {
            self.enter();
        }
        Inside { machine: self, nested }
    }

    pub(crate) fn next_random(&self) -> u32 {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random.set(x);
        x
    }

    // ---- time slices

    /// Counts an operation. True: the slice is over.
    #[inline(always)]
    pub(crate) fn count_operation(&self) -> bool {
        let left = self.operations.get();
        if left > 0 {
            self.operations.set(left - 1);
            return false;
        }
        self.look_at_the_clock()
    }

    #[cold]
    #[inline(never)]
    fn look_at_the_clock(&self) -> bool {
        self.operations.set(OPERATIONS_PER_LOOK);
        self.timers_skip.set(0);
        if self.bound.len() > 0 {
            // They have waited for their turn elsewhere, and nobody else can give them another.
            return true;
        }
        let now = clock::now();
        match self.slice_start.get() {
            // The first look in this slice: it is measured from here, so that beginning a slice
            // costs no look at the clock.
            0 => {
                self.slice_start.set(now);
                false
            }
            start => now.saturating_sub(start) >= self.shared().slice,
        }
    }

    #[inline(always)]
    pub(crate) fn begin_slice(&self) {
        self.slice_start.set(0);
    }

    // ---- its thread

    /// Where it has its thread-local storage; to be called by who has a goroutine that has run there.
    pub(crate) fn thread_local_storage(&self) -> Addresses {
        Addresses::from_words(self.storage.each_ref().map(|word| word.load(Relaxed)))
    }

    pub(crate) fn as_static(&self) -> &'static Machine {
        // SAFETY: a machine's record stays as long as its runtime.
        unsafe { &*ptr::from_ref(self) }
    }

    /// Does its thread sleep in the kernel? If that cannot be told it is taken to be awake.
    pub(crate) fn sleeps(&self) -> bool {
        // There the machine's thread sleeps while another runs its goroutine.
        !cfg!(feature = "threads") && self.thread.sleeps().unwrap_or(false)
    }

    // ---- waiting for a processor

    /// Sleeps until signalled, or up to `until`: true if signalled. With the signal comes a processor, or
    /// none if the runtime ends.
    pub(crate) fn doze(&self, until: Deadline) -> bool {
        self.may_be_roused();
        loop {
            if self.sleeper.is_roused() {
                self.has_work();
                let granted = self.granted.swap(ptr::null_mut(), Acquire);
                // SAFETY: processors live as long as the runtime.
                self.set_processor(unsafe { granted.as_ref() });
                self.searching.set(self.granted_searching.load(Relaxed) != 0);
                return true;
            }
            let left = until.remaining();
            if left.is_some_and(|left| left.is_zero()) {
                return false;
            }
            self.thread.sleep_while(self.sleeper.word(), 0, left);
        }
    }

    /// Wakes the machine from its doze with a processor, or without one if the runtime ends.
    pub(crate) fn rouse(&self, processor: Option<&Processor>, searching: bool) {
        let granted = processor.map_or(ptr::null_mut(), |p| ptr::from_ref(p).cast_mut());
        self.granted.store(granted, Release);
        self.granted_searching.store(searching as u32, Relaxed);
        match self.sleeper.rouse() {
            Bed::Word => self.thread.wake(self.sleeper.word()),
            Bed::Poller => self.shared().wake_poller(),
        }
    }

    /// The machine's thread: runs goroutines until the runtime ends.
    pub(crate) fn main(&self) {
        // SAFETY: the caller keeps the machine until this returns, and the word is reset below.
        unsafe { tls::set_machine(Some(self)) };
        self.thread.begin();
        // What was ordered of the thread that it had before does not come any more.
        self.ordered.store(false, Relaxed);
        self.is_redirected.store(false, Relaxed);
        let storage = Addresses::new(sys::thread_local_storage()).into_words();
        self.storage.iter().zip(storage).for_each(|(word, new)| word.store(new, Relaxed));
        self.begin_kernel_slice();
        self.may_be_interrupted();
        // Without one of its own the thread has std's, which is enough for the report alone.
        let _signal_stack = AltStack::new().ok();
        while let Some(goroutine) = self.find() {
            self.run(goroutine);
            if let Some(goroutine) = self.astray.take() {
                self.send_home(goroutine);
            }
        }
        self.thread.end();
        // SAFETY: as above.
        unsafe { tls::set_machine(None) };
    }
}
