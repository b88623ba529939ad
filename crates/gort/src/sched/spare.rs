//! The workers that a runtime has to spare, and the goroutines that wait for one when there are no more stacks.
//!
//! Processors keep idle workers of their own, which nobody else touches. While goroutines wait there is a *shortage*,
//! and they keep none:
//!
//! - A worker that becomes idle then comes here, with all that its processor has. So do those of a processor at every 61st
//!   pick, and when it is retired.
//! - Who finds no stack declares the shortage and then takes the workers of all processors that are laid down
//!   ([`Idle`](super::idle::Idle)'s list). Who lays a processor down does the same *afterwards*, if there is a shortage.
//!
//! Invariants:
//! 1. There is a shortage exactly while somebody waits; both change under the lock.
//! 2. Nobody begins to wait while a worker lies here. Whenever workers are given, though it be none, as many of those who wait are
//!    let go, in order, as lie here. One that is let go takes a worker; or it waits again, if somebody else was faster,
//!    whose worker will come here in its turn; or starts on a processor that has one of its own yet, which gives again later.
//! 3. A processor that is laid down during a shortage is emptied. Both parties go through the lock of the idle list, one to put the
//!    processor in, the other to look through it: if that comes too early to find it, it has told of the shortage before.
//!
//! So when all processors are laid down nobody waits while a stack lies idle. The models below run this code.

use super::list::{Linked, List};
use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, Ordering::*};
use std::collections::VecDeque;

/// More are given back to the kernel.
const MOST: usize = 16 * 1024;

pub(crate) struct Spare<G, W> {
    /// Somebody waits. Written under the lock, read without.
    shortage: AtomicBool,
    state: Lock<State<G, W>>,
}

struct State<G, W> {
    /// The last one that came is the first to go.
    workers: VecDeque<W>,
    /// The same of those that have been tidied since they came.
    tidied: VecDeque<W>,
    /// The fewest `workers` since [`unwanted`](Spare::unwanted) was asked last.
    unwanted: usize,
    waiting: List<G>,
}

impl<G, W> State<G, W> {
    fn len(&self) -> usize {
        self.workers.len() + self.tidied.len()
    }

    fn warmest(&mut self) -> &mut VecDeque<W> {
        if self.workers.is_empty() { &mut self.tidied } else { &mut self.workers }
    }

    /// Takes the warmest, and calls `more` with up to so many others.
    fn pop(&mut self, most: usize, more: impl FnMut(W)) -> Option<W> {
        let list = self.warmest();
        let worker = list.pop_back()?;
        let rest = list.len().saturating_sub(most);
        list.drain(rest..).for_each(more);
        self.unwanted = self.unwanted.min(self.workers.len());
        Some(worker)
    }
}

impl<G: Linked, W> Spare<G, W> {
    pub(crate) fn new() -> Self {
        let state = State {
            workers: VecDeque::new(),
            tidied: VecDeque::new(),
            unwanted: 0,
            waiting: List::default(),
        };
        Spare { shortage: AtomicBool::new(false), state: Lock::new(state) }
    }

    #[inline(always)]
    pub(crate) fn has_shortage(&self) -> bool {
        self.shortage.load(Relaxed)
    }

    /// Takes workers in, or has them discarded if there are too many or no memory to note them. Returns who is to try
    /// again to start.
    #[must_use = "they wait for nothing any more"]
    pub(crate) fn give(
        &self,
        workers: impl ExactSizeIterator<Item = W>,
        discard: impl FnMut(W),
    ) -> List<G> {
        self.put(workers, |state| &mut state.workers, discard)
    }

    /// The same with one that was [taken](Self::take_coldest) to be tidied.
    #[must_use = "they wait for nothing any more"]
    pub(crate) fn give_tidied(&self, worker: W, discard: impl FnMut(W)) -> List<G> {
        self.put(std::iter::once(worker), |state| &mut state.tidied, discard)
    }

