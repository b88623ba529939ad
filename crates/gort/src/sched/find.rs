//! What runs next: from the processor's own queue, on the goroutine's stack ([`Machine::pick`]); or
//! from anywhere, on the system stack ([`Machine::find`]).

use super::Shared;
use super::machine::Machine;
use super::pace::Verdict;
use super::processor::Processor;
use super::run_queue::{CAPACITY, SPILL};
use super::timer::NEVER;
use crate::clock;
use crate::goroutine::GoroutineRef;
use crate::prim::atomic::Ordering::Relaxed;

/// Every so many picks it is the turn of the global queue, or of the processor's ring, each second time: so neither can starve,
/// whoever has others made ready or started that go first.
const TURN_EVERY: u32 = 61;
/// Timers are looked at about this often while goroutines come and go quickly.
const LOOK_AT_TIMERS: u64 = 5_000;
/// But at most so many picks are left out in between.
const LONGEST_STRIDE: u32 = 7;
const FIRST_PAUSE: u32 = 8;
/// A processor whose queue is as long need not look for more yet.
const LONG: u32 = CAPACITY / 4;

/// How a machine that has no work looks for some at others: so many times, with a pause after each that doubles.
///
/// For about 30 µs in all.
const ROUNDS: u32 = 7;
/// Where there are sockets, for 2 µs, and not at all once a queue has been left to its owner. What comes next most likely comes
/// from the poller, in which a machine that sleeps is woken as soon, and the other side wants the CPU.
/// (An echo for 64 clients on the same two CPUs, `harness -- table -j tcp64`: searching as long as elsewhere, a third of the
/// server's time went into pauses.)
const ROUNDS_BESIDE_POLLER: u32 = 3;

impl Machine {
    /// The next goroutine of the processor's own, if there is a processor and it has one.
    ///
    /// Unoptimized, the frame of who waits would be longer with it than what is wiped below (see [`home`](super::home)).
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn pick(&self) -> Option<GoroutineRef> {
        let processor = self.try_processor()?;
        if processor.count_pick().is_multiple_of(TURN_EVERY)
            && let Some(goroutine) = self.pick_in_turn()
        {
            return goroutine.ok();
        }
        if processor.timers.earliest() != NEVER {
            self.look_at_timers(processor);
        }
        // First of all: it may be for them that the processor came here.
        if self.bound.len() > 0
            && let Some(goroutine) = self.bound.pop_batch(0, drop)
        {
            self.begin_slice();
            return Some(goroutine);
        }
        if let Some(next) = processor.take_next() {
            // It inherits the slice, so that two who keep waking each other share one.
            if !self.count_operation() {
                return Some(next);
            }
            processor.push(next, self.shared());
        }
        self.begin_slice();
        processor.pop()
    }

    /// The same, for one whose goroutine has used up its slice: so few picks are made where goroutines compute that who waits in the
    /// global queue would wait for its turn for half a second.
    pub(crate) fn pick_after_a_slice(&self) -> Option<GoroutineRef> {
        let processor = self.try_processor()?;
        if self.has_to_leave() {
            return None;
        }
        let Some(goroutine) = self.pick_global() else { return self.pick() };
        processor.count_pick();
        Some(goroutine)
    }

    /// Whose turn it is before those that go first otherwise. `Err`: leave for the system stack.
    #[cold]
    #[inline(never)]
    fn pick_in_turn(&self) -> Option<Result<GoroutineRef, ()>> {
        if self.has_to_leave() {
            return Some(Err(()));
        }
        let rings_turn = &self.processor().owned.rings_turn;
        let from_ring = if rings_turn.replace(!rings_turn.get()) { self.pick_ring() } else { None };
        from_ring.or_else(|| self.pick_global()).map(Ok)
    }

    /// The first of the ring, also if others go before it again and again. A slice that they share would not do: it begins anew for whom
    /// the global queue brings, and for each that only this machine can run.
    fn pick_ring(&self) -> Option<GoroutineRef> {
        let processor = self.processor();
        if self.bound.len() > 0
            && let Some(next) = processor.take_next()
        {
            // There may always be some that are bound.
            processor.push(next, self.shared());
        }
        let first = processor.pop()?;
        self.begin_slice();
        Some(first)
    }

    fn pick_global(&self) -> Option<GoroutineRef> {
        let goroutine = self.shared().global.pop_batch(0, drop)?;
        self.begin_slice();
        Some(goroutine)
    }

