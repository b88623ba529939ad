//! Waiting for a thread that is in the middle of a few instructions, and that the kernel has taken off its CPU.

#[cfg(not(loom))]
use std::time::Duration;

/// One such wait: how often it has given its CPU to others.
#[derive(Default)]
pub(crate) struct GiveWay(#[cfg(not(loom))] u32);

impl GiveWay {
    /// Lets others run: first those that wait for this CPU and are worth as much to the kernel; then, as the thread that is waited for
    /// may be worth less, all. With `yield_now` alone a thread under `SCHED_FIFO` keeps a thread that is not from the
    /// CPU that it needs: for ten seconds, where the kernel leaves others a twentieth of the time, and else for ever.
    #[cfg(not(loom))]
    pub(crate) fn once(&mut self) {
        const YIELDS: u32 = 32;
        const SLEEP: Duration = Duration::from_micros(50);
        if self.0 < YIELDS {
            self.0 += 1;
            std::thread::yield_now();
        } else {
            std::thread::sleep(SLEEP);
        }
    }

    #[cfg(loom)]
    pub(crate) fn once(&mut self) {
        loom::thread::yield_now();
    }
}
