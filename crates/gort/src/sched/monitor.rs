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
//! The monitor also gives memory of stacks back (see [`tidy`](super::tidy)), and tells of who has waited long for its home
//! ([`homebound`](super::homebound)).
//!
//! It looks after 50 µs, doubling up to 1 ms while there is nothing to do (4 ms where goroutines come and go so quickly that
//! its looks, which interrupt them, cost more than they find: 3 % of the echoes of 64 clients), and only as long
//! as a processor is in use. When none is, and none has been at several looks, for two milliseconds or so, it sleeps without a
//! limit; who takes a processor into use then rings the [`Bell`](super::bell). In a [crowd](super::crowd) it
//! sleeps until a slice ends, and several threads [take turns](super::watch) at being the monitor; in a small one it rests at
//! once, as its looks interrupt those that compute, and no longer than until the [keeper](super::idle) is late. The kernel runs the thread that wakes for a timer at once nine times out of ten,
//! as `perf sched` shows; the tenth time one of those that compute has a claim that is older, and the keeper waits for the kernel's
//! next tick, up to 4 ms. By then another machine has been roused, whose chances are the same. (`harness -- one gort
//! starve w=2`: 594 to 598 of 600 ticks on an Intel host, where it was 578 to 593; 575 to 583 on the AMD host of `docs/performance.md`.)
//!
//! Rejected: to rest at the first look that finds nobody busy. Who wakes for a timer or an event every other
//! millisecond then rings the bell each time, which keeps it from its work for 3 µs, and the monitor takes the idle CPU just when a second
//! machine is roused: the kernel puts that one behind the first (`perf sched` of `peer-gort fanout`: four rounds of 400 took
//! twice as long).
//!
//! Rejected: the idle machine that waits for the next timer as the monitor, too. Each time that it left
//! to run what a timer had made ready, it had to rouse another machine to take over: two wake-ups for
//! each timer, with ten thousand goroutines asleep both CPUs were at work all the time.

use super::enough::Trials;
use super::homebound::Homebound;
use super::processor::Processor;
use super::tidy::Tidier;
use super::timer::NEVER;
use super::{Machine, Shared};
use crate::clock::{self, Deadline};
use crate::prim::atomic::Ordering::*;
use std::thread;
use std::time::Duration;

const FIRST_PERIOD: Duration = Duration::from_micros(50);
const LONGEST_PERIOD: Duration = Duration::from_millis(1);
/// While all that are in use are lively: they have made so many picks since the last look.
const LONGEST_PERIOD_IF_LIVELY: Duration = Duration::from_millis(4);
const LIVELY: u32 = 32;
/// A timer is fired late by as much as that only if nobody looks.
const OVERDUE: u64 = 50_000;
/// So long a goroutine that is to yield in place may fail to, or a time slice if that is longer.
const PATIENCE: u64 = 5_000_000;

/// What the monitor remembers from one look to the next.
#[derive(Default)]
pub(crate) struct Monitor {
    seen: Vec<Seen>,
    /// How often it had been polled.
    polls: u64,
    trials: Trials,
    tidier: Tidier,
    homebound: Homebound,
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
    /// It is on its way to another machine. The slice of whom that one picks first has begun.
    is_handed_over: bool,
}

/// What a look has shown.
enum Finding {
    /// No processor has run anything since the last look.
    Calm,
    Busy,
    /// Goroutines come and go quickly on all that are in use.
    Lively,
    /// Something had to be done.
    Stuck,
    /// A processor was taken away.
    Taken(Taken),
}

/// A processor that was taken from a machine, to be given to another.
#[must_use = "the processor is in no list"]
pub(crate) struct Taken {
    from: &'static Machine,
    processor: &'static Processor,
}

impl Taken {
    pub(crate) fn hand_over(self, shared: &Shared) {
        self.from.step_back();
        shared.hand_off(self.processor);
    }
}

