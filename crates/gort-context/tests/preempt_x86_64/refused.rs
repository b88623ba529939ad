//! What is not interrupted: by real signals, and by contexts that are made up.

#[cfg_attr(target_os = "linux", path = "refused/linux.rs")]
#[cfg_attr(windows, path = "refused/windows.rs")]
mod made_up;

use super::{HOOKS, REFUSED, RESERVE, STOP, alone, hook, interrupted, refusals, with_signals};
use crate::registers::{count_down, hold_flags};
use gort_context::preempt::{Refused, prepare, redirect};
use gort_context::{Stack, StackPool};
use made_up::{RED_ZONE, Registers, registers};
use std::sync::atomic::Ordering::*;

fn own_text() -> usize {
    hold_flags as *const () as usize
}

/// One all of whose memory is there.
fn stack() -> Stack {
    let stack = StackPool::new(64 << 10).unwrap().take().unwrap();
    made_up::commit(&stack);
    stack
}

fn ask(registers: &mut Registers, reserve: usize) -> Result<(), Refused> {
    let before = (registers.ip(), registers.sp());
    // SAFETY: it looks at the registers and, where there is one, at the stack that they name, whose memory the test has.
    // Nobody goes on with what it makes of them.
    let result = unsafe { redirect((&raw mut *registers).cast(), reserve) };
    let changed = (registers.ip(), registers.sp()) != before;
    assert_eq!(changed, result.is_ok());
    result
}

/// Called once, before the first `prepare` of this process.
pub fn before_it_is_prepared() {
    let stack = stack();
    let registers = &mut registers(own_text(), stack.top().addr() - 64);
    assert_eq!(ask(registers, 0), Err(Refused::NotPrepared));
}

#[test]
fn no_room() {
    let _alone = alone();
    let stack = stack();
    let room_for = |left: usize, reserve| {
        ask(&mut registers(own_text(), stack.limit().addr() + left), reserve).is_ok()
    };
    let least = (0..16 << 10).find(|&left| room_for(left, 0)).unwrap();
    println!("the trampoline needs {least} bytes");
    assert!(least > RED_ZONE + 17 * 8 + 512);
    assert!(!room_for(least + 999, 1_000));
    assert!(room_for(least + 1_000, 1_000));
    assert!(!room_for(stack.usable(), usize::MAX));
}

#[test]
fn no_room_for_a_signal() {
    let _alone = alone();
    RESERVE.store(256 << 10, SeqCst);
    interrupted(|| {
        while REFUSED[Refused::NoRoom as usize].load(SeqCst) == 0 && STOP.load(SeqCst) == 0 {
            count_down(10_000);
        }
    });
    assert!(REFUSED[Refused::NoRoom as usize].load(SeqCst) > 0, "{}", refusals());
    assert_eq!(HOOKS.load(SeqCst), 0);
}

#[test]
fn on_a_threads_own_stack() {
    let _alone = alone();
    with_signals(|| {
        while REFUSED[Refused::ForeignStack as usize].load(SeqCst) == 0 && STOP.load(SeqCst) == 0 {
            count_down(10_000);
        }
    });
    assert!(REFUSED[Refused::ForeignStack as usize].load(SeqCst) > 0, "{}", refusals());
    assert_eq!(HOOKS.load(SeqCst), 0);
}

#[test]
fn in_the_guard_and_above_the_top() {
    let _alone = alone();
    let stack = stack();
    let at = |sp: usize| ask(&mut registers(own_text(), sp), 0);
    assert_eq!(at(stack.limit().addr() - 1), Err(Refused::ForeignStack));
    assert_eq!(at(stack.guard().start), Err(Refused::ForeignStack));
    assert_eq!(at(0), Err(Refused::ForeignStack));
    assert_eq!(at(stack.top().addr()), Ok(()));
}

#[test]
fn in_a_library() {
    let _alone = alone();
    with_signals(|| {
        while REFUSED[Refused::ForeignText as usize].load(SeqCst) == 0 && STOP.load(SeqCst) == 0 {
            std::thread::yield_now();
        }
    });
    assert!(REFUSED[Refused::ForeignText as usize].load(SeqCst) > 0, "{}", refusals());
    let stack = stack();
    let sp = stack.top().addr() - 64;
    for ip in [made_up::a_library(), 0, usize::MAX, sp] {
        assert_eq!(ask(&mut registers(ip, sp), 0), Err(Refused::ForeignText));
    }
}

#[test]
fn in_the_trampoline() {
    let _alone = alone();
    let stack = stack();
    let sp = stack.top().addr() - 64;
    let first = &mut registers(own_text(), sp);
    ask(first, 0).unwrap();
    let trampoline = first.ip();
    assert_eq!(first.sp(), sp - RED_ZONE - 8);
    assert_eq!(ask(first, 0), Err(Refused::Trampoline));
    assert_eq!(ask(&mut registers(trampoline + 200, sp), 0), Err(Refused::Trampoline));
    assert_eq!(ask(&mut registers(trampoline - 1, sp), 0), Ok(()));
}

#[test]
fn by_a_handler_on_the_same_stack() {
    let _alone = alone();
    let stack = stack();
    // Where the kernel puts it without an alternate stack: below the interrupted code.
    let at = stack.top().wrapping_sub(16 << 10).cast::<Registers>();
    // SAFETY: it is memory of the stack, which nobody runs on, far from both ends and aligned.
    unsafe { at.write(*registers(own_text(), stack.top().addr() - 64)) };
    // SAFETY: the same, and now there is a value.
    let at = unsafe { &mut *at };
    assert_eq!(ask(at, 0), Err(Refused::SameStack));
}

#[test]
fn another_hook() {
    extern "C" fn other(_: &gort_context::preempt::Registers) {}
    let _alone = alone();
    assert_eq!(prepare(other).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    prepare(hook).unwrap();
    assert_eq!(Refused::ForeignText.to_string(), "it is in a library");
}
