//! The switch for x86-64 with the Windows calling convention.
//!
//! It is that of System V (`x86_64_sysv.rs`), with what Windows wants besides.
//!
//! # What a suspended context looks like
//!
//! The word in a [`Context`] is the stack pointer that the flow had when it left. What lies there:
//!
//! ```text
//!   address                left by `switch`                left by `init`
//!   0x0200_0003_fde0  ...  frames of the flow              the top of the stack
//!   0x0200_0003_fdd0       frames of the flow              0: where `start` returns to, the end of the chain
//!   0x0200_0003_fdb0  ...  frames of the flow              32 bytes of home space for `run_entry`
//!   0x0200_0003_fda8       frames of the flow              the entry function
//!   0x0200_0003_fda0       rbp                             0
//!   0x0200_0003_fd98       rbx                             0
//!   0x0200_0003_fd78  ...  Bounds, four words
//!   0x0200_0003_fd70       MXCSR, x87 control word         (nothing)
//!   0x0200_0003_fd68       where the switch goes on,       (nothing)
//!                          if not at once
//!   0x0200_0003_fd60       where to go on                  `start`                  <── the word
//! ```
//!
//! rdi, rsi, r12 to r15 and xmm6 to xmm15, which a callee has to keep here, are declared to the compiler as
//! overwritten like all others, and it keeps what is live.
//!
//! # Bounds
//!
//! Windows looks into the thread's block (TEB) for the bounds of its stack: to dispatch an exception, which
//! every panic is, only to frames that lie between them; to grow a stack, when its guard page is touched; in
//! the probes of functions with large frames. So they go with the stack: StackBase, StackLimit (which the
//! kernel moves down as the stack grows), DeallocationStack; and ExceptionList, without which an exception is
//! not dispatched on a stack that lies above the thread's own.
//!
//! They are exchanged without a word of stack being touched for the first time in between: what is popped after
//! the exchange of stack pointers had been pushed there.
//!
//! # Control words
//!
//! As on System V, with this system's default for the x87: 53 bits of precision. (MinGW sets a program's first
//! thread to 64; that counts as changed, and is kept.) There is no red zone, so the look at the x87 control
//! word goes through the frame.
//!
//! # Panics
//!
//! Unwinding cannot restore the bounds, so none crosses [`call_at`]: [`on_stack`] catches on the far side and
//! resumes on the near one. Backtraces do cross.

use std::any::Any;
use std::arch::{asm, naked_asm};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::stack::Stack;
use crate::switch::{Context, Entry, run_entry};

#[path = "carried/coff.rs"]
pub(crate) mod carried;
#[path = "x87.rs"]
pub(crate) mod control;
#[path = "one_stack.rs"]
mod one_stack;
#[path = "x86_64_prefetch.rs"]
pub(crate) mod prefetch;

pub(crate) use one_stack::{discard, lowest_used, pass_discard, wipe_below};

/// What the thread's block says about the stack it is on.
#[repr(C)]
struct Bounds {
    exception_list: usize,
    base: *mut u8,
    limit: *mut u8,
    deallocation: *mut u8,
}

// Where the thread's block has them, from gs.
const EXCEPTION_LIST: usize = 0;
const STACK_BASE: usize = 0x08;
const STACK_LIMIT: usize = 0x10;
const DEALLOCATION_STACK: usize = 0x1478;

impl Bounds {
    fn of(stack: &Stack) -> Bounds {
        Bounds {
            exception_list: usize::MAX,
            base: stack.top(),
            limit: stack.committed(),
            deallocation: stack.lowest(),
        }
    }
}

/// The diagram above, lowest address first.
#[repr(C)]
struct Suspended {
    resume_at: unsafe extern "C" fn() -> !,
    goes_on_at: usize,
    words: ControlWords,
    bounds: Bounds,
    rbx: usize,
    rbp: usize,
}

/// The frame `init` builds.
#[repr(C, align(16))]
struct FirstFrame {
    suspended: Suspended,
    entry: Entry,
    home: [usize; 4],
    returns_to: usize,
}