impl Monitor {
    /// Looks again and again until the runtime ends, or until there is a large crowd or none any more. In one it looks, sleeps,
    /// and looks once more: then it is another thread's turn, and if a processor was taken it is handed over after
    /// that one has been woken.
    pub(crate) fn main(&mut self, shared: &Shared, in_large_crowd: bool) -> Option<Taken> {
        let slice = Duration::from_nanos(shared.slice).max(FIRST_PERIOD);
        let longest = LONGEST_PERIOD.min(slice);
        let longest_if_lively = LONGEST_PERIOD_IF_LIVELY.min(slice);
        let nobody_is_busy = || shared.are_all_idle() && !shared.is_exiting();
        shared.idle.bell.answer();
        let mut period = FIRST_PERIOD;
        let mut has_slept = false;
        while !shared.is_exiting() && shared.crowd.is_large(shared) == in_large_crowd {
            let finding = self.look(shared);
            match finding {
                Finding::Stuck | Finding::Taken(_) => self.trials.lift(shared),
                _ => self.trials.look(shared),
            }
            match finding {
                Finding::Calm
                    if (period >= longest || shared.crowd.is_small(shared)) && nobody_is_busy() =>
                {
                    self.trials.lift(shared);
                    // Who has gone idle while this polled has relied on it.
                    if shared.ensure_watched() {
                        self.rest(shared, nobody_is_busy);
                    }
                    period = FIRST_PERIOD;
                }
                Finding::Taken(taken) if in_large_crowd => return Some(taken),
                Finding::Taken(taken) => {
                    taken.hand_over(shared);
                    period = FIRST_PERIOD;
                }
                Finding::Stuck => period = FIRST_PERIOD,
                Finding::Lively => period = longest_if_lively.min(period * 2),
                Finding::Calm | Finding::Busy => period = longest.min(period * 2),
            }
            if self.tidier.due(shared).is_some_and(|due| due <= clock::now()) {
                self.tidier.step(shared);
            }
            self.homebound.look_if_due(shared);
            if in_large_crowd && has_slept {
                break;
            }
            if !shared.is_exiting() {
                thread::park_timeout(self.until_a_slice_ends(shared).unwrap_or(period));
                has_slept = true;
            }
        }
        None
    }

    /// In a crowd: how long to sleep. There each look costs more than it takes.
    fn until_a_slice_ends(&self, shared: &Shared) -> Option<Duration> {
        let shortest = shared.crowd.affordable_period(shared)?;
        let now = clock::now();
        let ends = self.seen.iter().map(|seen| seen.since.saturating_add(slice(shared)));
        let next = ends.filter(|&end| end > now).min();
        Some(next.map_or(shortest, |end| Duration::from_nanos(end - now)))
    }

    /// Sleeps until a processor is taken into use, or there is a chore; or, in a crowd, until the keeper is late.
    fn rest(&self, shared: &Shared, nobody_is_busy: impl Fn() -> bool) {
        let keeper_is_late = || shared.earliest_timer().saturating_add(OVERDUE);
        let late = shared.crowd.is_small(shared).then(keeper_is_late);
        // Asked after nobody was busy, as who was may have left something to tidy.
        let due = || {
            let chores = [self.tidier.due(shared), self.homebound.due(shared), late];
            chores.into_iter().flatten().min().map(Deadline::from_nanos)
        };
        let relies_on_this = || is_anybody_ready(shared) || shared.relies_on_monitor();
        let nothing_to_do =
            || nobody_is_busy() && !relies_on_this() && !due().is_some_and(Deadline::has_passed);
        let sleep = || match due().and_then(Deadline::remaining) {
            Some(time) => thread::park_timeout(time),
            None => thread::park(),
        };
        shared.idle.bell.rest(nothing_to_do, sleep);
    }

    /// Polls if nobody has since the last look: those who would are busy.
    fn look_at_poller(&mut self, shared: &Shared) {
        let Some((polls, is_watched)) = shared.polls() else { return };
        if polls == self.polls
            && !is_watched
            && let Some(turn) = shared.try_poll()
        {
            turn.dispatch(|| ());
        }
        self.polls = polls;
    }

