//! The switch for AArch64 with the standard calling convention (AAPCS64, and Apple's), on ELF and Mach-O.
//!
//! # What a suspended context looks like
//!
//! The word in a [`Context`] is the stack pointer that the flow had when it left. What lies there:
//!
//! ```text
//!   address                left by `switch`           left by `init`
//!   0x7f00_0003_fde0  ...  frames of the flow         the top of the stack
//!   0x7f00_0003_fdd8       (nothing)                  the entry function
//!   0x7f00_0003_fdd0       where to go on             `start`
//!   0x7f00_0003_fdc8       x19                        0
//!   0x7f00_0003_fdc0       x29, the frame pointer     0: ends a walk along frame pointers   <── the word
//! ```
//!
//! As on x86-64 (`x86_64_sysv.rs`), every register but these two is declared to the compiler as overwritten
//! by the asm block, so the compiler keeps what is live and nothing more: x20 to x28, x30, and of v8 to v15 the
//! halves that a callee has to keep. x19 and x29 are saved by hand because LLVM keeps them for itself. x18 is
//! the system's on Apple's, and is left alone.
//!
//! The way on is a `br` and never a `ret`, for the sake of the processor's predictor. With branch protection
//! (BTI) a `br` may only arrive at a landing pad: there is one (`hint 36`, which is `bti j`) wherever a switch
//! arrives, and one (`hint 34`, `bti c`) wherever a call through a pointer or a linker's veneer does. They are
//! written as hints so that older assemblers take them and older processors do nothing. Pointer
//! authentication needs no care: a function that signs its return address signs it with the stack pointer that
//! it had, and stacks never move; the assembly here does not sign. Only [`cut_chain`] looks for return addresses, finds
//! them signed, and signs what it puts there. `.ci/ports` runs the tests with both in force.
//!
//! Whoever arrives sets x20 to x28 to zero. What they hold is left over from the flow that resumed it, and most
//! often one is the pointer to the thread's storage: code here loads it whole, where that on x86-64 has a segment
//! register, and std does when a thread begins. The functions that are called next would put it on their stack,
//! among the callee's registers, where [`points_into`](crate::points_into) finds it. (Without, goroutines that
//! were not optimized seemed to hold on to the thread that they had run on.)
//!
//! # Control word
//!
//! FPCR belongs to the flow. The rule is that of x86-64: **at the instant of a switch it is zero**, its
//! default, and a flow that has changed it goes through [`leave_with_control_word`]. To read FPCR is cheap
//! here, so each switch looks at all of it and [`control::keep`] has nothing to do.
//!
//! # Not kept
//!
//! The scalable extensions' state (SVE's predicates, the upper parts of z8 to z15) is the caller's over any
//! call, so the compiler keeps it like the rest. SME's streaming mode and ZA are not to be in use at a switch.

use std::arch::{asm, naked_asm};
use std::io;

use crate::overflow::registry;
use crate::stack::Stack;
use crate::switch::{Context, Entry, run_entry};

#[cfg_attr(target_os = "linux", path = "carried/elf.rs")]
#[cfg_attr(not(target_os = "linux"), path = "carried/pthread.rs")]
pub(crate) mod carried;
#[path = "one_stack.rs"]
mod one_stack;
#[path = "aarch64_prefetch.rs"]
pub(crate) mod prefetch;

pub(crate) use one_stack::{discard, lowest_used, pass_discard};

/// The frame `init` builds; field by field what the diagram above shows, lowest address first.
#[repr(C, align(16))]
struct FirstFrame {
    x29: usize,
    x19: usize,
    resume_at: unsafe extern "C" fn() -> !,
    entry: Entry,
}

pub(crate) fn init(stack: &Stack, entry: Entry) -> io::Result<Context> {
    let frame = stack.top().cast::<FirstFrame>().wrapping_sub(1);
    debug_assert!(frame.is_aligned());
    let first = FirstFrame { x29: 0, x19: 0, resume_at: start, entry };
    // SAFETY: `frame` lies just below the aligned top of a stack that is larger than this, writable, and by
    // the contract of `init` not in use by another context.
    unsafe { frame.write(first) };
    Ok(Context::new(frame.cast()))
}

