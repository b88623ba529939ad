//! What a signal handler is passed; and what only it knows.

use super::{ask, own_text, stack};
use crate::alone;
use gort_context::Stack;
use gort_context::preempt::Refused;

pub const RED_ZONE: usize = 128;
const RIP: usize = libc::REG_RIP as usize;
const RSP: usize = libc::REG_RSP as usize;

#[derive(Clone)]
#[repr(transparent)]
pub struct Registers(libc::ucontext_t);

pub fn registers(ip: usize, sp: usize) -> Box<Registers> {
    let zeroed = Box::<Registers>::new_zeroed();
    // SAFETY: all zeros is a value of it.
    let mut registers = unsafe { zeroed.assume_init() };
    registers.0.uc_mcontext.gregs[RIP] = ip as i64;
    registers.0.uc_mcontext.gregs[RSP] = sp as i64;
    registers
}

impl Registers {
    pub fn ip(&self) -> usize {
        self.0.uc_mcontext.gregs[RIP] as usize
    }

    pub fn sp(&self) -> usize {
        self.0.uc_mcontext.gregs[RSP] as usize
    }
}

/// The kernel does so when it is touched.
pub fn commit(_: &Stack) {}

pub fn a_library() -> usize {
    libc::malloc as *const () as usize
}

#[test]
fn with_tiles_in_use() {
    let _alone = alone();
    let stack = stack();
    let registers = &mut registers(own_text(), stack.top().addr() - 64);
    // As the kernel lays it out: the legacy area with its mark, and what is in use.
    let state = &mut [0_u64; 72];
    state[464 / 8] = 0x4650_5853;
    registers.0.uc_mcontext.fpregs = (&raw mut *state).cast();
    for (in_use, refused) in [(0xe7, false), (1 << 17, true), (1 << 18 | 7, true)] {
        state[512 / 8] = in_use;
        let result = ask(&mut registers.clone(), 0);
        assert_eq!(result, if refused { Err(Refused::TooMuchState) } else { Ok(()) });
    }
    state[464 / 8] = 0;
    assert_eq!(
        ask(registers, 0),
        Ok(()),
        "without the mark there is nothing behind the legacy area"
    );
}
