//! loom models of the park word, with a switch and its post-switch step.

use super::*;
use crate::prim::UnsafeCell;
use crate::prim::atomic::AtomicUsize;
use crate::prim::model::{Number, spawn};
use loom::sync::Arc;
use loom::thread;

/// A goroutine as the scheduler sees it: saved registers, a slot for a message, and the number of
/// times that it was put on a run queue.
#[repr(C)]
struct Sleeper {
    task: Task,
    registers: UnsafeCell<u32>,
    slot: UnsafeCell<u32>,
    queued: AtomicUsize,
    /// Where it goes on: set by whoever resumes it.
    ran: AtomicUsize,
}

// SAFETY: the cells are what the model is about: loom checks who touches them when.
unsafe impl Sync for Sleeper {}
// SAFETY: as above.
unsafe impl Send for Sleeper {}

unsafe fn resume(task: NonNull<Task>) {
    // SAFETY: all tasks of these models are heads of sleepers.
    let sleeper = unsafe { task.cast::<Sleeper>().as_ref() };
    sleeper.queued.fetch_add(1, SeqCst);
    sleeper.go_on();
}

impl Sleeper {
    fn new() -> Arc<Sleeper> {
        Arc::new(Sleeper {
            task: Task::new(resume),
            registers: UnsafeCell::new(0),
            slot: UnsafeCell::new(0),
            queued: AtomicUsize::new(0),
            ran: AtomicUsize::new(0),
        })
    }

    /// The goroutine, after the wait: its registers are whole, and so is the message.
    fn go_on(&self) {
        // SAFETY: whoever resumes is the only one here; loom checks that the save came before.
        let registers = self.registers.with(|registers| unsafe { *registers });
        assert_eq!(registers, 7);
        let outcome = self.task.resumed();
        if outcome != Outcome::TIMED_OUT {
            // SAFETY: the claimer has written and woken; loom checks the order.
            assert_eq!(self.slot.with(|slot| unsafe { *slot }), outcome.index() as u32 + 100);
        }
        self.ran.fetch_add(1, SeqCst);
    }

    /// The switch away, and the post-switch step that the next goroutine does.
    fn park(&self) {
        // SAFETY: nobody reads the registers before the commit.
        self.registers.with_mut(|registers| unsafe { *registers = 7 });
        if !self.task.commit() {
            // The scheduler puts it back on the queue itself.
            self.queued.fetch_add(1, SeqCst);
            self.go_on();
        }
    }
}

/// A sender, or whoever: claims, writes the message, wakes.
fn claimer(sleeper: &Sleeper, ticket: Ticket, arm: usize) -> bool {
    // SAFETY: whoever shares the sleeper keeps it.
    let Some(claim) = (unsafe { ticket.claim(Outcome::arm(arm)) }) else { return false };
    // SAFETY: invariant 2.
    sleeper.slot.with_mut(|slot| unsafe { *slot = arm as u32 + 100 });
    claim.wake();
    true
}

#[test]
fn two_claimers_and_a_switch() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let ticket = sleeper.task.arm();
        let claimers =
            [0, 1].map(|arm| spawn(&sleeper, move |sleeper| claimer(sleeper, ticket, arm)));
        sleeper.park();
        let won = claimers.map(|claimer| claimer.join().unwrap());
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        assert_eq!(sleeper.queued.load(SeqCst), 1, "it is queued exactly once");
        assert_eq!(sleeper.ran.load(SeqCst), 1);
    });
}

#[test]
fn a_timer_against_a_sender() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let ticket = sleeper.task.arm();
        let sender = spawn(&sleeper, move |sleeper| claimer(sleeper, ticket, 3));
        let timer = thread::spawn(move || {
            // SAFETY: the main thread keeps the sleeper until both are joined.
            match unsafe { ticket.claim(Outcome::TIMED_OUT) } {
                Some(claim) => {
                    claim.wake();
                    true
                }
                None => false,
            }
        });
        sleeper.park();
        assert!(sender.join().unwrap() ^ timer.join().unwrap());
        assert_eq!(sleeper.ran.load(SeqCst), 1);
    });
}

#[test]
fn taking_a_wait_back_against_a_claim() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let ticket = sleeper.task.arm();
        let sender = spawn(&sleeper, move |sleeper| claimer(sleeper, ticket, 0));
        let taken = sleeper.task.take_back();
        if !taken {
            sleeper.park();
        }
        assert!(taken ^ sender.join().unwrap());
        assert_eq!(sleeper.ran.load(SeqCst), !taken as usize);
    });
}

#[test]
fn a_ticket_of_an_earlier_wait_claims_nothing() {
    loom::model(|| {
        let sleeper = Sleeper::new();
        let old = sleeper.task.arm();
        assert!(sleeper.task.take_back());
        let ticket = sleeper.task.arm();
        let late = spawn(&sleeper, move |sleeper| claimer(sleeper, old, 9));
        let sender = spawn(&sleeper, move |sleeper| claimer(sleeper, ticket, 1));
        sleeper.park();
        assert!(!late.join().unwrap());
        assert!(sender.join().unwrap());
        assert_eq!(sleeper.ran.load(SeqCst), 1);
    });
}

/// An owner that looks for the mark again and again, as a plain thread does before it sleeps. (loom's `unpark` orders all that
/// was done before for who is unparked, at once, whether that one sleeps or not: a model in which threads are woken by it shows
/// nothing of what the mark orders.)
#[test]
fn an_owner_that_looks_for_the_mark() {
    #[repr(C)]
    struct Looking {
        task: Task,
        message: Number,
    }
    unsafe fn mark(task: NonNull<Task>) {
        // SAFETY: the task is the head of one who looks, which stays until the model ends.
        unsafe { task.cast::<Looking>().as_ref() }.task.notify();
    }
    loom::model(|| {
        let looking = Arc::new(Looking { task: Task::new(mark), message: Number::new() });
        let ticket = looking.task.arm();
        let sender = spawn(&looking, move |looking| {
            // SAFETY: whoever shares it keeps it.
            let claim = unsafe { ticket.claim(Outcome::arm(0)) }.expect("nobody else claims it");
            looking.message.add();
            claim.wake();
        });
        if looking.task.commit() {
            while looking.task.notified().is_none() {
                thread::yield_now();
            }
        } else {
            looking.task.resumed();
        }
        assert_eq!(looking.message.get(), 1);
        sender.join().unwrap();
    });
}
