//! What wakes the [monitor](super::monitor) when it sleeps without a limit, as no processor is in use.
//!
//! The one side takes a processor into use, fences, then reads `rests`; the other sets `rests`, fences,
//! then looks whether a processor is in use. One of the two sees the other.

use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, Ordering::*, fence};
use crate::prim::thread::{self, Thread};

pub(crate) struct Bell {
    rests: AtomicBool,
    monitor: Lock<Option<Thread>>,
}

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell { rests: AtomicBool::new(false), monitor: Lock::new(None) }
    }

    /// A processor has been taken into use.
    #[inline(always)]
    pub(crate) fn ring(&self) {
        fence(SeqCst);
        if self.rests.load(Relaxed) {
            self.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        if self.rests.swap(false, SeqCst) {
            self.unpark();
        }
    }

    fn unpark(&self) {
        if let Some(monitor) = &*self.monitor.lock() {
            monitor.unpark();
        }
    }

    /// The runtime ends: wakes the monitor from any sleep.
    pub(crate) fn ring_for_the_end(&self) {
        self.rests.store(false, SeqCst);
        self.unpark();
    }

    /// The calling thread is the monitor.
    pub(crate) fn answer(&self) {
        *self.monitor.lock() = Some(thread::current());
    }

    /// The monitor: sleeps until somebody rings, unless there is something to do.
    pub(crate) fn rest(&self, nothing_to_do: impl Fn() -> bool, sleep: impl Fn()) {
        self.rests.store(true, Relaxed);
        fence(SeqCst);
        while self.rests.load(Relaxed) && nothing_to_do() {
            sleep();
        }
        self.rests.store(false, Relaxed);
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::super::idle::{Idle, Leave};
    use crate::prim::atomic::{AtomicBool, Ordering::Relaxed};
    use crate::prim::{Arc, thread};

    /// If a ring is lost, the monitor sleeps although a processor is in use: loom reports that as a
    /// deadlock. It does when either of the fences is taken out.
    #[test]
    fn a_monitor_that_goes_to_rest_and_a_machine_that_takes_a_processor() {
        loom::model(|| {
            let idle = Arc::new(Idle::<usize, usize>::new());
            idle.enter(0, Some(0), false, super::super::timer::NEVER);
            let monitor = thread::spawn({
                let idle = idle.clone();
                move || {
                    idle.bell.answer();
                    idle.bell.rest(|| idle.idle_processors() == 1, thread::park);
                }
            });
            assert!(matches!(idle.leave(0, false), Leave::With(0)));
            monitor.join().unwrap();
        });
    }
    /// The only thread takes the processor, adds a timer, and lays the processor down again, all before the monitor is at rest: there
    /// is nobody else who would fire it. It fails if the monitor does not look at the timers when it has said that it rests.
    #[test]
    fn a_monitor_that_goes_to_rest_while_a_timer_comes_that_nobody_else_fires() {
        loom::model(|| {
            let idle = Arc::new(Idle::<usize, usize>::new());
            let has_timer = Arc::new(AtomicBool::new(false));
            idle.add_processor(0);
            let monitor = thread::spawn({
                let (idle, has_timer) = (idle.clone(), has_timer.clone());
                move || {
                    idle.bell.answer();
                    let relies_on_monitor = || has_timer.load(Relaxed);
                    let nobody_is_busy = || idle.idle_processors() == 1;
                    idle.bell.rest(|| nobody_is_busy() && !relies_on_monitor(), thread::park);
                }
            });
            let processor = idle.take_processor().unwrap();
            has_timer.store(true, Relaxed);
            idle.bell.ring();
            idle.add_processor(processor);
            monitor.join().unwrap();
        });
    }
}
