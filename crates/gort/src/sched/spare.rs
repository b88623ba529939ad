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

/// More are given back to the kernel.
const MOST: usize = 16 * 1024;

pub(crate) struct Spare<G, W> {
    /// Somebody waits. Written under the lock, read without.
    shortage: AtomicBool,
    state: Lock<State<G, W>>,
}

struct State<G, W> {
    workers: Vec<W>,
    waiting: List<G>,
}

impl<G: Linked, W> Spare<G, W> {
    pub(crate) fn new() -> Self {
        let state = State { workers: Vec::new(), waiting: List::default() };
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
        let count = workers.len();
        let mut state = self.state.lock();
        if state.workers.len() < MOST && state.workers.try_reserve(count).is_ok() {
            state.workers.extend(workers);
        } else {
            // Their stacks are to be had from where stacks come from.
            drop(state);
            workers.for_each(discard);
            state = self.state.lock();
        }
        let there = state.workers.len().max(count);
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
        let worker = state.workers.pop()?;
        if !self.has_shortage() {
            let rest = state.workers.len().saturating_sub(most);
            state.workers.drain(rest..).for_each(more);
        }
        Some(worker)
    }

    /// No stack was to be had for `goroutine`: it waits, unless a worker has come by now. Returns whether it is the first;
    /// there is a shortage then that nobody knows of.
    pub(crate) fn wait(&self, goroutine: G) -> Result<bool, W> {
        let mut state = self.state.lock();
        if let Some(worker) = state.workers.pop() {
            return Err(worker);
        }
        state.waiting.push(goroutine);
        let is_first = !self.has_shortage();
        self.shortage.store(true, Relaxed);
        Ok(is_first)
    }

    /// All workers, at the end.
    pub(crate) fn take_all(&self) -> Vec<W> {
        std::mem::take(&mut self.state.lock().workers)
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

    /// Fails if who lies down does not look again, or who waits does not look through the list.
    #[test]
    fn who_waits_has_the_stack_of_a_processor_that_lies_down() {
        model(|| {
            let world = World::new();
            let other = spawn(&world, |world| {
                world.end(1);
                world.run(1);
            });
            world.start(0, world.goroutine(0));
            world.run(0);
            other.join().unwrap();
            world.run_on();
            assert_eq!(world.started.load(Relaxed), 1);
            assert!(!world.spare.has_shortage());
        });
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
}
