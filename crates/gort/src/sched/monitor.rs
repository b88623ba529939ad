//! The monitor: a thread without a processor that looks after those who have one, after Go's `sysmon`.
//!
//! Machines hand work to each other where they can tell that there is some. What they cannot tell is
//! what comes of a goroutine that does not come back to its scheduler for a while:
//!
//! - others wait in its queue, and nobody was told ([reluctance](super::idle));
//! - one that it has made ready waits in the processor's `next` slot. Readying a single goroutine wakes
//!   nobody, as the one that readied it is most often about to park, and would run it sooner than any
//!   other machine could;
//! - timers are due, and the machine that would have fired them is the one that is busy.
//!
//! It also gives memory of stacks back (see [`tidy`](super::tidy)).
//!
//! The monitor looks after 50 µs, doubling up to 1 ms while it finds nothing, and only as long
//! as a processor is in use. When none is, and none has been since its last look, it sleeps without a
//! limit; who takes a processor into use then rings the [`Bell`].
//!
//! Rejected: the idle machine that waits for the next timer as the monitor, too. Each time that it left
//! to run what a timer had made ready, it had to rouse another machine to take over: two wake-ups for
//! each timer, with ten thousand goroutines asleep both CPUs were at work all the time.

use crate::prim::atomic::{AtomicBool, Ordering::*, fence};
use crate::prim::thread::{self, Thread};
use std::sync::OnceLock;

/// Wakes the monitor when it sleeps without a limit.
///
/// The one side takes a processor into use, fences, then reads `rests`; the other sets `rests`, fences,
/// then looks whether a processor is in use. One of the two sees the other.
#[derive(Default)]
pub(crate) struct Bell {
    rests: AtomicBool,
    monitor: OnceLock<Thread>,
}

impl Bell {
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
        if self.rests.swap(false, SeqCst)
            && let Some(monitor) = self.monitor.get()
        {
            monitor.unpark();
        }
    }

    /// The runtime ends: wakes the monitor from any sleep.
    pub(crate) fn ring_for_the_end(&self) {
        self.rests.store(false, SeqCst);
        if let Some(monitor) = self.monitor.get() {
            monitor.unpark();
        }
    }

    /// The calling thread is the monitor.
    fn answer(&self) {
        self.monitor.get_or_init(thread::current);
    }

    /// The monitor: sleeps until somebody rings, unless there is something to do.
    fn rest(&self, nothing_to_do: impl Fn() -> bool, sleep: impl Fn()) {
        self.rests.store(true, Relaxed);
        fence(SeqCst);
        while self.rests.load(Relaxed) && nothing_to_do() {
            sleep();
        }
        self.rests.store(false, Relaxed);
    }
}

#[cfg(not(loom))]
pub(crate) use application::Monitor;

#[cfg(not(loom))]
mod application {
    use super::super::Shared;
    use super::super::tidy::PoolTidier;
    use super::super::timer::NEVER;
    use crate::clock::{self, Deadline};
    use crate::prim::atomic::Ordering::*;
    use std::thread;
    use std::time::Duration;

    const FIRST_PERIOD: Duration = Duration::from_micros(50);
    const LONGEST_PERIOD: Duration = Duration::from_millis(1);
    /// A timer is fired late by as much as that only if nobody looks.
    const OVERDUE: u64 = 50_000;

    /// What the monitor remembers from one look to the next.
    pub(crate) struct Monitor<'a> {
        shared: &'a Shared,
        before: Vec<Before>,
        tidier: PoolTidier,
    }

    /// Of a processor: how many picks it had made, and what had been taken out of its ring.
    #[derive(Clone, Copy, Default, PartialEq, Eq)]
    struct Before {
        tick: u32,
        taken: u32,
    }

    /// What a look has shown.
    #[derive(PartialEq, Eq)]
    enum Seen {
        /// No processor has run anything since the last look.
        Calm,
        Busy,
        /// Something had to be done.
        Stuck,
    }

    impl<'a> Monitor<'a> {
        pub(crate) fn new(shared: &'a Shared) -> Self {
            Monitor { shared, before: Vec::new(), tidier: PoolTidier::default() }
        }

        /// The monitor's thread, until the runtime ends.
        pub(crate) fn main(mut self) {
            let shared = self.shared;
            let nobody_is_busy = || {
                shared.idle.idle_processors() >= shared.active_processors() && !shared.is_exiting()
            };
            shared.idle.bell.answer();
            let mut period = FIRST_PERIOD;
            while !shared.is_exiting() {
                match self.look() {
                    Seen::Calm if nobody_is_busy() => {
                        self.rest(nobody_is_busy);
                        period = FIRST_PERIOD;
                    }
                    Seen::Stuck => period = FIRST_PERIOD,
                    _ => period = LONGEST_PERIOD.min(period * 2),
                }
                if self.tidier.due(shared).is_some_and(|due| due <= clock::now()) {
                    self.tidier.step(shared);
                }
                if !shared.is_exiting() {
                    thread::park_timeout(period);
                }
            }
        }

        /// Sleeps until a processor is taken into use, or stacks are to be trimmed.
        fn rest(&self, nobody_is_busy: impl Fn() -> bool) {
            let due = self.tidier.due(self.shared).map(Deadline::from_nanos);
            let nothing_to_do = || nobody_is_busy() && !due.is_some_and(Deadline::has_passed);
            let sleep = || match due.and_then(Deadline::remaining) {
                Some(time) => thread::park_timeout(time),
                None => thread::park(),
            };
            self.shared.idle.bell.rest(nothing_to_do, sleep);
        }

        fn look(&mut self) -> Seen {
            let shared = self.shared;
            let mut seen = Seen::Calm;
            self.before.resize(shared.processor_count(), Before::default());
            for (processor, before) in shared.processors().zip(&mut self.before) {
                let queue = &processor.queue;
                let now = Before { tick: processor.tick.load(Relaxed), taken: queue.taken() };
                let before = std::mem::replace(before, now);
                let goes_on = now.tick != before.tick;
                if goes_on {
                    seen = Seen::Busy;
                }
                if shared.idle.idle_processors() == 0 {
                    continue;
                }
                let oldest = if now.taken == before.taken { processor.pop() } else { None };
                if let Some(goroutine) = oldest {
                    shared.inject(goroutine);
                }
                if !goes_on {
                    let next = processor.take_next();
                    let is_stuck = oldest.is_some() || next.is_some();
                    next.into_iter().for_each(|next| shared.inject(next));
                    if is_stuck {
                        return Seen::Stuck;
                    }
                }
            }
            let earliest = shared.earliest_timer();
            if earliest != NEVER && shared.idle.idle_processors() > 0 {
                if earliest.saturating_add(OVERDUE) <= clock::now() {
                    shared.notify();
                    return Seen::Stuck;
                }
                if seen == Seen::Calm {
                    // Those that are busy are so with one goroutine each.
                    shared.ensure_keeper(earliest);
                }
            }
            seen
        }
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::super::idle::{Idle, Leave};
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
}