pub(crate) fn init(stack: &Stack, entry: Entry) -> io::Result<Context> {
    let frame = stack.top().cast::<FirstFrame>().wrapping_sub(1);
    debug_assert!(frame.is_aligned());
    let suspended = Suspended {
        resume_at: start,
        goes_on_at: 0,
        words: DEFAULT_WORDS,
        bounds: Bounds::of(stack),
        rbx: 0,
        rbp: 0,
    };
    let first = FirstFrame { suspended, entry, home: [0; 4], returns_to: 0 };
    // SAFETY: `frame` lies just below the aligned top of a stack that is larger than this, in its first page,
    // which is committed, and by the contract of `init` not in use by another context.
    unsafe { frame.write(first) };
    Ok(Context::new(frame.cast()))
}

#[inline(always)]
pub(crate) unsafe fn switch(save: *mut Context, to: Context, word: *mut ()) -> *mut () {
    let got: *mut ();
    // SAFETY: the caller promises that `to` is suspended, so that its stack holds what the diagram shows, and
    // that `save` can be written to. All registers are operands, clobbers or saved by hand.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "push qword ptr gs:[{deallocation_stack}]",
            "push qword ptr gs:[{stack_limit}]",
            "push qword ptr gs:[{stack_base}]",
            "push qword ptr gs:[{exception_list}]",
            "sub rsp, 24",
            "fnstcw [rsp + 16]",
            "lea rax, [rip + 2f]",
            "cmp word ptr [rsp + 16], {default}",
            "jne {leave_with_control_words}",
            "mov [rsp], rax",
            "mov [rdx], rsp",
            "mov rsp, r8",
            "jmp [rsp]",
            "2:",
            "add rsp, 24",
            "pop qword ptr gs:[{exception_list}]",
            "pop qword ptr gs:[{stack_base}]",
            "pop qword ptr gs:[{stack_limit}]",
            "pop qword ptr gs:[{deallocation_stack}]",
            "pop rbx",
            "pop rbp",
            default = const DEFAULT_WORDS.x87,
            leave_with_control_words = sym leave_with_control_words,
            exception_list = const EXCEPTION_LIST,
            stack_base = const STACK_BASE,
            stack_limit = const STACK_LIMIT,
            deallocation_stack = const DEALLOCATION_STACK,
            inlateout("rcx") word => got,
            inlateout("rdx") save => _,
            inlateout("r8") to.as_ptr() => _,
            out("rdi") _, out("rsi") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _,
            out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            clobber_abi("win64"),
        );
    }
    got
}

/// The rest of a `switch` by a flow that has changed its control words. Comes here by a jump, with the
/// registers and the frame of the switch, and rax the place where the switch is to go on.
#[unsafe(naked)]
unsafe extern "C" fn leave_with_control_words() {
    naked_asm!(
        "mov [rsp + 8], rax",
        "stmxcsr [rsp + 16]",
        "fnstcw [rsp + 20]",
        "ldmxcsr [rip + {defaults}]",
        "fldcw [rip + {defaults} + 4]",
        "lea rax, [rip + 2f]",
        "mov [rsp], rax",
        "mov [rdx], rsp",
        "mov rsp, r8",
        "jmp [rsp]",
        "2:",
        "ldmxcsr [rsp + 16]",
        "fldcw [rsp + 20]",
        "jmp [rsp + 8]",
        defaults = sym CONTROL_DEFAULTS,
    )
}

#[repr(C)]
#[derive(Clone, Copy)]
struct ControlWords {
    mxcsr: u32,
    x87: u16,
}

/// All exceptions masked, rounding to nearest, 53 bits of precision.
const DEFAULT_WORDS: ControlWords = ControlWords { mxcsr: 0x1F80, x87: 0x027F };
static CONTROL_DEFAULTS: ControlWords = DEFAULT_WORDS;

