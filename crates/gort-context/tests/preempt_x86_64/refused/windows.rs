//! What the system tells of a suspended thread; and what only it knows.

use super::{ask, own_text, stack};
use crate::signals::interrupted_every;
use crate::{ENOUGH, HOOKS, STOP, alone, refusals};
use gort_context::preempt::Refused;
use gort_context::{Stack, StackPool, on_stack};
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::*;
use std::time::Duration;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, CONTEXT_EXCEPTION_ACTIVE_AMD64, CONTEXT_EXCEPTION_REPORTING_AMD64,
    CONTEXT_SERVICE_ACTIVE_AMD64,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, PAGE_READWRITE, VirtualAlloc, VirtualProtect,
};

pub const RED_ZONE: usize = 0;

#[repr(transparent)]
pub struct Registers(CONTEXT);

pub fn registers(ip: usize, sp: usize) -> Box<Registers> {
    let zeroed = Box::<Registers>::new_zeroed();
    // SAFETY: all zeros is a value of it.
    let mut registers = unsafe { zeroed.assume_init() };
    registers.0.Rip = ip as u64;
    registers.0.Rsp = sp as u64;
    registers
}

impl Registers {
    pub fn ip(&self) -> usize {
        self.0.Rip as usize
    }

    pub fn sp(&self) -> usize {
        self.0.Rsp as usize
    }
}

/// As if all of it had been used.
pub fn commit(stack: &Stack) {
    let (at, len) = (stack.limit().cast(), stack.usable() & !0xfff);
    let mut before = 0;
    // SAFETY: the memory is the stack's, and reserved; nobody uses it yet.
    assert_ne!(unsafe { VirtualAlloc(at, len, MEM_COMMIT, PAGE_READWRITE) }, null_mut());
    // SAFETY: the same, and the place for what was there before is valid.
    assert_ne!(unsafe { VirtualProtect(at, len, PAGE_READWRITE, &raw mut before) }, 0);
}

pub fn a_library() -> usize {
    // Its name in the program is that of a jump there.
    // SAFETY: the name ends in a zero.
    let library = unsafe { GetModuleHandleA(c"kernel32.dll".as_ptr().cast()) };
    // SAFETY: the same, and every process has this library for as long as it runs.
    let function = unsafe { GetProcAddress(library, c"GetTickCount".as_ptr().cast()) };
    function.unwrap() as usize
}

#[test]
fn while_the_kernel_has_something_to_do_with_it() {
    let _alone = alone();
    let stack = stack();
    for (told, refused) in [
        (CONTEXT_EXCEPTION_REPORTING_AMD64, false),
        (CONTEXT_EXCEPTION_REPORTING_AMD64 | CONTEXT_EXCEPTION_ACTIVE_AMD64, true),
        (CONTEXT_EXCEPTION_REPORTING_AMD64 | CONTEXT_SERVICE_ACTIVE_AMD64, true),
    ] {
        let registers = &mut registers(own_text(), stack.top().addr() - 64);
        registers.0.ContextFlags = told;
        let result = ask(registers, 0);
        assert_eq!(result, if refused { Err(Refused::ForeignText) } else { Ok(()) });
    }
}

/// The guard below what has been used is for the stack's own thread to touch.
#[test]
fn at_the_edge_of_what_has_been_used() {
    let _alone = alone();
    let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
    let edge = stack.top().addr() & !0xfff;
    assert_eq!(ask(&mut registers(own_text(), edge), 0), Err(Refused::NoRoom));
    assert_eq!(ask(&mut registers(own_text(), edge + 8), 0), Ok(()));
    assert_eq!(on_stack(stack, || deep(10)), 10, "it still grows");
    assert_eq!(ask(&mut registers(own_text(), edge), 0), Ok(()));
}

/// Stacks that grow page by page while they are interrupted: the guard is anywhere below.
#[test]
fn while_stacks_grow() {
    let _alone = alone();
    ENOUGH.store(300, SeqCst);
    interrupted_every(Duration::from_micros(20), &STOP, || {
        while STOP.load(SeqCst) == 0 {
            let stack = &mut StackPool::new(256 << 10).unwrap().take().unwrap();
            assert_eq!(on_stack(stack, || deep(12)), 12);
        }
    });
    assert!(HOOKS.load(SeqCst) >= 300, "{}", refusals());
}

/// A frame of some kilobytes for each.
#[inline(never)]
fn deep(n: u64) -> u64 {
    let frame = black_box([n; 500]);
    if n == 0 { 0 } else { deep(n - 1) + frame[499] / n }
}
