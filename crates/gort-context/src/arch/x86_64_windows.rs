//! Seam: the switch for x86-64 with the Windows calling convention. Not written yet.
//!
//! What it has to do beyond the System V one:
//! * Keep rdi, rsi and xmm6 to xmm15 too; `clobber_abi("win64")` in an inline-asm switch leaves that to the
//!   compiler.
//! * Exchange what the thread's TEB says about the stack: StackBase (gs:[0x08]), StackLimit (gs:[0x10]),
//!   DeallocationStack (gs:[0x1478]) and ExceptionList (gs:[0], -1 on a new stack). Otherwise exceptions are
//!   not dispatched there.
//! * Leave 32 bytes of shadow space above the return address of every call.
//! * End the chain of frames by SEH unwind data instead of CFI.
//! * `carried`: the word in a TLS slot of the TEB, read in asm.

compile_error!("gort-context has no switch for x86-64 Windows yet: enable feature `threads`");