/// Where a new context begins: rcx is the word of the switch that came here, rsp is at its [`FirstFrame`].
///
/// The frame is described as one that returns to what lies above the home space: to zero, which ends the chain
/// for unwinders and debuggers.
#[unsafe(naked)]
unsafe extern "C" fn start() -> ! {
    naked_asm!(
        ".seh_proc {start}",
        ".seh_stackalloc 32",
        ".seh_endprologue",
        "add rsp, 24",
        "pop qword ptr gs:[{exception_list}]",
        "pop qword ptr gs:[{stack_base}]",
        "pop qword ptr gs:[{stack_limit}]",
        "pop qword ptr gs:[{deallocation_stack}]",
        "pop rbx",
        "pop rbp",
        "pop rdx",          // FirstFrame::entry
        "call {run_entry}", // rsp is a multiple of 16 here, as the ABI wants it at a call
        "ud2",
        ".seh_endproc",
        start = sym start,
        run_entry = sym run_entry,
        exception_list = const EXCEPTION_LIST,
        stack_base = const STACK_BASE,
        stack_limit = const STACK_LIMIT,
        deallocation_stack = const DEALLOCATION_STACK,
    )
}

/// A zero where a frame returns to ends the chain.
pub(crate) unsafe fn cut_chain(_callee: usize, sp: usize, at: usize) -> bool {
    let slot = std::ptr::with_exposed_provenance_mut::<usize>(sp.wrapping_sub(size_of::<usize>()));
    // SAFETY: by the caller's promise `sp` is a frame's stack pointer just after a call, and below it is what
    // the call pushed.
    if unsafe { slot.read() } != at {
        return false; // not entered by a call: interrupted by an exception
    }
    // SAFETY: as above; and nobody returns there.
    unsafe { slot.write(0) };
    true
}

/// Calls `call(data)` with the stack pointer at `top` and the bounds of that stack, which are brought up to date.
///
/// The frame is described in terms of rbp, so unwinders find the way back across the two stacks.
#[unsafe(naked)]
unsafe extern "C" fn call_at(
    top: *mut u8,
    call: unsafe extern "C" fn(*mut ()),
    data: *mut (),
    bounds: *mut Bounds,
) {
    naked_asm!(
        ".macro exchange_bounds_of_gort_context",
        ".irp field, {exception_list}, {stack_base}, {stack_limit}, {deallocation_stack}",
        "mov rax, gs:[\\field]",
        "xchg rax, [rbx]",
        "mov gs:[\\field], rax",
        "add rbx, 8",
        ".endr",
        "sub rbx, 32",
        ".endm",
        ".seh_proc {call_at}",
        "push rbx",
        ".seh_pushreg rbx",
        "push rbp",
        ".seh_pushreg rbp",
        "mov rbp, rsp",
        ".seh_setframe rbp, 0",
        ".seh_endprologue",
        "mov rbx, r9",
        "exchange_bounds_of_gort_context",
        "lea rsp, [rcx - 32]", // home space
        "mov rcx, r8",
        "call rdx",
        "mov rsp, rbp",
        "exchange_bounds_of_gort_context",
        "pop rbp",
        "pop rbx",
        "ret",
        ".seh_endproc",
        ".purgem exchange_bounds_of_gort_context",
        call_at = sym call_at,
        exception_list = const EXCEPTION_LIST,
        stack_base = const STACK_BASE,
        stack_limit = const STACK_LIMIT,
        deallocation_stack = const DEALLOCATION_STACK,
    )
}

/// Calls `call(data)` at `top`, on the stack with these bounds; a panic goes on here.
///
/// # Safety
/// The space below `top`, which is a multiple of 16, is nobody else's.
unsafe fn call_and_catch(
    top: *mut u8,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
    bounds: *mut Bounds,
) {
    struct Job {
        call: unsafe extern "C-unwind" fn(*mut ()),
        data: *mut (),
        panic: Option<Box<dyn Any + Send>>,
    }
    unsafe extern "C" fn catch(job: *mut ()) {
        // SAFETY: the job below, which nobody else looks at until this returns.
        let job = unsafe { &mut *job.cast::<Job>() };
        // SAFETY: the caller's promise.
        let caught = catch_unwind(AssertUnwindSafe(|| unsafe { (job.call)(job.data) }));
        job.panic = caught.err();
    }
    let mut job = Job { call, data, panic: None };
    // SAFETY: the caller's promise.
    unsafe { call_at(top, catch, (&raw mut job).cast(), bounds) };
    if let Some(payload) = job.panic {
        resume_unwind(payload);
    }
}

