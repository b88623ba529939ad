//! The switch for x86-64 with the System V calling convention, on ELF and Mach-O.
//!
//! # What a suspended context looks like
//!
//! The word in a [`Context`] is the stack pointer that the flow had when it left. What lies there:
//!
//! ```text
//!   address                left by `switch`           left by `init`
//!   0x7f00_0003_fde0  ...  frames of the flow         the top of the stack
//!   0x7f00_0003_fdd8  ...  frames of the flow         the entry function
//!   0x7f00_0003_fdd0       rbp                        0: ends a walk along frame pointers
//!   0x7f00_0003_fdc8       rbx                        0
//!   0x7f00_0003_fdc0       where to go on             `start`                  <── the word
//! ```
//!
//! To resume is to load rsp from the word and to jump to the address found there. Everything else that the
//! flow needs it gets back itself: the code after the jump pops rbx and rbp, and every other register is
//! declared to the compiler as overwritten by the asm block, so the compiler keeps what is live in the frame
//! of the function that switches and nothing more. Two registers are saved by hand because Rust's `asm!` does
//! not take them as operands: LLVM keeps rbx and rbp for itself.
//!
//! The jump is a `jmp` and never a `ret`: the processor predicts a `ret` from the calls it has seen, and the
//! call that it would have to remember was made on another stack.
//!
//! # Control words
//!
//! The control bits of MXCSR and the x87 control word belong to the flow, and nearly always they are at their
//! defaults. So the rule is: **at the instant of a switch they are at their defaults**, and a flow that has
//! changed them sees to that itself: its `switch` goes through [`leave_with_control_words`], which saves
//! both, loads the defaults, and loads the saved ones again when the flow resumes. Nobody else pays for it.
//!
//! What is left is to find out whether a flow has changed them. Measured on the machine this was written on
//! (Zen, medians, one-way):
//!
//! | | ns |
//! |---|---|
//! | switch that does not look | 1.1 |
//! | looks at the x87 control word: `fnstcw`, compare | 1.4 |
//! | looks at MXCSR: `stmxcsr`, compare | 6.6 |
//! | saves and loads both always | 5.4 |
//!
//! So `switch` looks at the x87 control word only. C's `<fenv.h>` always changes both words, so that finds
//! it; a flow that has called `fesetround` pays 8 ns each time it is suspended. Code that changes MXCSR alone
//! (flush to zero) says so with [`control::keep`], which sets the one bit of the x87 control word that
//! processors since the 387 store but do not act on. To change that bit takes this processor 50 ns, as does
//! an exception mask. The bits for rounding and precision are quicker to change, but they have an effect.
//!
//! # Not kept
//!
//! The direction flag is clear at every call boundary, so it needs no care. Shadow stacks (CET) are not
//! switched; Linux does not turn them on for a program that does not ask.
//!
//! APX's registers, r16 to r31, belong to the caller, but Rust's `clobber_abi` does not know them (1.95; `rustc -O -C
//! target-cpu=diamondrapids` has values in them over an asm block with it), nor can they be named. A program must not be
//! built for a processor that has them.

use std::arch::{asm, naked_asm};
use std::io;

use crate::stack::Stack;
use crate::switch::{Context, Entry, run_entry};

#[cfg_attr(target_os = "linux", path = "carried/elf.rs")]
#[cfg_attr(not(target_os = "linux"), path = "carried/pthread.rs")]
pub(crate) mod carried;
#[path = "x87.rs"]
pub(crate) mod control;
#[path = "one_stack.rs"]
mod one_stack;
#[path = "x86_64_prefetch.rs"]
pub(crate) mod prefetch;

pub(crate) use one_stack::{discard, lowest_used, pass_discard, wipe_below};

/// The frame `init` builds; field by field what the diagram above shows, lowest address first.
#[repr(C, align(16))]
struct FirstFrame {
    resume_at: unsafe extern "C" fn() -> !,
    rbx: usize,
    rbp: usize,
    entry: Entry,
}

