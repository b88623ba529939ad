//! The monitor: a thread without a processor that looks after those who have one, after Go's `sysmon`.
//!
//! Machines hand work to each other where they can tell that there is some. What they cannot tell is
//! what comes of a goroutine that does not come back to the runtime for a while: it computes, or its
//! thread sleeps in the kernel. The monitor does not ask which call that is; to it, user code is a
//! system call. While that lasts
//!
//! - others wait in the processor's queue, and perhaps nobody was told ([reluctance](super::idle));
//! - one that it has made ready waits in the `next` slot. Readying a single goroutine wakes nobody, as the
//!   one that readied it is most often about to park, and would run it sooner than any other machine could;
//! - timers are due, and the machine that would have fired them is the one that is busy.
//!
//! With an idle processor, the monitor passes on what waits. With none, it takes the processor away
//! ([`hold`](super::hold)) from whoever has kept it for a time slice, or sleeps with it, and has another
//! machine run it. The goroutine stays on its thread and goes on there, sharing the CPUs by the kernel's
//! hand. **Nothing is taken while nothing waits.**
//!
//! The monitor also gives memory of stacks back (see [`tidy`](super::tidy)).
//!
//! It looks after 50 µs, doubling up to 1 ms while there is nothing to do, and only as long
//! as a processor is in use. When none is, and none has been since its last look, it sleeps without a
//! limit; who takes a processor into use then rings the [`Bell`](super::bell).
//!
//! Rejected: the idle machine that waits for the next timer as the monitor, too. Each time that it left
//! to run what a timer had made ready, it had to rouse another machine to take over: two wake-ups for
//! each timer, with ten thousand goroutines asleep both CPUs were at work all the time.

use super::processor::Processor;
use super::tidy::PoolTidier;
use super::timer::NEVER;
use super::{Preempt, Shared};
use crate::clock::{self, Deadline};
use crate::prim::atomic::Ordering::*;
use crate::sys;
use std::thread;
use std::time::Duration;

const FIRST_PERIOD: Duration = Duration::from_micros(50);
const LONGEST_PERIOD: Duration = Duration::from_millis(1);
/// A timer is fired late by as much as that only if nobody looks.
const OVERDUE: u64 = 50_000;
/// So long a goroutine that is to yield in place may fail to, or a time slice if that is longer.
const PATIENCE: u64 = 5_000_000;

/// What the monitor remembers from one look to the next.
pub(crate) struct Monitor<'a> {
    shared: &'a Shared,
    seen: Vec<Seen>,
    /// How often it had been polled.
    polls: u64,
    tidier: PoolTidier,
}

/// Of a processor: how many picks it had made, since when at least, and what had been taken out of its
/// ring.
#[derive(Clone, Copy, Default)]
struct Seen {
    tick: u32,
    since: u64,
    taken: u32,
    /// When its goroutine was first asked to yield in place.
    asked: Option<u64>,
}

/// What a look has shown.
#[derive(PartialEq, Eq)]
enum Finding {
    /// No processor has run anything since the last look.
    Calm,
    Busy,
    /// Something had to be done.
    Stuck,
}