    fn put(
        &self,
        workers: impl ExactSizeIterator<Item = W>,
        list: impl Fn(&mut State<G, W>) -> &mut VecDeque<W>,
        discard: impl FnMut(W),
    ) -> List<G> {
        let count = workers.len();
        let mut state = self.state.lock();
        if state.len() < MOST && list(&mut state).try_reserve(count).is_ok() {
            list(&mut state).extend(workers);
        } else {
            // Their stacks are to be had from where stacks come from.
            drop(state);
            workers.for_each(discard);
            state = self.state.lock();
        }
        let there = state.len().max(count);
        self.let_go(&mut state, there)
    }

    /// There may be stacks again. Returns who is to try again: all who wait.
    #[must_use = "they wait for nothing any more"]
    pub(crate) fn try_again(&self) -> List<G> {
        self.let_go(&mut self.state.lock(), usize::MAX)
    }

    fn let_go(&self, state: &mut State<G, W>, count: usize) -> List<G> {
        let mut again = List::default();
        if self.has_shortage() {
            (0..count)
                .map_while(|_| state.waiting.pop())
                .for_each(|goroutine| again.push(goroutine));
            self.shortage.store(!state.waiting.is_empty(), Relaxed);
        }
        again
    }

    /// Takes a worker, and for `more` up to so many others, unless there is a shortage.
    pub(crate) fn take(&self, most: usize, more: impl FnMut(W)) -> Option<W> {
        let mut state = self.state.lock();
        let most = if self.has_shortage() { 0 } else { most };
        state.pop(most, more)
    }

    /// How many workers that have not been tidied nobody has wanted since this was asked last.
    pub(crate) fn unwanted(&self) -> usize {
        let mut state = self.state.lock();
        let there = state.workers.len();
        std::mem::replace(&mut state.unwanted, there)
    }

    /// Takes the worker that has lain here for longest without having been tidied, unless there is a shortage: to be given
    /// [back](Self::give_tidied) soon.
    pub(crate) fn take_coldest(&self) -> Option<W> {
        let mut state = self.state.lock();
        if self.has_shortage() {
            return None;
        }
        let worker = state.workers.pop_front()?;
        state.unwanted = state.unwanted.min(state.workers.len());
        Some(worker)
    }

    /// No stack was to be had for `goroutine`: it waits, unless a worker has come by now. Returns whether it is the first;
    /// there is a shortage then that nobody knows of.
    pub(crate) fn wait(&self, goroutine: G) -> Result<bool, W> {
        let mut state = self.state.lock();
        if let Some(worker) = state.pop(0, drop) {
            return Err(worker);
        }
        state.waiting.push(goroutine);
        let is_first = !self.has_shortage();
        self.shortage.store(true, Relaxed);
        Ok(is_first)
    }

