//! loom models of who polls: the idle protocol, the right to poll and the sleeper, put together as
//! [`polling`](super::polling) and [`doze`](super::doze) do it, around a poller that keeps events and wake-ups.
//!
//! Seen to fail, as a deadlock, since the event is nobody's: with a call that does not look whether somebody watches; with
//! one that looks before its processor is in the list; with a monitor that rests without looking.

use super::idle::Idle;
use super::sleeper::{Bed, Sleeper};
use super::timer::NEVER;
use crate::poll::turn::Right;
use crate::prim::atomic::{AtomicBool, Ordering::*, fence};
use crate::prim::model;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// A machine that goes idle, and whoever else there is; one processor.
struct World {
    idle: Idle<usize, usize>,
    right: Right,
    sleeper: Sleeper,
    word: (Mutex<bool>, Condvar),
    poller: (Mutex<Kept>, Condvar),
    /// Somebody has taken the event.
    handled: AtomicBool,
}

#[derive(Default)]
struct Kept {
    event: bool,
    wake_up: bool,
}

const MACHINE: usize = 0;
const PROCESSOR: usize = 0;

impl World {
    fn new() -> Arc<World> {
        Arc::new(World {
            idle: Idle::new(),
            right: Right::new(),
            sleeper: Sleeper::new(),
            word: (Mutex::new(false), Condvar::new()),
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

    fn rouse(&self) {
        match self.sleeper.rouse() {
            Bed::Word => {
                *self.word.0.lock().unwrap() = true;
                self.word.1.notify_one();
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
        if self.right.is_free() && self.idle.keeper_for(0).is_some() {
            self.rouse();
        }
    }

    /// A goroutine gives its processor up, and its machine blocks.
    fn give_up(&self) {
        self.idle.add_processor(PROCESSOR);
        self.ensure_watched();
    }

    /// A machine goes idle, and is back when the event has been handled.
    fn go_idle(&self) {
        self.idle.enter(MACHINE, None, false, NEVER);
        while !self.handled.load(SeqCst) {
            let _announced = self.idle.keep(MACHINE, || NEVER);
            if self.idle.idle_processors() > 0 && self.right.try_take() {
                if self.sleeper.begin_polling() {
                    fence(SeqCst);
                    let mut kept = self.poller.0.lock().unwrap();
                    while !kept.event && !kept.wake_up {
                        kept = self.poller.1.wait(kept).unwrap();
                    }
                    kept.wake_up = false;
                    drop(kept);
                    self.sleeper.end_polling();
                    self.take_event();
                }
                self.right.give_back();
            } else {
                let mut rung = self.word.0.lock().unwrap();
                while !*rung {
                    rung = self.word.1.wait(rung).unwrap();
                }
                *rung = false;
            }
            if self.sleeper.is_roused() {
                self.idle.enter(MACHINE, None, false, NEVER);
            }
        }
    }

    /// Ends the model: the machine has handled the event, or is roused to see that somebody has.
    fn end(&self, machine: thread::JoinHandle<()>) {
        if self.handled.load(SeqCst) && self.idle.remove(MACHINE) {
            self.rouse();
        }
        machine.join().unwrap();
    }
}

fn idle_machine(world: &Arc<World>) -> thread::JoinHandle<()> {
    let world = world.clone();
    thread::spawn(move || world.go_idle())
}

/// The last processor in use is given up for a blocking call, after its machine has polled.
#[test]
fn a_machine_goes_idle_while_another_polls_and_blocks() {
    model(|| {
        let world = World::new();
        let machine = idle_machine(&world);
        world.poll_now();
        world.give_up();
        world.arrive();
        world.end(machine);
    });
}

/// The monitor polls for those who are busy, finds that nobody is any more, and rests.
#[test]
fn a_machine_goes_idle_while_the_monitor_polls() {
    model(|| {
        let world = World::new();
        let machine = idle_machine(&world);
        let monitor = {
            let world = world.clone();
            thread::spawn(move || {
                world.poll_now();
                world.ensure_watched();
            })
        };
        world.give_up();
        monitor.join().unwrap();
        world.arrive();
        world.end(machine);
    });
}
