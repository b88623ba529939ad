//! What a process says when a stack has overflowed, and its end.
//!
//! All this runs inside the signal handler, but on an emergency stack of its own: a backtrace needs more room
//! than the signal stacks that other people give their threads. The unwinder finds the way from there, across
//! the signal stack, to the frames that overflowed.

use std::backtrace::Backtrace;
use std::ffi::{c_int, c_void};
use std::fmt::{self, Write};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::handler::{signal, take_over, unblock, write};
use super::{Overflow, Stderr};
use crate::arch;
use crate::stack::{Stack, StackPool};

/// Frames shown. An overflow is a recursion as a rule, and a stack of a gigabyte has millions.
const FRAMES: usize = 64;
const EMERGENCY_STACK: usize = 1 << 20;
const WATCHDOG_SECONDS: u32 = 5;

static EMERGENCY: OnceLock<Stack> = OnceLock::new();
/// Return addresses of the youngest frames, for the case that there is no more than that to show.
static FOUND: [AtomicUsize; FRAMES] = [const { AtomicUsize::new(0) }; FRAMES];

pub(super) fn prepare() -> io::Result<()> {
    if EMERGENCY.get().is_none() {
        // The stack keeps its memory when the pool goes.
        let stack = StackPool::new(EMERGENCY_STACK)?.take()?;
        EMERGENCY.get_or_init(|| stack);
    }
    Ok(())
}

struct Job<'a> {
    overflow: &'a Overflow,
    report: fn(&Overflow),
}

pub(super) fn say(overflow: &Overflow, report: fn(&Overflow)) -> ! {
    let job = Job { overflow, report };
    let data = (&raw const job).cast_mut().cast();
    match EMERGENCY.get() {
        // SAFETY: one thread in the life of the process comes here, so the stack is its own.
        Some(stack) => unsafe { arch::on_stack(stack.top(), say_it, data) },
        // SAFETY: `data` is a job.
        None => unsafe { say_it(data) },
    }
    abort()
}

unsafe extern "C-unwind" fn say_it(data: *mut ()) {
    // SAFETY: `say` passes its job.
    let job = unsafe { &*data.cast::<Job<'_>>() };
    let Overflow { address, stack, size } = job.overflow;
    write(format_args!(
        "\nstack overflow: a stack of {} KiB ({:#x} to {:#x}) is used up; {address:#x} was touched\n",
        size >> 10,
        stack.start,
        stack.end,
    ));
    // From here on a fault in this thread ends the process too, and so does getting stuck.
    unblock(signal());
    take_over(libc::SIGALRM, on_stuck);
    unblock(libc::SIGALRM);
    // SAFETY: sets a timer.
    unsafe { libc::alarm(WATCHDOG_SECONDS) };
    (job.report)(job.overflow);
    let all = find_and_cut();
    // On a writer that fails the rest is lost, and the process ends all the same.
    let _ = write!(Limited { lines: FRAMES * 3 }, "{}", Backtrace::force_capture());
    if !all {
        write(format_args!("      (older frames are left out)\n"));
    }
    write(format_args!("\n"));
}

/// Takes down the youngest frames, and cuts off those that would be too many, so that capturing a backtrace
/// ends in reasonable time and memory. Whether there was nothing to cut.
fn find_and_cut() -> bool {
    unsafe extern "C" {
        fn _Unwind_Backtrace(
            each: unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int,
            arg: *mut c_void,
        ) -> c_int;
        fn _Unwind_GetIP(frame: *mut c_void) -> usize;
        fn _Unwind_GetCFA(frame: *mut c_void) -> usize;
    }
    const GO_ON: c_int = 0;
    const STOP: c_int = 4;
    struct Walk {
        count: usize,
        /// The stack pointer in the frame before.
        sp: usize,
    }
    unsafe extern "C" fn each(frame: *mut c_void, walk: *mut c_void) -> c_int {
        // SAFETY: `walk` is the local below.
        let walk = unsafe { &mut *walk.cast::<Walk>() };
        // SAFETY: the unwinder passes a frame of its own.
        let at = unsafe { _Unwind_GetIP(frame) };
        // SAFETY: as above. This is the stack pointer in the frame, just after the call that it is in.
        let sp = unsafe { _Unwind_GetCFA(frame) };
        let callee = std::mem::replace(&mut walk.sp, sp);
        if let Some(slot) = FOUND.get(walk.count) {
            slot.store(at, Ordering::Relaxed);
            walk.count += 1;
            return GO_ON;
        }
        // SAFETY: the frames from here on are never returned to: the process ends.
        if unsafe { arch::cut_chain(callee, sp, at) } {
            walk.count += 1;
            return STOP;
        }
        GO_ON
    }
    let mut walk = Walk { count: 0, sp: 0 };
    // SAFETY: `each` is what it asks for, and `walk` outlives the call.
    unsafe { _Unwind_Backtrace(each, (&raw mut walk).cast()) };
    walk.count <= FRAMES
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
unsafe extern "C" fn on_stuck(_: c_int) {
    write(format_args!(
        "\nthe backtrace got stuck, perhaps on the allocator's lock; return addresses:\n"
    ));
    for at in FOUND.iter().map(|slot| slot.load(Ordering::Relaxed)).take_while(|&at| at != 0) {
        write(format_args!("  {at:#x}\n"));
    }
    abort()
}

pub(super) fn abort_with(text: &str) -> ! {
    write(format_args!("\n{text}"));
    abort()
}

fn abort() -> ! {
    // SAFETY: ends the process with SIGABRT.
    unsafe { libc::abort() }
}