pub(crate) fn init(stack: &Stack, entry: Entry) -> io::Result<Context> {
    let frame = stack.top().cast::<FirstFrame>().wrapping_sub(1);
    debug_assert!(frame.is_aligned());
    let first = FirstFrame { resume_at: start, rbx: 0, rbp: 0, entry };
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
    // `nostack` the compiler leaves the red zone to the pushes.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "fnstcw [rsp - 8]", // below rsp, where the red zone is free
            "lea rax, [rip + 2f]",
            "cmp word ptr [rsp - 8], {default}",
            "jne {leave_with_control_words}",
            "push rax",
            "mov [rsi], rsp",
            "mov rsp, rdx",
            "jmp [rsp]",
            "2:",
            "add rsp, 8",
            "pop rbx",
            "pop rbp",
            default = const X87_DEFAULT,
            leave_with_control_words = sym leave_with_control_words,
            inlateout("rdi") word => got,
            inlateout("rsi") save => _,
            inlateout("rdx") to.as_ptr() => _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            clobber_abi("sysv64"),
        );
    }
    got
}

/// All exceptions masked, 64 bits of precision, rounding to nearest.
const X87_DEFAULT: u16 = 0x037F;

/// The rest of a `switch` by a flow that has changed its control words. Comes here by a jump, with the
/// registers of the switch, and rax the place where the switch is to go on. What it leaves on the stack, on
/// top of what `switch` pushed:
///
/// ```text
///   where the switch goes on, as in the diagram above
///   MXCSR (4 bytes), x87 control word (2 bytes)
///   where to go on: in here                              <── the word
/// ```
#[unsafe(naked)]
unsafe extern "C" fn leave_with_control_words() {
    naked_asm!(
        "push rax",
        "sub rsp, 8",
        "stmxcsr [rsp]",
        "fnstcw [rsp + 4]",
        "ldmxcsr [rip + {defaults}]",
        "fldcw [rip + {defaults} + 4]",
        "lea rax, [rip + 2f]",
        "push rax",
        "mov [rsi], rsp",
        "mov rsp, rdx",
        "jmp [rsp]",
        "2:",
        "ldmxcsr [rsp + 8]",
        "fldcw [rsp + 12]",
        "add rsp, 16",
        "jmp [rsp]",
        defaults = sym CONTROL_DEFAULTS,
    )
}

#[repr(C)]
struct ControlWords {
    mxcsr: u32,
    x87: u16,
}

static CONTROL_DEFAULTS: ControlWords = ControlWords { mxcsr: 0x1F80, x87: X87_DEFAULT };

/// Where a new context begins: rdi is the word of the switch that came here, rsp is at its [`FirstFrame`].
///
/// The return address of this frame is declared undefined, which is how an unwinder or a debugger is told
/// that the outermost frame has been reached.
#[unsafe(naked)]
unsafe extern "C" fn start() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "mov rsi, [rsp + 24]", // FirstFrame::entry
        "xor ebp, ebp",
        "call {run_entry}", // rsp is a multiple of 16 here, as the ABI wants it at a call
        "ud2",
        ".cfi_endproc",
        run_entry = sym run_entry,
    )
}

/// Where the return address of a frame leads that has been cut off from its callers; as in [`start`], the
/// chain of frames ends.
#[unsafe(naked)]
unsafe extern "C" fn older_frames_are_left_out() -> ! {
    naked_asm!(".cfi_startproc", ".cfi_undefined rip", "nop", "ud2", ".cfi_endproc")
}

pub(crate) unsafe fn cut_chain(_callee: usize, sp: usize, at: usize) -> bool {
    let slot = std::ptr::with_exposed_provenance_mut::<usize>(sp.wrapping_sub(size_of::<usize>()));
    // SAFETY: by the caller's promise `sp` is a frame's stack pointer just after a call, and below it is what
    // the call pushed.
    if unsafe { slot.read() } != at {
        return false; // not entered by a call: interrupted by a signal
    }
    // One byte on, because unwinders look up the instruction before the return address.
    let end = older_frames_are_left_out as *const () as usize + 1;
    // SAFETY: as above; and nobody returns there.
    unsafe { slot.write(end) };
    true
}

/// Calls `call(data)` with the stack pointer at `top`.
///
/// The frame is described in terms of rbp, so unwinders find the way back across the two stacks.
#[unsafe(naked)]
unsafe extern "C-unwind" fn call_at(
    top: *mut u8,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "mov rsp, rdi",
        "mov rdi, rdx",
        "call rsi",
        "mov rsp, rbp",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
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
    // See `lowest_used`.
    let free = ctx.as_ptr().cast::<u8>().map_addr(|sp| sp & !15);
    // SAFETY: `free` is aligned, and by the caller's promise nothing resumes the context meanwhile.
    unsafe { call_at(free, call, data) };
}
