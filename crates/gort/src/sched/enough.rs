//! How many processors are enough, where others want the CPUs as well.
//!
//! A server has its clients on the same machine, or a neighbour. With more machines at work than there are CPUs for, the
//! kernel puts each off for a millisecond and more, with its queue, and goes on with it on another CPU, where its caches are
//! cold; and the clients, who would send the next requests, are put off, too. Fewer machines then get more done, and
//! sooner. But not if the neighbour has nothing to do with it: to the kernel, fewer threads are worth less of the CPUs. Which
//! of the two it is shows in what gets done, so the [monitor](super::monitor) tries it.
//!
//! **When.** In windows of 32 ms, while there are many events. If machines have waited for CPUs for a quarter of the window, taken
//! together, one processor less is tried for a window, and kept if not much less got done. If there are fewer, one more is
//! tried from time to time, and kept if much more got done. (With a neighbour that computes, two machines get a third more than
//! one; so what is not a good part of that says nothing.) What did not prove better is tried again after
//! twice as long each time, up to 4 s. Where machines do not wait for CPUs nothing is ever tried.
//!
//! **What it means that enough are in use.** Queues are left to their owners, so that nobody is roused for them; who goes
//! idle leaves the poller to those in use; who is one too many, and has run what it has itself, goes idle.
//!
//! **Nobody waits in vain.** One in use is always needed, and comes by at the poller before it sleeps: when the last of them goes
//! idle, none are in use, which is never enough (`polling_models`). As soon as one does not get on while others wait for
//! it, since its goroutine computes or blocks, or the kernel has put it off, the monitor passes on what waits, and
//! lifts the limit.
//!
//! Measured (`harness -- table -j tcp64,tcp1000 -p gort,epoll`, echoes with their clients on the same two CPUs), as shares of what raw epoll
//! answers, medians of eight runs each: 1,000 clients 0.94 (0.83 before), the 99th hundredth after 8.6 ms (12.1); 64 clients
//! level as before, the 99th hundredth after 0.65 ms (0.98). With loops of a shell that compute beside them: not
//! fewer with one or with two, and half of the latency.
//!
//! Rejected: **the picks of all processors as what gets done**: some find nobody, most of them when there is little to do. **A limit of one, for
//! good**, gets the 1,000 clients to 1.0, but is of use to nobody who has CPUs to spare.

use super::{Machine, Processor, Shared};
use crate::clock;
use crate::prim::atomic::{AtomicUsize, Ordering::*};
use std::ptr;
use std::time::Duration;

const WINDOW: Duration = Duration::from_millis(32);
/// What is done after fewer events in a window is not for so many processors.
const MANY: u64 = 256;
/// Of a window: if machines have waited for CPUs for so long, they are too many for them.
const TOO_LONG: Duration = Duration::from_millis(8);
/// Of what one processor's part was: so much may be lost with one less, and must be gained with one more.
const LOST: f64 = 0.3;
const GAINED: f64 = 0.4;
/// Windows until the next trial: after the first that was in vain since one that was not, and the most.
const PATIENCE: (u32, u32) = (16, 128);

/// How many processors in use are enough. Only the monitor changes it.
pub(super) struct Enough(AtomicUsize);

const NEVER: usize = usize::MAX;

impl Default for Enough {
    fn default() -> Enough {
        Enough(AtomicUsize::new(NEVER))
    }
}

impl Shared {
    fn in_use(&self) -> usize {
        self.active_processors().saturating_sub(self.idle.idle_processors())
    }

    /// Are so many processors in use that no other machine is to be roused?
    pub(super) fn are_enough(&self) -> bool {
        self.in_use() >= self.enough.0.load(Relaxed)
    }

    /// Are even more in use, so that who has nothing to do is to go idle?
    pub(super) fn are_too_many(&self) -> bool {
        self.in_use() > self.enough.0.load(Relaxed)
    }

    fn set_enough(&self, enough: usize) {
        let before = self.enough.0.swap(enough, Relaxed);
        if before < enough && self.has_work() {
            self.notify();
        }
    }
}

/// What the monitor knows of it from one look to the next.
#[derive(Default)]
pub(super) struct Trials {
    window: Option<Window>,
    climb: Climb,
}

/// What was so when it began.
struct Window {
    start: u64,
    events: u64,
    /// How many processors were active.
    all: usize,
    /// Who ran them, and for how long each had waited for CPUs so far.
    waited: Vec<(&'static Machine, Duration)>,
}

impl Window {
    fn start(shared: &Shared, now: u64, events: u64) -> Window {
        let machines = shared.processors().filter_map(Processor::machine);
        let waited =
            machines.filter_map(|machine| Some((machine, machine.thread.waited_for_cpus()?)));
        Window { start: now, events, all: shared.active_processors(), waited: waited.collect() }
    }

