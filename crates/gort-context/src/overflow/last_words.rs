//! What a process says when a stack has overflowed, and its end.
//!
//! All this runs while the fault is being handled, but on an emergency stack of its own: a backtrace needs more
//! room than whoever handles faults has. The unwinder finds the way from there, across what the system has put
//! in between, to the frames that overflowed.

use std::backtrace::Backtrace;
use std::fmt::{self, Write};
use std::io;
use std::mem::transmute;
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::{Overflow, Stderr, sys};
use crate::stack::{Stack, StackPool};

/// Frames shown. An overflow is a recursion as a rule, and a stack of a gigabyte has millions.
const FRAMES: usize = 64;
const EMERGENCY_STACK: usize = 1 << 20;
const WATCHDOG_SECONDS: u32 = 5;

static EMERGENCY: OnceLock<Stack> = OnceLock::new();
/// A `fn(&Overflow)`.
static REPORT: AtomicPtr<()> = AtomicPtr::new(null_mut());
/// The thread that is saying its last words.
static SPEAKER: AtomicUsize = AtomicUsize::new(0);
/// Return addresses of the youngest frames, for the case that there is no more than that to show.
static FOUND: [AtomicUsize; FRAMES] = [const { AtomicUsize::new(0) }; FRAMES];

impl Overflow {
    pub(super) fn new(address: usize, guard: Range<usize>, slot: Range<usize>) -> Overflow {
        Overflow { address, stack: guard.end..slot.end, size: slot.len() }
    }
}

pub(super) fn prepare(report: fn(&Overflow)) -> io::Result<()> {
    REPORT.store(report as *mut (), Ordering::Release);
    if EMERGENCY.get().is_none() {
        // The stack keeps its memory when the pool goes.
        let stack = StackPool::new(EMERGENCY_STACK)?.take()?;
        EMERGENCY.get_or_init(|| stack);
    }
    Ok(())
}

/// A thread has faulted: if that was while it said its last words, there will be no more of them.
pub(super) fn cut_short(thread: usize) {
    if SPEAKER.load(Ordering::Relaxed) == thread {
        write(format_args!("\na fault while reporting the stack overflow; aborting\n"));
        std::process::abort();
    }
}

/// Says it, for the first thread that comes here. `on` calls a function on the stack that it is given.
pub(super) fn say(
    overflow: &Overflow,
    thread: usize,
    on: impl FnOnce(&Stack, unsafe extern "C-unwind" fn(*mut ()), *mut ()),
) -> ! {
    if SPEAKER.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        sys::wait_for_the_end();
    }
    if let Some(stack) = EMERGENCY.get() {
        // One thread in the life of the process comes here, so the stack is its own.
        on(stack, say_it, std::ptr::from_ref(overflow).cast_mut().cast());
    }
    std::process::abort()
}

unsafe extern "C-unwind" fn say_it(data: *mut ()) {
    // SAFETY: `say` passes it.
    let overflow = unsafe { &*data.cast::<Overflow>() };
    let Overflow { address, stack, size } = overflow;
    write(format_args!(
        "\nstack overflow: a stack of {} KiB ({:#x} to {:#x}) is used up; {address:#x} was touched\n",
        size >> 10,
        stack.start,
        stack.end,
    ));
    sys::end_within(WATCHDOG_SECONDS, on_stuck);
    // SAFETY: set by `prepare`, before there was anybody to come here.
    let report = unsafe { transmute::<*mut (), fn(&Overflow)>(REPORT.load(Ordering::Acquire)) };
    report(overflow);
    let all = sys::find_and_cut(&FOUND);
    // On a writer that fails the rest is lost, and the process ends all the same.
    let _ = write!(Limited { lines: FRAMES * 3 }, "{}", Backtrace::force_capture());
    if !all {
        write(format_args!("      (older frames are left out)\n"));
    }
    write(format_args!("\n"));
    std::process::abort()
}

/// Standard error, up to a number of lines.
struct Limited {
    lines: usize,
}

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        Stderr.write_str(text)?;
        self.lines = self.lines.saturating_sub(text.matches('\n').count());
        if self.lines == 0 { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The watchdog's bite.
extern "C" fn on_stuck() {
    write(format_args!(
        "\nthe backtrace got stuck, perhaps on the allocator's lock; return addresses:\n"
    ));
    for at in FOUND.iter().map(|slot| slot.load(Ordering::Relaxed)).take_while(|&at| at != 0) {
        write(format_args!("  {at:#x}\n"));
    }
    std::process::abort()
}

fn write(text: fmt::Arguments<'_>) {
    // Nobody is left to be told that standard error is closed.
    let _ = Write::write_fmt(&mut Stderr, text);
}
