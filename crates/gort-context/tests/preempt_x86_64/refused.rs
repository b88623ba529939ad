//! What is not interrupted: by real signals, and by contexts that are made up.

use super::{HOOKS, REFUSED, RESERVE, STOP, alone, hook, interrupted, refusals, with_signals};
use crate::registers::hold_flags;
use gort_context::preempt::{Refused, prepare, redirect};
use gort_context::{Stack, StackPool};
use std::sync::atomic::Ordering::*;

const RIP: usize = libc::REG_RIP as usize;
const RSP: usize = libc::REG_RSP as usize;

fn own_text() -> usize {
    hold_flags as *const () as usize
}

fn stack() -> Stack {
    StackPool::new(64 << 10).unwrap().take().unwrap()
}

/// What a handler would be passed.
fn context(ip: usize, sp: usize) -> Box<libc::ucontext_t> {
    let zeroed = Box::<libc::ucontext_t>::new_zeroed();
    let mut context = unsafe { zeroed.assume_init() };
    context.uc_mcontext.gregs[RIP] = ip as i64;
    context.uc_mcontext.gregs[RSP] = sp as i64;
    context
}

fn ask(context: &mut libc::ucontext_t, reserve: usize) -> Result<(), Refused> {
    let before = context.uc_mcontext.gregs;
    let result = unsafe { redirect((&raw mut *context).cast(), reserve) };
    let changed = context.uc_mcontext.gregs != before;
    assert_eq!(changed, result.is_ok());
    result
}

/// Called once, before the first `prepare` of this process.
pub fn before_it_is_prepared() {
    let stack = stack();
    let context = &mut context(own_text(), stack.top().addr() - 64);
    assert_eq!(ask(context, 0), Err(Refused::NotPrepared));
}

#[test]
fn no_room() {
    let _alone = alone();
    let stack = stack();
    let room_for = |left: usize, reserve| {
        ask(&mut context(own_text(), stack.limit().addr() + left), reserve).is_ok()
    };
    let least = (0..16 << 10).find(|&left| room_for(left, 0)).unwrap();
    println!("the trampoline needs {least} bytes");
    assert!(least > 128 + 17 * 8 + 512);
    assert!(!room_for(least + 999, 1_000));
    assert!(room_for(least + 1_000, 1_000));
    assert!(!room_for(60 << 10, usize::MAX));
}

#[test]
fn no_room_for_a_signal() {
    let _alone = alone();
    RESERVE.store(256 << 10, SeqCst);
    interrupted(|| {
        while REFUSED[Refused::NoRoom as usize].load(SeqCst) == 0 && STOP.load(SeqCst) == 0 {
            unsafe { hold_flags(10_000, 0) };
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
            unsafe { hold_flags(10_000, 0) };
        }
    });
    assert!(REFUSED[Refused::ForeignStack as usize].load(SeqCst) > 0, "{}", refusals());
    assert_eq!(HOOKS.load(SeqCst), 0);
}

#[test]
fn in_the_guard_and_above_the_top() {
    let _alone = alone();
    let stack = stack();
    let at = |sp: usize| ask(&mut context(own_text(), sp), 0);
    assert_eq!(at(stack.limit().addr() - 1), Err(Refused::ForeignStack));
    assert_eq!(at(stack.guard().start), Err(Refused::ForeignStack));
    assert_eq!(at(0), Err(Refused::ForeignStack));
    assert_eq!(at(stack.top().addr()), Ok(()));
}

#[test]
fn in_the_c_library() {
    let _alone = alone();
    unsafe { libc::raise(libc::SIGURG) };
    assert_eq!(REFUSED[Refused::ForeignText as usize].load(SeqCst), 1, "{}", refusals());
    let stack = stack();
    let sp = stack.top().addr() - 64;
    for ip in [libc::malloc as *const () as usize, 0, usize::MAX, sp] {
        assert_eq!(ask(&mut context(ip, sp), 0), Err(Refused::ForeignText));
    }
}

#[test]
fn in_the_trampoline() {
    let _alone = alone();
    let stack = stack();
    let sp = stack.top().addr() - 64;
    let first = &mut context(own_text(), sp);
    ask(first, 0).unwrap();
    let trampoline = first.uc_mcontext.gregs[RIP] as usize;
    assert_eq!(first.uc_mcontext.gregs[RSP] as usize, sp - 128 - 8);
    assert_eq!(ask(first, 0), Err(Refused::Trampoline));
    assert_eq!(ask(&mut context(trampoline + 200, sp), 0), Err(Refused::Trampoline));
    assert_eq!(ask(&mut context(trampoline - 1, sp), 0), Ok(()));
}

#[test]
fn by_a_handler_on_the_same_stack() {
    let _alone = alone();
    let stack = stack();
    // Where the kernel puts it without an alternate stack: below the interrupted code.
    let at = stack.top().wrapping_sub(16 << 10).cast::<libc::ucontext_t>();
    unsafe { at.write(*context(own_text(), stack.top().addr() - 64)) };
    assert_eq!(ask(unsafe { &mut *at }, 0), Err(Refused::SameStack));
}

#[test]
fn with_tiles_in_use() {
    let _alone = alone();
    let stack = stack();
    let context = &mut context(own_text(), stack.top().addr() - 64);
    // As the kernel lays it out: the legacy area with its mark, and what is in use.
    let state = &mut [0_u64; 72];
    state[464 / 8] = 0x4650_5853;
    context.uc_mcontext.fpregs = (&raw mut *state).cast();
    for (in_use, refused) in [(0xe7, false), (1 << 17, true), (1 << 18 | 7, true)] {
        state[512 / 8] = in_use;
        let result = ask(&mut context.clone(), 0);
        assert_eq!(result, if refused { Err(Refused::TooMuchState) } else { Ok(()) });
    }
    state[464 / 8] = 0;
    assert_eq!(ask(context, 0), Ok(()), "without the mark there is nothing behind the legacy area");
}

#[test]
fn another_hook() {
    extern "C" fn other() {}
    let _alone = alone();
    assert_eq!(prepare(other).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    prepare(hook).unwrap();
    assert_eq!(Refused::ForeignText.to_string(), "it is in a library");
}