    /// How long machines that are at work in `next`, too, have waited from this one's start to that one's.
    fn time_waited(&self, next: &Window) -> Duration {
        let since = |&(machine, now): &(&Machine, Duration)| {
            let (_, before) = self.waited.iter().find(|(other, _)| ptr::eq(*other, machine))?;
            Some(now.saturating_sub(*before))
        };
        next.waited.iter().filter_map(since).sum()
    }
}

impl Trials {
    /// At every look.
    pub(super) fn look(&mut self, shared: &Shared) {
        let Some(events) = shared.events() else { return };
        let now = clock::now();
        let length = |window: &Window| Duration::from_nanos(now.saturating_sub(window.start));
        if shared.active_processors() == 1
            || self.window.as_ref().is_some_and(|window| length(window) < WINDOW)
        {
            return;
        }
        let next = Window::start(shared, now, events);
        let Some(window) = self.window.take() else {
            self.window = Some(next);
            return;
        };
        let told = events - window.events;
        if told < MANY || next.all != window.all || !shared.crowd.is_empty() {
            self.lift(shared);
        } else {
            let rate = told as f64 / length(&window).as_secs_f64();
            let is_tight = window.time_waited(&next) >= TOO_LONG;
            let limit = shared.enough.0.load(Relaxed).min(next.all);
            let limit = self.climb.step(limit, next.all, rate, is_tight);
            shared.set_enough(if limit < next.all { limit } else { NEVER });
        }
        self.window = Some(next);
    }

    /// All processors are of use again.
    pub(super) fn lift(&mut self, shared: &Shared) {
        *self = Trials::default();
        shared.set_enough(NEVER);
    }
}

/// Looks for the number of processors with which enough gets done, by one more or one less at a time.
#[derive(Default)]
struct Climb {
    /// What gets done in a second.
    rate: f64,
    /// There is a trial, and before it was so many.
    before: Option<usize>,
    /// Windows until the next trial, and from the last one on.
    left: u32,
    patience: u32,
    was_fewer: bool,
}

impl Climb {
    /// A window with `limit` of `all` processors has ended, in which so much got done; `is_tight`: there were too few CPUs for
    /// them. Returns how many to use next.
    fn step(&mut self, limit: usize, all: usize, rate: f64, is_tight: bool) -> usize {
        if let Some(before) = self.before.take() {
            return self.judge(limit, before, rate);
        }
        self.rate = if self.rate == 0.0 { rate } else { f64::midpoint(self.rate, rate) };
        self.left = self.left.saturating_sub(1);
        let (may_be_fewer, may_be_more) = (is_tight && limit > 1, limit < all);
        if self.left > 0 || !(may_be_fewer || may_be_more) {
            return limit;
        }
        self.before = Some(limit);
        // In turns, where both may be.
        self.was_fewer = may_be_fewer && !(may_be_more && self.was_fewer);
        if self.was_fewer { limit - 1 } else { limit + 1 }
    }

    /// A trial has ended: is what was tried to stay?
    fn judge(&mut self, tried: usize, before: usize, rate: f64) -> usize {
        let (share, part) = (rate / self.rate, 1.0 / tried.max(before) as f64);
        let stays =
            if tried < before { share >= 1.0 - LOST * part } else { share >= 1.0 + GAINED * part };
        if stays {
            self.rate = rate;
            self.left = 1;
            self.patience = PATIENCE.0;
            return tried;
        }
        self.left = self.patience;
        self.patience = (self.patience * 2).clamp(1, PATIENCE.1);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::Climb;

    /// What gets done with so many processors, and whether that is too many for the CPUs.
    type Machine = fn(usize) -> (f64, bool);

    /// How often each number was in force in so many windows, beginning with `limit` of `all`.
    fn climb(limit: usize, all: usize, windows: usize, machine: Machine) -> Vec<usize> {
        let (mut climb, mut limit) = (Climb::default(), limit);
        let mut counts = vec![0; all + 1];
        for _ in 0..windows {
            counts[limit] += 1;
            let (rate, is_tight) = machine(limit);
            limit = climb.step(limit, all, rate, is_tight);
            assert!((1..=all).contains(&limit));
        }
        counts
    }

    #[test]
    fn nothing_is_tried_where_there_are_cpus_for_all() {
        assert_eq!(climb(4, 4, 1_000, |n| (n as f64, false)), [0, 0, 0, 0, 1_000]);
    }

    #[test]
    fn clients_get_the_cpu_that_they_need() {
        let counts = climb(2, 2, 1_000, |n| if n == 2 { (150.0, true) } else { (160.0, false) });
        assert!(counts[2] < 20, "{counts:?}");
    }

    #[test]
    fn a_neighbour_that_computes_does_not_get_more_than_its_share() {
        let counts = climb(2, 2, 1_000, |n| (n as f64 / (n as f64 + 1.0), true));
        assert!(counts[1] < 20, "{counts:?}");
        let counts = climb(8, 8, 1_000, |n| (n as f64 / (n as f64 + 8.0), true));
        assert!(counts[8] > 950, "{counts:?}");
    }

    #[test]
    fn what_clients_have_left_is_used_again() {
        let counts = climb(1, 4, 1_000, |n| (n as f64, false));
        assert!(counts[4] > 900, "{counts:?}");
    }

    #[test]
    fn the_best_number_is_found_from_either_side() {
        let machine = |n: usize| (100.0 - 30.0 * n.abs_diff(3) as f64, n >= 3);
        for start in [1, 6] {
            let counts = climb(start, 6, 1_000, machine);
            assert!(counts[3] > 900, "{counts:?}");
        }
    }
}
