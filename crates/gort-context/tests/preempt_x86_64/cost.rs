//! What an interruption takes.

use super::{ENOUGH, HOOKS, RESERVE, alone, refusals};
use gort_context::overflow::AltStack;
use gort_context::{StackPool, on_stack};
use std::arch::asm;
use std::ffi::c_int;
use std::sync::atomic::Ordering::*;
use std::time::Instant;

/// From the signal to the instruction after it, by way of the hook. The best of many batches: others use this
/// machine too.
#[test]
fn what_it_costs() {
    let _alone = alone();
    ENOUGH.store(usize::MAX, SeqCst);
    let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
    let _alternate = AltStack::new().unwrap();
    // SAFETY: it asks for nothing.
    let (process, thread) = (std::process::id(), unsafe { libc::gettid() });
    // The system call is made here, in the program's own text, and interrupted on its way out.
    // SAFETY: it sends this thread no signal, or the one that has a handler, and names what the kernel changes.
    let tgkill = |signal: c_int| unsafe {
        asm!(
            "syscall", inlateout("rax") libc::SYS_tgkill => _, in("rdi") process,
            in("rsi") thread, in("rdx") signal, out("rcx") _, out("r11") _,
        );
    };
    let time = |signal, reserve| {
        RESERVE.store(reserve, SeqCst);
        let batch = || {
            let start = Instant::now();
            (0..500).for_each(|_| tgkill(signal));
            start.elapsed().as_nanos() / 500
        };
        (0..20).map(|_| batch()).min().unwrap()
    };
    let (call, refused, whole) =
        on_stack(stack, || (time(0, 0), time(libc::SIGURG, 256 << 10), time(libc::SIGURG, 0)));
    assert!(HOOKS.load(SeqCst) >= 10_000, "{}", refusals());
    println!("a system call: {call} ns; with a signal: {refused} ns; and a preemption: {whole} ns");
}