impl<'a> Monitor<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Monitor { shared, seen: Vec::new(), polls: 0, tidier: PoolTidier::default() }
    }

    /// The monitor's thread, until the runtime ends.
    pub(crate) fn main(mut self) {
        sys::prepare_machine_thread();
        let shared = self.shared;
        let longest = LONGEST_PERIOD.min(Duration::from_nanos(shared.slice)).max(FIRST_PERIOD);
        let nobody_is_busy =
            || shared.idle.idle_processors() >= shared.active_processors() && !shared.is_exiting();
        shared.idle.bell.answer();
        let mut period = FIRST_PERIOD;
        while !shared.is_exiting() {
            match self.look() {
                Finding::Calm if nobody_is_busy() => {
                    // Who has gone idle while this polled has relied on it.
                    shared.watch();
                    self.rest(nobody_is_busy);
                    period = FIRST_PERIOD;
                }
                Finding::Stuck => period = FIRST_PERIOD,
                _ => period = longest.min(period * 2),
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

    /// Polls if nobody has since the last look: those who would are busy.
    fn look_at_poller(&mut self) {
        let Some((polls, is_watched)) = self.shared.polls() else { return };
        if polls == self.polls && !is_watched {
            self.shared.poll_now();
        }
        self.polls = polls;
    }

    fn look(&mut self) -> Finding {
        let shared = self.shared;
        self.look_at_poller();
        let now = clock::now();
        let mut finding = Finding::Calm;
        self.seen.resize(shared.processor_count(), Seen::default());
        for (processor, seen) in shared.processors().zip(&mut self.seen) {
            let before = *seen;
            *seen = Seen {
                tick: processor.tick.load(Relaxed),
                since: before.since,
                taken: processor.queue.taken(),
                asked: before.asked,
            };
            let goes_on = seen.tick != before.tick;
            if goes_on {
                seen.since = now;
                seen.asked = None;
                finding = Finding::Busy;
            }
            let is_stuck = if shared.idle.idle_processors() > 0 && shared.is_active(processor) {
                pass_on(shared, processor, goes_on, seen.taken == before.taken)
            } else {
                !goes_on
                    && (is_awaited(shared, now) || !shared.is_active(processor))
                    && take(shared, processor, seen, now)
            };
            if is_stuck {
                return Finding::Stuck;
            }
        }
        if finding == Finding::Calm && shared.is_unwatched() {
            shared.ensure_keeper(0);
        }
        let earliest = shared.earliest_timer();
        if earliest != NEVER && shared.idle.idle_processors() > 0 {
            if earliest.saturating_add(OVERDUE) <= now {
                shared.notify();
                return Finding::Stuck;
            }
            if finding == Finding::Calm {
                // Those that are busy are so with one goroutine each.
                shared.ensure_keeper(earliest);
            }
        }
        finding
    }
}

/// Gives what waits at a busy processor to an idle one. True if its owner did nothing about it.
fn pass_on(shared: &Shared, processor: &Processor, goes_on: bool, same_oldest: bool) -> bool {
    let oldest = if same_oldest { processor.pop() } else { None };
    let next = if goes_on { None } else { processor.take_next() };
    let is_stuck = !goes_on && (oldest.is_some() || next.is_some());
    for goroutine in oldest.into_iter().chain(next) {
        shared.inject(goroutine);
    }
    is_stuck
}

/// Could a processor be of use to anybody, if there was one?
fn is_awaited(shared: &Shared, now: u64) -> bool {
    shared.has_work()
        || shared.processors().any(|processor| processor.queue.has_next())
        || shared.earliest_timer() <= now
}

/// Takes a processor away from a machine that has been outside with it, if that was for long enough.
fn take(shared: &Shared, processor: &Processor, seen: &mut Seen, now: u64) -> bool {
    // SAFETY: machines' records live as long as their runtime.
    let Some(machine) = (unsafe { processor.holder.load(Acquire).as_ref() }) else { return false };
    if !shared.takes_processors() || machine.hold.is_inside() {
        return false;
    }
    let computes = !machine.sleeps();
    if computes && now - seen.since < shared.slice {
        return false;
    }
    if computes && shared.preempt == Preempt::Trampoline {
        let asked = *seen.asked.get_or_insert(now);
        if now - asked < PATIENCE.max(shared.slice) {
            machine.order_preemption();
            return false;
        }
    }
    if !shared.can_run_another() {
        return false;
    }
    // By now it may have another than the one that was looked at.
    let Some(taken) = machine.hold.try_take(|| machine.try_processor()) else { return false };
    shared.stats.taken.fetch_add(1, Relaxed);
    machine.step_back();
    shared.hand_off(taken.expect("what a machine holds is a processor"));
    true
}
