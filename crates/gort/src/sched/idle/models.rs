//! loom models of the idle protocol and of the keeper.

use super::*;
use crate::prim::atomic::AtomicUsize;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// Two machines, so many processors, and a queue that is a count.
struct World {
    idle: Idle<usize, usize>,
    work: AtomicUsize,
    done: AtomicUsize,
    signals: [(Mutex<Signal>, Condvar); 2],
    total: usize,
    /// Pieces of work that were taken.
    taken: AtomicUsize,
    /// Does the first of them take until the other is done?
    first_waits: bool,
    other_done: (Mutex<bool>, Condvar),
}

#[derive(Default)]
struct Signal {
    processor: Option<usize>,
    end: bool,
}

impl World {
    fn new(total: usize, first_waits: bool) -> Arc<World> {
        Arc::new(World {
            idle: Idle::new(),
            work: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            signals: std::array::from_fn(|_| (Mutex::new(Signal::default()), Condvar::new())),
            total,
            taken: AtomicUsize::new(0),
            first_waits,
            other_done: (Mutex::new(false), Condvar::new()),
        })
    }

    fn rouse(&self, rouse: Option<Rouse<usize, usize>>) {
        let Some(Rouse { machine, processor }) = rouse else { return };
        match machine {
            Some(machine) => {
                let (signal, condvar) = &self.signals[machine];
                signal.lock().unwrap().processor = Some(processor);
                condvar.notify_one();
            }
            // Both machines are on their way to the lists or at work, and the real code would
            // make a third. Here the processor goes back; the machine that gets to the lists
            // looks for work after this.
            None => {
                self.idle.add_processor(processor);
                self.idle.stop_searching();
            }
        }
    }

    fn submit(&self) {
        self.work.fetch_add(1, Release);
        self.rouse(self.idle.notify());
    }

    fn take_work(&self) -> bool {
        self.work.fetch_update(AcqRel, Acquire, |work| work.checked_sub(1)).is_ok()
    }

    fn work_on(&self, piece: usize) {
        let (done, condvar) = &self.other_done;
        let mut done = done.lock().unwrap();
        if piece > 0 {
            *done = true;
            condvar.notify_one();
        }
        while self.first_waits && !*done {
            done = condvar.wait(done).unwrap();
        }
    }

    /// Ends the model when all work is done: the only thing that lets a sleeping machine go.
    fn finish_one(&self) {
        if self.done.fetch_add(1, AcqRel) + 1 == self.total {
            for (signal, condvar) in &self.signals {
                signal.lock().unwrap().end = true;
                condvar.notify_one();
            }
        }
    }

    /// A machine's life, as in `find` and `doze`.
    fn machine(&self, me: usize, mut processor: Option<usize>) {
        let mut searching = false;
        loop {
            if processor.is_some() && self.take_work() {
                if std::mem::take(&mut searching)
                    && self.idle.stop_searching()
                    && self.work.load(Acquire) > 0
                {
                    self.rouse(self.idle.notify());
                }
                self.work_on(self.taken.fetch_add(1, AcqRel));
                self.finish_one();
                continue;
            }
            self.idle.enter(me, processor.take(), std::mem::take(&mut searching), NEVER);
            if self.work.load(Acquire) > 0
                && let Leave::With(mine) = self.idle.leave(me, true)
            {
                (processor, searching) = (Some(mine), true);
                continue;
            }
            let (signal, condvar) = &self.signals[me];
            let mut signal = signal.lock().unwrap();
            while signal.processor.is_none() && !signal.end {
                signal = condvar.wait(signal).unwrap();
            }
            if signal.end {
                return;
            }
            processor = signal.processor.take();
            searching = processor.is_some();
        }
    }
}

/// A keeper that has been relieved while it was about to announce its time does not overwrite its
/// successor's: nobody would wake for that one's timer.
#[test]
fn a_keeper_that_is_relieved_while_it_announces() {
    loom::model(|| {
        let idle = Arc::new(Idle::<usize, usize>::new());
        idle.enter(1, None, false, 10);
        let first = thread::spawn({
            let idle = idle.clone();
            move || idle.announce(1, 10)
        });
        idle.enter(2, None, false, 5);
        assert!(idle.announce(2, 5));
        first.join().unwrap();
        assert_eq!(idle.keeper_wakes.load(Relaxed), 5);
    });
}

/// A timer goes, as somebody else fires it, and a later one comes while the keeper, who has begun so, goes to sleep: it wakes for
/// that in time, or is roused to look again.
fn timers_come_and_go(begin: fn(&Idle<usize, usize>)) {
    loom::model(move || {
        let idle = Arc::new(Idle::<usize, usize>::new());
        let earliest = Arc::new(AtomicU64::new(10));
        idle.add_processor(0);
        idle.enter(1, None, false, 10);
        begin(&idle);
        let keeper = thread::spawn({
            let (idle, earliest) = (idle.clone(), earliest.clone());
            move || idle.keep(1, || earliest.load(Acquire))
        });
        earliest.store(NEVER, Release);
        earliest.store(20, Release);
        let roused = idle.keeper_for(20);
        let wakes = keeper.join().unwrap();
        assert!(roused.is_some() || wakes.is_some_and(|wakes| wakes <= 20));
    });
}