pub(crate) unsafe fn on_stack(
    stack: &Stack,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    let mut bounds = Bounds::of(stack);
    // SAFETY: the top is aligned to 16 bytes, and the caller has this stack to itself.
    unsafe { call_and_catch(stack.top(), call, data, &raw mut bounds) };
}

/// The memory below has been given back, so the stack's limit is another.
pub(crate) unsafe fn note_trimmed(ctx: Context, stack: &Stack) {
    let suspended = ctx.as_ptr().cast::<Suspended>();
    // SAFETY: by the caller's promise the context is suspended, and nobody resumes it meanwhile.
    unsafe { (*suspended).bounds.limit = stack.committed() };
}

pub(crate) unsafe fn on_context(
    ctx: Context,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) {
    // See `lowest_used`.
    let free = ctx.as_ptr().cast::<u8>().map_addr(|sp| sp & !15);
    let suspended = ctx.as_ptr().cast::<Suspended>();
    // SAFETY: by the caller's promise the context is suspended, with what the diagram shows.
    let bounds = unsafe { &raw mut (*suspended).bounds };
    // SAFETY: `free` is aligned, and nothing resumes the context meanwhile.
    unsafe { call_and_catch(free, call, data, bounds) };
}

/// Where code was interrupted: what its frame needs to be walked through, as [`call_as_if_from`] lays it down.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Interrupted {
    pub(crate) r15: u64,
    pub(crate) r14: u64,
    pub(crate) r13: u64,
    pub(crate) r12: u64,
    pub(crate) rdi: u64,
    pub(crate) rsi: u64,
    pub(crate) rbp: u64,
    pub(crate) rbx: u64,
    // As a processor pushes it.
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) flags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
}

/// Calls `call(data)`, which does not return, on `stack`, as if the interrupted code had called it: that is where
/// a backtrace goes on, past the handler of the exception and the system's part in it.
///
/// # Safety
/// As for [`on_stack`].
pub(crate) unsafe fn call_as_if_from(
    from: &Interrupted,
    stack: &Stack,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
) -> ! {
    // Home space, the record, and a word so that the stack is aligned at the call.
    const FRAME: usize = 32 + size_of::<Interrupted>() + 8;
    let base = stack.top().wrapping_sub(FRAME);
    let record = base.wrapping_add(32).cast::<Interrupted>();
    // SAFETY: in the first page of a stack that nobody else is on.
    unsafe { record.write(*from) };
    let bounds = Bounds::of(stack);
    // SAFETY: as above.
    unsafe { leave_as_if_called(base, call, data, &raw const bounds) }
}

#[unsafe(naked)]
unsafe extern "C" fn leave_as_if_called(
    base: *mut u8,
    call: unsafe extern "C-unwind" fn(*mut ()),
    data: *mut (),
    bounds: *const Bounds,
) -> ! {
    naked_asm!(
        ".seh_proc {leave_as_if_called}",
        ".seh_pushframe",
        ".irp register, rbx, rbp, rsi, rdi, r12, r13, r14, r15",
        ".seh_pushreg \\register",
        ".endr",
        ".seh_stackalloc 32",
        ".seh_endprologue",
        ".irp field, {exception_list}, {stack_base}, {stack_limit}, {deallocation_stack}",
        "mov rax, [r9]",
        "mov gs:[\\field], rax",
        "add r9, 8",
        ".endr",
        "mov rsp, rcx",
        "mov rcx, r8",
        "call rdx",
        "ud2",
        ".seh_endproc",
        leave_as_if_called = sym leave_as_if_called,
        exception_list = const EXCEPTION_LIST,
        stack_base = const STACK_BASE,
        stack_limit = const STACK_LIMIT,
        deallocation_stack = const DEALLOCATION_STACK,
    )
}