#[inline(always)]
pub(crate) unsafe fn switch(save: *mut Context, to: Context, word: *mut ()) -> *mut () {
    let got: *mut ();
    // SAFETY: the caller promises that `to` is suspended, so that its stack holds what the diagram shows, and
    // that `save` can be written to. All registers are operands, clobbers or saved by hand, and without
    // `nostack` the compiler keeps nothing below the stack pointer.
    unsafe {
        asm!(
            "stp x29, x19, [sp, #-32]!",
            "adr x9, 2f",
            "mrs x10, fpcr",
            "cbnz x10, 3f",
            "str x9, [sp, #16]",
            "mov x9, sp",
            "str x9, [x1]",
            "ldr x9, [x2, #16]",
            "mov sp, x2",
            "br x9",
            // A branch of its own: what `cbnz` reaches is too near for another section.
            "3:",
            "b {leave_with_control_word}",
            "2:",
            "hint #36",
            "ldp x29, x19, [sp], #32",
            ".irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28",
            "mov x\\n, xzr",
            ".endr",
            leave_with_control_word = sym leave_with_control_word,
            inlateout("x0") word => got,
            inlateout("x1") save => _,
            inlateout("x2") to.as_ptr() => _,
            out("x20") _, out("x21") _, out("x22") _, out("x23") _, out("x24") _,
            out("x25") _, out("x26") _, out("x27") _, out("x28") _,
            clobber_abi("C"),
        );
    }
    got
}

/// The rest of a `switch` by a flow that has changed its control word. Comes here by a jump, with the registers
/// of the switch, x9 the place where the switch is to go on, and x10 FPCR. What it leaves on the stack, on
/// top of what `switch` pushed:
///
/// ```text
///   where the switch goes on, x19, x29, as in the diagram above
///   (nothing)
///   where to go on: in here
///   (nothing)
///   FPCR                                                 <── the word
/// ```
#[unsafe(naked)]
unsafe extern "C" fn leave_with_control_word() {
    naked_asm!(
        "hint #34",
        "str x9, [sp, #16]",
        "str x10, [sp, #-32]!",
        "msr fpcr, xzr",
        "adr x9, 2f",
        "str x9, [sp, #16]",
        "mov x9, sp",
        "str x9, [x1]",
        "ldr x9, [x2, #16]",
        "mov sp, x2",
        "br x9",
        "2:",
        "hint #36",
        "ldr x10, [sp], #32",
        "msr fpcr, x10",
        "ldr x9, [sp, #16]",
        "br x9",
    )
}

/// The C library's allocator keeps the pointer to the thread's storage, and one to its own part of it, in registers
/// that the functions it calls put on the stack.
#[inline(always)]
pub(crate) fn wipe_below() {
    // SAFETY: without `nostack` the compiler keeps nothing below the stack pointer. A kilobyte there is the
    // flow's to use: where it is not, a call would end in the guard, too.
    unsafe {
        asm!(
            // No pointer, and not zero, which would look as if nothing had ever been there (`used_deep`).
            "movi {ones:v}.16b, #1",
            "sub {at}, sp, #1024",
            "2:",
            "stp {ones:q}, {ones:q}, [{at}], #32",
            "stp {ones:q}, {ones:q}, [{at}], #32",
            "stp {ones:q}, {ones:q}, [{at}], #32",
            "stp {ones:q}, {ones:q}, [{at}], #32",
            "cmp sp, {at}",
            "b.ne 2b",
            ones = out(vreg) _,
            at = out(reg) _,
        );
    }
}

/// Each switch looks at FPCR itself.
pub(crate) mod control {
    pub(crate) fn keep() {}
    pub(crate) fn forget() {}
}