    /// All workers, at the end.
    pub(crate) fn take_all(&self) -> impl Iterator<Item = W> {
        let mut state = self.state.lock();
        let workers = std::mem::take(&mut state.workers);
        workers.into_iter().chain(std::mem::take(&mut state.tidied))
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use crate::prim::atomic::AtomicUsize;
    use crate::prim::model::{model, spawn};
    use crate::sched::idle::Idle;
    use crate::sched::timer::NEVER;
    use loom::sync::{Arc, Mutex};
    use std::cell::Cell;

    #[derive(Clone, Copy)]
    struct Waiting(*const Cell<Option<Waiting>>);

    impl Linked for Waiting {
        fn link(&self) -> &Cell<Option<Self>> {
            // SAFETY: it is the world's.
            unsafe { &*self.0 }
        }
    }

    /// Two machines with a processor each, and two goroutines. `own`: workers that a processor keeps.
    struct World {
        idle: Idle<usize, usize>,
        spare: Spare<Waiting, ()>,
        own: [Mutex<usize>; 2],
        links: [Cell<Option<Waiting>>; 2],
        ready: Mutex<Vec<Waiting>>,
        started: AtomicUsize,
    }

    // SAFETY: the links are used with the lock held.
    unsafe impl Sync for World {}
    // SAFETY: as above.
    unsafe impl Send for World {}

    impl World {
        fn new() -> Arc<World> {
            Arc::new(World {
                idle: Idle::new(),
                spare: Spare::new(),
                own: Default::default(),
                links: Default::default(),
                ready: Default::default(),
                started: AtomicUsize::new(0),
            })
        }

        fn goroutine(&self, number: usize) -> Waiting {
            Waiting(&raw const self.links[number])
        }

        /// A goroutine is to start.
        fn start(&self, processor: usize, goroutine: Waiting) {
            let own = &mut *self.own[processor].lock().unwrap();
            if *own > 0 {
                *own -= 1;
            } else if self.spare.take(0, drop).is_none() && self.spare.wait(goroutine).is_ok() {
                return self.share_of_idle();
            }
            self.started.fetch_add(1, Relaxed);
        }

        fn make_ready(&self, goroutines: List<Waiting>) {
            self.ready.lock().unwrap().extend(goroutines);
        }

        fn give_all_of(&self, processor: usize) -> List<Waiting> {
            let own = std::mem::take(&mut *self.own[processor].lock().unwrap());
            self.spare.give(std::iter::repeat_n((), own), drop)
        }

        fn share_of_idle(&self) {
            let mut again = List::default();
            self.idle.retain_processors(|&processor| {
                self.give_all_of(processor).for_each(|goroutine| again.push(goroutine));
                true
            });
            self.make_ready(again);
        }

        /// A goroutine has ended.
        fn end(&self, processor: usize) {
            *self.own[processor].lock().unwrap() += 1;
            if self.spare.has_shortage() {
                self.make_ready(self.give_all_of(processor));
            }
        }

        /// Starts those that are ready, and lies down.
        fn run(&self, machine: usize) {
            while let Some(goroutine) = { self.ready.lock().unwrap().pop() } {
                self.start(machine, goroutine);
            }
            self.idle.enter(machine, Some(machine), false, NEVER);
            if self.spare.has_shortage() {
                self.share_of_idle();
            }
        }

        /// All have lain down: a machine is roused for those that are ready as long as there are any.
        fn run_on(&self) {
            while !self.ready.lock().unwrap().is_empty() {
                let processor = self.idle.take_processor().expect("all are laid down");
                self.run(processor);
            }
        }
    }

    /// A goroutine starts, beside what the other does.
    fn one_starts(prepare: fn(&World), other: fn(&World)) {
        model(move || {
            let world = World::new();
            prepare(&world);
            let other = spawn(&world, move |world| other(world));
            world.start(0, world.goroutine(0));
            world.run(0);
            other.join().unwrap();
            world.run_on();
            assert_eq!(world.started.load(Relaxed), 1);
            assert!(!world.spare.has_shortage());
        });
    }

    /// Fails if who lies down does not look again, or who waits does not look through the list.
    #[test]
    fn who_waits_has_the_stack_of_a_processor_that_lies_down() {
        one_starts(
            |_| (),
            |world| {
                world.end(1);
                world.run(1);
            },
        );
    }

    /// Two wait, and there are two workers, one of which may be used before it comes here. Fails if for each that is given one
    /// is let go.
    #[test]
    fn those_who_are_let_go_may_find_others() {
        model(|| {
            let world = World::new();
            for number in 0..2 {
                assert!(world.spare.wait(world.goroutine(number)).is_ok());
            }
            *world.own[0].lock().unwrap() = 1;
            let other = spawn(&world, |world| {
                world.end(1);
                world.run(1);
            });
            world.run(0);
            other.join().unwrap();
            world.run_on();
            assert_eq!(world.started.load(Relaxed), 2);
            assert!(!world.spare.has_shortage());
        });
    }

    /// The monitor has the only worker. Fails if it lets nobody go when it gives it back.
    #[test]
    fn who_waits_has_the_stack_that_was_tidied() {
        one_starts(
            |world| drop(world.spare.give(std::iter::once(()), drop)),
            |world| {
                if let Some(worker) = world.spare.take_coldest() {
                    world.make_ready(world.spare.give_tidied(worker, drop));
                }
            },
        );
    }
}