#[test]
fn a_keeper_that_goes_to_sleep_while_timers_come_and_go() {
    timers_come_and_go(|_| ());
}

/// One that wakes for nothing and goes to sleep again: what it announced before still stands, so who comes with a later
/// timer does not rouse it. It fails if the keeper does not look again when it has announced its time.
#[test]
fn a_keeper_that_announces_another_time() {
    timers_come_and_go(|idle| assert_eq!(idle.keep(1, || 10), Some(10)));
}

/// All processors are busy, and the keeper, which has none, sleeps without a limit. A timer comes while one of them is
/// laid down: whoever adds it is as yet among the busy, and who lays down has looked at the timers before.
#[test]
fn a_timer_that_comes_while_the_first_processor_is_laid_down() {
    loom::model(|| {
        let idle = Arc::new(Idle::<usize, usize>::new());
        let earliest = Arc::new(AtomicU64::new(NEVER));
        idle.enter(1, None, false, NEVER);
        assert_eq!(idle.keep(1, || NEVER), Some(NEVER));
        let other = thread::spawn({
            let (idle, earliest) = (idle.clone(), earliest.clone());
            move || {
                idle.enter(2, Some(0), false, earliest.load(Acquire));
                idle.keep(2, || earliest.load(Acquire))
            }
        });
        earliest.store(20, Release);
        let roused = idle.keeper_for(20);
        let wakes = other.join().unwrap();
        assert!(roused.is_some() || wakes.is_some_and(|wakes| wakes <= 20));
    });
}

/// If a wake-up is lost, all threads end up asleep with work in the queue: loom reports that
/// as a deadlock. It does when the fence in `notify` or the one in `enter` is taken out.
#[test]
fn a_submitter_and_a_machine_that_goes_to_sleep() {
    loom::model(|| {
        let world = World::new(1, false);
        let machine = thread::spawn({
            let world = world.clone();
            move || world.machine(0, Some(0))
        });
        world.submit();
        machine.join().unwrap();
    });
}

/// The same with one who has made something ready on a busy processor.
#[test]
fn a_reluctant_submitter_and_a_machine_that_goes_to_sleep() {
    loom::model(|| {
        let world = World::new(1, false);
        let machine = thread::spawn({
            let world = world.clone();
            move || world.machine(0, Some(0))
        });
        world.work.fetch_add(1, Release);
        world.rouse(world.idle.notify_reluctantly(|| false));
        machine.join().unwrap();
    });
}

/// One of them finds no processor any more, as the other was faster; by the time it has seen that, the machine sleeps
/// again and there is more work, of which nobody was told. It fails if that one does not look at the counters again.
#[test]
fn two_submitters_and_one_processor() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let world = World::new(3, false);
        let machine = thread::spawn({
            let world = world.clone();
            move || world.machine(0, Some(0))
        });
        let other = thread::spawn({
            let world = world.clone();
            move || world.submit()
        });
        world.submit();
        world.submit();
        other.join().unwrap();
        machine.join().unwrap();
    });
}

fn two_machines_and_two_pieces_of_work(first_waits: bool) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(move || {
        let world = World::new(2, first_waits);
        let machines = [0, 1].map(|me| {
            let world = world.clone();
            thread::spawn(move || world.machine(me, Some(me)))
        });
        world.submit();
        world.submit();
        machines.into_iter().for_each(|machine| machine.join().unwrap());
    });
}

#[test]
fn two_pieces_of_work() {
    two_machines_and_two_pieces_of_work(false);
}

/// Nobody is told of the second piece if the last machine that searches does not look for more
/// when it has found the first.
#[test]
fn a_piece_of_work_that_waits_for_another() {
    two_machines_and_two_pieces_of_work(true);
}

/// A machine lays its processor down while there are to be fewer. It fails if the machine does not look at their number once
/// more when the processor is in the list. That look is the model's own; that the scheduler takes it is tested by
/// `those_laid_down_while_there_are_to_be_fewer_are_out_of_use`.
#[test]
fn a_processor_that_is_laid_down_while_there_are_to_be_fewer() {
    loom::model(|| {
        let idle = Arc::new(Idle::<usize, usize>::new());
        let active = Arc::new(AtomicUsize::new(2));
        let weed_out = |idle: &Idle<usize, usize>, active: &AtomicUsize| {
            idle.retain_processors(|&processor| processor < active.load(Relaxed));
        };
        let machine = thread::spawn({
            let (idle, active) = (idle.clone(), active.clone());
            move || {
                if active.load(Relaxed) == 2 {
                    idle.enter(0, Some(1), false, NEVER);
                    if active.load(Relaxed) < 2 {
                        weed_out(&idle, &active);
                    }
                }
            }
        });
        active.swap(1, SeqCst);
        weed_out(&idle, &active);
        machine.join().unwrap();
        assert_eq!(idle.idle_processors(), 0);
    });
}