/// Where a new context begins: x0 is the word of the switch that came here, sp is at its [`FirstFrame`].
///
/// The return address of this frame is declared undefined, which is how an unwinder or a debugger is told
/// that the outermost frame has been reached.
#[unsafe(naked)]
unsafe extern "C" fn start() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "hint #36",
        "ldr x1, [sp, #24]", // FirstFrame::entry
        ".irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30",
        "mov x\\n, xzr",
        ".endr",
        "bl {run_entry}",
        "brk #1",
        ".cfi_endproc",
        run_entry = sym run_entry,
    )
}

/// Where the return address of a frame leads that has been cut off from its callers; as in [`start`], the
/// chain of frames ends.
#[unsafe(naked)]
unsafe extern "C" fn older_frames_are_left_out() -> ! {
    naked_asm!(".cfi_startproc", ".cfi_undefined x30", "nop", "brk #1", ".cfi_endproc")
}

pub(crate) unsafe fn cut_chain(callee: usize, sp: usize, at: usize) -> bool {
    // A callee has its return address anywhere in its frame; and a frame is on one stack.
    if !registry::stack_at(callee).is_some_and(|stack| stack.contains(&sp)) {
        return false;
    }
    // One instruction on, because unwinders look up the one before the return address.
    let end = older_frames_are_left_out as *const () as usize + 4;
    let mut found = false;
    for address in (callee..sp).step_by(size_of::<usize>()) {
        let slot = std::ptr::with_exposed_provenance_mut::<usize>(address);
        // SAFETY: in a frame of a stack of ours, by the caller's promise.
        let word = unsafe { slot.read() };
        if without_signature(word) == at {
            let end = if word == at { end } else { signed(end, sp) };
            // SAFETY: as above; and nobody returns there.
            unsafe { slot.write(end) };
            found = true;
        }
    }
    found
}

/// A return address as it was before a function signed it.
fn without_signature(address: usize) -> usize {
    let plain;
    // SAFETY: computes with that register alone. `xpaclri`.
    unsafe { asm!("hint #7", inlateout("x30") address => plain, options(pure, nomem, nostack)) };
    plain
}

/// A return address as a function signs it that was called with this stack pointer.
fn signed(address: usize, sp: usize) -> usize {
    let signed;
    // SAFETY: computes with these registers alone. `pacia1716`.
    unsafe {
        asm!("hint #8", inlateout("x17") address => signed, in("x16") sp, options(pure, nomem, nostack));
    }
    signed
}

/// Calls `call(data)` with the stack pointer at `top`.
///
/// The frame is described in terms of x29, so unwinders find the way back across the two stacks.
#[unsafe(naked)]
unsafe extern "C-unwind" fn call_at(
    top: *mut u8,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    naked_asm!(
        ".cfi_startproc",
        "hint #34",
        "stp x29, x30, [sp, #-16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x30, -8",
        ".cfi_offset x29, -16",
        "mov x29, sp",
        ".cfi_def_cfa_register x29",
        "mov sp, x0",
        "mov x0, x2",
        "blr x1",
        "mov sp, x29",
        ".cfi_def_cfa_register sp",
        "ldp x29, x30, [sp], #16",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x30",
        ".cfi_restore x29",
        "ret",
        ".cfi_endproc",
    )
}

pub(crate) unsafe fn on_stack(
    stack: &Stack,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    // SAFETY: the top is aligned to 16 bytes, and the caller has this stack to itself.
    unsafe { call_at(stack.top(), call, data) };
}

/// Nothing is said about the memory below.
pub(crate) unsafe fn note_trimmed(_: Context, _: &Stack) {}

pub(crate) unsafe fn on_context(
    ctx: Context,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    // SAFETY: a stack pointer is a multiple of 16 here, and by the caller's promise nothing resumes the context
    // meanwhile. See `lowest_used`.
    unsafe { call_at(ctx.as_ptr().cast(), call, data) };
}
