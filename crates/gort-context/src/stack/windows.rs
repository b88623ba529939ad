//! Seam: stack memory on Windows. Not written yet.
//!
//! What it has to do: reserve with `VirtualAlloc(MEM_RESERVE)`, commit from the top, and put a `PAGE_GUARD`
//! page below what is committed, so that the kernel grows the stack as it does a thread's and raises
//! 0xC00000FD at its end.

compile_error!("gort-context has no stack memory for Windows yet");