    /// Looks at what concerns all processors. True: to the system stack, as this one is not to run any more.
    fn has_to_leave(&self) -> bool {
        let shared = self.shared();
        if !shared.is_active(self.processor()) || shared.is_exiting() {
            return true;
        }
        shared.share_if_short(self.processor());
        // Not while those that an earlier poll has brought still wait: with more they would be put behind others, again
        // and again. (An echo for 1,000 clients: a hundredth of the answers came after 130 ms instead of 9.)
        if shared.has_driver() {
            self.relieve();
            if shared.global.len() == 0 && self.processor().queue.len() < LONG {
                self.poll_now();
            }
        }
        false
    }

    /// Fires the processor's own timers, at strides: a look at the clock costs more than a switch.
    #[inline(never)]
    fn look_at_timers(&self, processor: &Processor) {
        let owned = &processor.owned;
        if owned.wants_keeper.replace(false) {
            self.shared().ensure_keeper(processor.timers.earliest());
        }
        let skip = self.timers_skip.get();
        if skip > 0 {
            self.timers_skip.set(skip - 1);
            return;
        }
        let now = clock::now();
        let since = now - self.timers_seen.replace(now);
        let stride = self.timers_stride.get();
        let stride = if since < LOOK_AT_TIMERS / 2 {
            (stride * 2 + 1).min(LONGEST_STRIDE)
        } else if since > LOOK_AT_TIMERS * 2 {
            stride / 2
        } else {
            stride
        };
        self.timers_stride.set(stride);
        self.timers_skip.set(stride);
        processor.timers.fire(now);
    }

    /// On the system stack: a goroutine to run, from wherever there is one; waits for it. `None`: the
    /// runtime ends.
    pub(crate) fn find(&self) -> Option<GoroutineRef> {
        loop {
            if self.shared().is_exiting() {
                return None;
            }
            if self.try_processor().is_some_and(|mine| self.shared().is_active(mine))
                && let Some(goroutine) = self.find_now()
            {
                self.stop_searching();
                let processor = self.processor();
                if processor.owned.wants_keeper.replace(false) {
                    self.shared().ensure_keeper(processor.timers.earliest());
                }
                return Some(goroutine);
            }
            if !self.go_idle() {
                return None;
            }
        }
    }

    fn find_now(&self) -> Option<GoroutineRef> {
        // Here is the time to look at timers.
        self.timers_skip.set(0);
        let processor = self.processor();
        if let Some(next) = self.take_next_first(processor) {
            if processor.timers.earliest() != NEVER {
                self.look_at_timers(processor);
            }
            return Some(next);
        }
        if let Some(goroutine) = self.take_at_once(processor) {
            return Some(goroutine);
        }
        if let Some(goroutine) =
            self.pick().or_else(|| self.pick_late()).or_else(|| self.take_global())
        {
            return Some(goroutine);
        }
        if self.shared().are_too_many() {
            // The others in use look after what else there is.
            self.discouraged.set(true);
            return None;
        }
        if self.poll_before_stealing()
            && let Some(goroutine) = self.pick()
        {
            return Some(goroutine);
        }
        if self.may_search() {
            return self.search();
        }
        None
    }

    /// What was to run next when the processor came here, if it came with somebody. Before timers are fired: whom they make
    /// ready would send it to the end of the queue, where it may wait for seconds.
    fn take_next_first(&self, processor: &Processor) -> Option<GoroutineRef> {
        if self.bound.len() > 0 {
            return None;
        }
        let next = processor.take_next()?;
        processor.count_pick();
        self.begin_slice();
        Some(next)
    }

    /// A processor that comes from a machine whose goroutine computes has a queue of its own, of such, perhaps. Who was to run at once
    /// where there was no processor does not wait for all of those. It has each second turn, the first of a new processor among them.
    fn take_at_once(&self, processor: &Processor) -> Option<GoroutineRef> {
        if self.bound.len() > 0 || !processor.tick.load(Relaxed).is_multiple_of(2) {
            return None;
        }
        let goroutine = self.shared().global.pop_at_once()?;
        processor.count_pick();
        self.begin_slice();
        Some(goroutine)
    }

    /// Fires what is due at processors that do not get to it, if others wait in the global queue. They may compute, and
    /// whoever waits for a timer would wait until each of them has a machine.
    fn pick_late(&self) -> Option<GoroutineRef> {
        let others_wait = self.searching.get() && self.shared().global.len() > 0;
        if others_wait && self.shared().fire_all_timers() > 0 { self.pick() } else { None }
    }

    /// Has nothing been picked as the processor is not to run any more, and not as nobody is in its ring? Then there is no room for
    /// others there, and the machine is to go idle.
    fn is_to_leave(&self) -> bool {
        self.processor().queue.len() > 0
    }

