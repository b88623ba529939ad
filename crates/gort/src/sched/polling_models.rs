//! loom models of who polls: the idle protocol, the right to poll and the sleeper, put together as
//! [`polling`](super::polling) and [`doze`](super::doze) do it, around a poller that keeps events and wake-ups.
//!
//! Seen to fail, as a deadlock, since the event is nobody's: with a call that does not look whether somebody watches; with
//! one that looks before its processor is in the list; with a monitor that rests without looking; with a machine that finds that
//! [enough](super::enough) are in use before its own processor is in the list.

use super::idle::Idle;
use super::sleeper::{Bed, Sleeper};
use super::timer::NEVER;
use crate::poll::turn::Right;
use crate::prim::atomic::{AtomicBool, Ordering::*, fence};
use crate::prim::model;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// Machines that go idle, and whoever else there is.
struct World {
    idle: Idle<usize, usize>,
    right: Right,
    machines: [Bedroom; 2],
    /// All that there are, and how many in use are enough.
    processors: usize,
    enough: usize,
    poller: (Mutex<Kept>, Condvar),
    /// Somebody has taken the event.
    handled: AtomicBool,
}

#[derive(Default)]
struct Kept {
    event: bool,
    wake_up: bool,
}

struct Bedroom {
    sleeper: Sleeper,
    word: (Mutex<bool>, Condvar),
}

impl Bedroom {
    fn new() -> Bedroom {
        Bedroom { sleeper: Sleeper::new(), word: (Mutex::new(false), Condvar::new()) }
    }
}

impl World {
    fn new(processors: usize, enough: usize) -> Arc<World> {
        Arc::new(World {
            idle: Idle::new(),
            right: Right::new(),
            machines: [Bedroom::new(), Bedroom::new()],
            processors,
            enough,
            poller: (Mutex::new(Kept::default()), Condvar::new()),
            handled: AtomicBool::new(false),
        })
    }

    /// The kernel: something has arrived.
    fn arrive(&self) {
        self.poller.0.lock().unwrap().event = true;
        self.poller.1.notify_one();
    }

    /// Polls without waiting.
    fn poll_now(&self) {
        if self.right.try_take() {
            self.take_event();
            self.right.give_back();
        }
    }

    fn take_event(&self) {
        if std::mem::take(&mut self.poller.0.lock().unwrap().event) {
            self.handled.store(true, SeqCst);
        }
    }

    fn rouse(&self, machine: usize) {
        let Bedroom { sleeper, word } = &self.machines[machine];
        match sleeper.rouse() {
            Bed::Word => {
                *word.0.lock().unwrap() = true;
                word.1.notify_one();
            }
            Bed::Poller => {
                self.poller.0.lock().unwrap().wake_up = true;
                self.poller.1.notify_one();
            }
        }
    }

    /// As `Shared::ensure_watched`.
    fn ensure_watched(&self) {
        fence(SeqCst);
        if self.right.is_free()
            && let Some(keeper) = self.idle.keeper_for(0)
        {
            self.rouse(keeper);
        }
    }

    /// A goroutine gives its processor up, and its machine blocks.
    fn give_up(&self, processor: usize) {
        self.idle.add_processor(processor);
        self.ensure_watched();
    }

    /// As `Shared::are_enough`.
    fn are_enough(&self) -> bool {
        self.processors - self.idle.idle_processors() >= self.enough
    }

    /// A machine goes idle, and is back when the event has been handled.
    fn go_idle(&self, machine: usize, processor: Option<usize>) {
        let Bedroom { sleeper, word } = &self.machines[machine];
        self.idle.enter(machine, processor, false, NEVER);
        while !self.handled.load(SeqCst) {
            let _announced = self.idle.keep(machine, || NEVER);
            if self.idle.idle_processors() > 0 && !self.are_enough() && self.right.try_take() {
                if sleeper.begin_polling() {
                    fence(SeqCst);
                    let mut kept = self.poller.0.lock().unwrap();
                    while !kept.event && !kept.wake_up {
                        kept = self.poller.1.wait(kept).unwrap();
                    }
                    kept.wake_up = false;
                    drop(kept);
                    sleeper.end_polling();
                    self.take_event();
                }
                self.right.give_back();
            } else {
                let mut rung = word.0.lock().unwrap();
                while !*rung {
                    rung = word.1.wait(rung).unwrap();
                }
                *rung = false;
            }
            if sleeper.is_roused() {
                self.idle.enter(machine, None, false, NEVER);
            }
        }
    }

    /// Ends the model: a machine has handled the event, or is roused to see that somebody has.
    fn tell(&self, machine: usize) {
        if self.handled.load(SeqCst) && self.idle.remove(machine) {
            self.rouse(machine);
        }
    }
}

fn idle_machine(
    world: &Arc<World>,
    machine: usize,
    processor: Option<usize>,
) -> thread::JoinHandle<()> {
    let world = world.clone();
    thread::spawn(move || world.go_idle(machine, processor))
}

/// The last processor in use is given up for a blocking call, after its machine has polled.
#[test]
fn a_machine_goes_idle_while_another_polls_and_blocks() {
    model(|| {
        let world = World::new(1, usize::MAX);
        let machine = idle_machine(&world, 0, None);
        world.poll_now();
        world.give_up(0);
        world.arrive();
        world.tell(0);
        machine.join().unwrap();
    });
}

/// The monitor polls for those who are busy, finds that nobody is any more, and rests.
#[test]
fn a_machine_goes_idle_while_the_monitor_polls() {
    model(|| {
        let world = World::new(1, usize::MAX);
        let machine = idle_machine(&world, 0, None);
        let monitor = {
            let world = world.clone();
            thread::spawn(move || {
                world.poll_now();
                world.ensure_watched();
            })
        };
        world.give_up(0);
        monitor.join().unwrap();
        world.arrive();
        world.tell(0);
        machine.join().unwrap();
    });
}

/// One is enough, and both that are in use go idle: either the other is in use still, or none is.
#[test]
fn two_machines_go_idle_where_one_is_enough() {
    model(|| {
        let world = World::new(2, 1);
        let other = {
            let world = world.clone();
            thread::spawn(move || {
                world.go_idle(1, Some(1));
                world.tell(0);
            })
        };
        world.arrive();
        world.go_idle(0, Some(0));
        world.tell(1);
        other.join().unwrap();
    });
}

/// One is enough, and the one in use blocks, while the other leaves the poller to it.
#[test]
fn a_machine_goes_idle_while_another_that_is_enough_blocks() {
    model(|| {
        let world = World::new(2, 1);
        let machine = idle_machine(&world, 0, Some(0));
        world.poll_now();
        world.give_up(1);
        world.arrive();
        world.tell(0);
        machine.join().unwrap();
    });
}