    fn look(&mut self, shared: &Shared) -> Finding {
        self.look_at_poller(shared);
        let now = clock::now();
        let mut finding = Finding::Calm;
        let mut lively = 0;
        self.seen.resize(shared.processor_count(), Seen::default());
        for (processor, seen) in shared.processors().zip(&mut self.seen) {
            let before = *seen;
            seen.tick = processor.tick.load(Relaxed);
            seen.taken = processor.queue.taken();
            let picks = seen.tick.wrapping_sub(before.tick);
            let goes_on = picks > 0;
            let has_begun = before.is_handed_over && picks == 1;
            seen.is_handed_over = before.is_handed_over && !goes_on;
            if goes_on {
                if !has_begun {
                    seen.since = now;
                }
                seen.asked = None;
                finding = Finding::Busy;
                lively += usize::from(picks >= LIVELY);
            }
            let others_are_idle = shared.idle.idle_processors() > 0;
            if others_are_idle && pass_on(shared, processor, goes_on, seen.taken == before.taken) {
                return Finding::Stuck;
            }
            if !(others_are_idle && shared.is_active(processor))
                && (!goes_on || has_begun)
                && (is_awaited(shared, now) || !shared.is_active(processor))
                && let Some(taken) = take(shared, processor, seen, now)
            {
                seen.since = now;
                seen.is_handed_over = true;
                return Finding::Taken(taken);
            }
        }
        if lively > 0 && lively + shared.idle.idle_processors() >= shared.active_processors() {
            finding = Finding::Lively;
        }
        if matches!(finding, Finding::Calm) && shared.is_unwatched() {
            shared.ensure_keeper(0);
        }
        let earliest = shared.earliest_timer();
        if earliest != NEVER && shared.idle.idle_processors() > 0 {
            if earliest.saturating_add(OVERDUE) <= now {
                shared.notify();
                if shared.lacks_threads() {
                    shared.fire_all_timers();
                }
                return Finding::Stuck;
            }
            if matches!(finding, Finding::Calm) {
                // Those that are busy are so with one goroutine each.
                shared.ensure_keeper(earliest);
            }
        }
        if matches!(finding, Finding::Calm)
            && shared.idle.idle_processors() > 0
            && shared.global.len() > 0
        {
            // Whoever put it there has found no thread for it: perhaps there is one by now.
            shared.notify();
            return Finding::Busy;
        }
        finding
    }
}

/// Gives what waits at a busy processor to an idle one. True if its owner did nothing about it.
fn pass_on(shared: &Shared, processor: &Processor, goes_on: bool, same_oldest: bool) -> bool {
    let oldest = if same_oldest { processor.pop() } else { None };
    let next = if goes_on { None } else { processor.take_next() };
    let is_stuck = !goes_on && (oldest.is_some() || next.is_some());
    if let Some(oldest) = oldest {
        shared.inject(oldest);
    }
    if let Some(next) = next {
        // Where threads for idle processors come slowly, those in the queue may wait for seconds.
        shared.inject_at_once(next);
    }
    is_stuck
}

/// Could a processor be of use to anybody, if there was one?
fn is_awaited(shared: &Shared, now: u64) -> bool {
    is_anybody_ready(shared) || shared.earliest_timer() <= now
}

fn is_anybody_ready(shared: &Shared) -> bool {
    shared.has_work() || shared.processors().any(|processor| processor.queue.has_next())
}

/// For how long a goroutine may keep a processor that others wait for. In a large crowd the kernel runs
/// no thread for a whole slice at a time: who has a processor for the rest of it does not use it.
fn slice(shared: &Shared) -> u64 {
    if shared.crowd.is_large(shared) { shared.slice / 4 } else { shared.slice }
}

/// Takes a processor away from a machine that has been outside with it, if that was for long enough.
fn take(shared: &Shared, processor: &Processor, seen: &mut Seen, now: u64) -> Option<Taken> {
    let from = processor.machine()?;
    if !shared.takes_processors() || from.hold.is_inside() {
        return None;
    }
    let is_over = now - seen.since >= slice(shared);
    let in_place = shared.preempts_in_place();
    // The question costs more than all the rest, so it is not asked where the answer changes nothing.
    let is_asked = in_place || !is_over && !shared.crowd.is_large(shared);
    let computes = !(is_asked && from.sleeps());
    if computes && !is_over {
        return None;
    }
    if computes && in_place {
        let asked = *seen.asked.get_or_insert(now);
        if now - asked < PATIENCE.max(shared.slice) {
            from.order_preemption();
            return None;
        }
    }
    if !shared.can_run_another() {
        return None;
    }
    // First: when the machine knows that it has lost the processor, it leaves the crowd.
    let joins = computes && shared.crowd.join(&from.in_crowd);
    // By now it may have another than the one that was looked at.
    let Some(taken) = from.hold.try_take(|| from.try_processor()) else {
        if joins {
            shared.crowd.leave(&from.in_crowd);
        }
        return None;
    };
    shared.stats.taken.fetch_add(1, Relaxed);
    Some(Taken { from, processor: taken.expect("what a machine holds is a processor") })
}