    /// The first of the global queue, and this processor's share of the rest.
    fn take_global(&self) -> Option<GoroutineRef> {
        if self.is_to_leave() {
            return None;
        }
        let shared = self.shared();
        let share = shared.global.len() / shared.active_processors().max(1);
        let processor = self.processor();
        let goroutine = shared
            .global
            .pop_batch(share.min(SPILL - 1), |goroutine| processor.push(goroutine, shared))?;
        self.begin_slice();
        Some(goroutine)
    }

    /// Looks for work at other processors, a few times with pauses in between.
    fn search(&self) -> Option<GoroutineRef> {
        if self.is_to_leave() {
            return None;
        }
        let shared = self.shared();
        let mine = self.processor();
        self.discouraged.set(false);
        let beside_poller = shared.has_driver();
        let rounds = if beside_poller { ROUNDS_BESIDE_POLLER } else { ROUNDS };
        self.forget_whom_it_watched();
        for round in 0..rounds {
            let count = shared.processor_count();
            let offset = self.next_random() as usize;
            for index in 0..count {
                let Some(victim) = shared.processor_at((offset + index) % count) else { continue };
                if std::ptr::eq(victim, mine) {
                    continue;
                }
                match self.judge(victim) {
                    Verdict::Take => {}
                    Verdict::Leave => {
                        self.discouraged.set(true);
                        continue;
                    }
                    Verdict::NotKnown | Verdict::Nothing => continue,
                }
                if let Some(stolen) = victim.steal_into(mine) {
                    shared.idle.encourage();
                    self.begin_slice();
                    return Some(stolen);
                }
            }
            if let Some(goroutine) = self.take_global() {
                return Some(goroutine);
            }
            if round == 0 && shared.fire_all_timers() > 0 {
                return self.pick().or_else(|| self.take_global());
            }
            if shared.idle.idle_processors() + 1 >= shared.active_processors()
                || shared.is_exiting()
            {
                // Nobody is busy who could make work.
                return None;
            }
            if self.discouraged.get() && beside_poller {
                break;
            }
            for _ in 0..FIRST_PAUSE << round {
                std::hint::spin_loop();
            }
        }
        if self.discouraged.get() {
            shared.idle.discourage();
        }
        None
    }
}

impl Shared {
    /// Fires what is due anywhere: those of idle processors, and of busy ones that do not get to it.
    pub(crate) fn fire_all_timers(&self) -> usize {
        if self.earliest_timer() == NEVER {
            return 0;
        }
        let now = clock::now();
        self.processors().map(|processor| processor.timers.fire(now)).sum()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::prim::atomic::Ordering::Relaxed;
    use crate::{Preempt, Runtime, tls};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    /// A machine looks for work with many in its ring and in the global queue, and its processor is not to run any more, when it is
    /// the turn of what concerns all processors.
    fn looks_with_a_processor_that_is_to_go() {
        let runtime = Runtime::builder().processors(2).preempt(Preempt::Off).build().unwrap();
        let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let both_run = Arc::new(AtomicUsize::new(0));
        let both = [0, 1].map(|_| {
            let (stop, ended, both_run) = (stop.clone(), ended.clone(), both_run.clone());
            runtime.spawn(move || {
                both_run.fetch_add(1, SeqCst);
                while both_run.load(SeqCst) < 2 {
                    std::hint::spin_loop();
                }
                let machine = tls::machine().expect("of a goroutine");
                let shared = machine.shared();
                if machine.inside().processor().expect("nobody takes it").index == 0 {
                    while !stop.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                    return;
                }
                let start_many = || {
                    for _ in 0..200 {
                        let ended = ended.clone();
                        let end = move || _ = ended.fetch_add(1, SeqCst);
                        // SAFETY: the closure may go to another thread, and owns what it holds.
                        unsafe { shared.spawn_detached::<_, ()>(Default::default(), end) }.unwrap();
                    }
                };
                // In the ring; and in the global queue.
                start_many();
                thread::scope(|scope| scope.spawn(start_many).join().unwrap());
                let inside = machine.inside();
                let processor = inside.processor().expect("nobody takes it");
                let next = processor.take_next().expect("the last of them");
                processor.push(next, shared);
                processor.tick.store(super::TURN_EVERY - 1, Relaxed);
                shared.set_active_processors(1);
                assert!(machine.find_now().is_none());
                shared.set_active_processors(2);
                drop(inside);
                stop.store(true, SeqCst);
            })
        });
        both.into_iter().for_each(|one| one.join().unwrap());
        while ended.load(SeqCst) < 400 {
            thread::yield_now();
        }
    }

    /// It did not tell that from an empty ring, and went on to fill it.
    #[test]
    fn a_ring_is_not_filled_when_its_processor_is_to_go() {
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            looks_with_a_processor_that_is_to_go();
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(60)).expect("it comes to its end");
    }
}
