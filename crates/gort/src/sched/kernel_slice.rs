//! For how long at a time the kernel is asked to run a machine's thread, which decides how soon it does (Linux: the
//! slices of EEVDF, `sched_setattr`; elsewhere nothing is asked).
//!
//! All threads get the same share whatever their slices. Of those that have had less than their share the
//! kernel runs the one whose *deadline* comes first: a slice from where it was when the deadline was set. So a
//! thread with a short slice is run as soon as it wakes, but not more; nor is one that has used its share up.
//!
//! | the thread | slice | why |
//! |---|---|---|
//! | has a processor, or waits for one | short | what wakes is to run at once |
//! | computes without one | long | gives way to those that have one |
//! | has a processor, in a large [crowd](super::crowd) | long | see below |
//!
//! The kernel looks at ticks, 4 ms apart: a goroutine that computes has used up forty short slices before it is
//! interrupted. With a short one its next deadline would come before that of anybody who wakes, and in a large
//! crowd, of which a tenth has just begun, the monitor and new machines waited for 50 ms behind those that had
//! their second turn. So there the slice is short until the thread runs, and not after. (`harness -- one gort crowd w=2`, on
//! a quiet machine: 787 to 926 of 1,000 had a turn, and with this 858 to 1,000.)

use super::Machine;
use crate::sys::MachineThread;
use crate::tls;
use std::cell::Cell;
use std::time::Duration;

/// The least that the kernel allows. (With twice as much, a ticker beside four that compute is late more often: 2.9 ms at p99
/// instead of 2.0, medians of five; `harness -- one gort starve w=2`.)
pub(super) const AT_ONCE: Duration = Duration::from_micros(100);
/// What Linux gives on two CPUs. With 6 and 12 ms, and with 1.5, that ticker's p99 is 4 to 6 ms.
const AT_LENGTH: Duration = Duration::from_micros(2800);
/// As long as the kernel likes.
pub(super) const BY_DEFAULT: Duration = Duration::ZERO;

/// What a machine has asked for last, as far as it knows itself.
#[derive(Default)]
pub(super) struct KernelSlice(Cell<Duration>);

impl Machine {
    fn set_kernel_slice(&self, slice: Duration) {
        if self.kernel_slice.0.replace(slice) != slice {
            self.thread.set_kernel_slice(slice);
        }
    }

    /// Its thread begins: it has its parent's slice, a short one in a crowd.
    pub(super) fn begin_kernel_slice(&self) {
        self.kernel_slice.0.set(BY_DEFAULT);
        self.has_work();
    }

    /// The machine has a processor from here on.
    pub(super) fn has_work(&self) {
        let is_large = self.shared().crowd.is_large(self.shared());
        self.set_kernel_slice(if is_large { AT_LENGTH } else { AT_ONCE });
    }

    /// It sleeps until it is given one.
    pub(super) fn may_be_roused(&self) {
        self.set_kernel_slice(AT_ONCE);
    }

    /// The monitor has taken its processor.
    pub(crate) fn step_back(&self) {
        self.thread.set_kernel_slice(AT_LENGTH);
    }

    /// Its goroutine is back, and finds that the monitor has done that.
    pub(super) fn has_lost_its_processor(&self) {
        self.kernel_slice.0.set(AT_LENGTH);
        self.has_work();
    }
}

/// Calls `f`, which does not park, with nothing asked of the kernel: a program that it starts inherits what is.
pub(crate) fn as_a_plain_thread<R>(f: impl FnOnce() -> R) -> R {
    let Some(machine) = tls::machine() else { return f() };
    // The calling one, which is not the machine's where a thread stands behind each goroutine.
    let thread = MachineThread::default();
    thread.set_kernel_slice(BY_DEFAULT);
    thread.wait_on_time(false);
    let result = f();
    thread.wait_on_time(true);
    thread.set_kernel_slice(machine.kernel_slice.0.get());
    result
}
