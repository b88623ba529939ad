//! What the members of a program share, with what has to be known of it from outside to say who can go on.

use super::odd::{Noisy, flights, noisy};
use super::wait::Members;
use crate::ledger::{Ledger, Message, Post};
use crate::random::Random;
use gort::chan::{Receiver, Sender, chan};
use gort::context::{self, Cancel, Context};
use gort::sync::{
    Barrier, Condvar, Mutex, Notify, Once, RwLock, Semaphore, SingleFlight, WaitGroup,
};
use gort::time::Timer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

pub(super) struct Channel {
    pub(super) tx: Sender<Message>,
    pub(super) rx: Receiver<Message>,
    /// Futures that wait at it and that nobody polls just now.
    pub(super) idle_futures: AtomicUsize,
}

/// A mutex with a condition variable. Locks are taken in the order of their numbers only.
#[derive(Default)]
pub(super) struct Lock {
    pub(super) mutex: Mutex<u64>,
    pub(super) held: AtomicBool,
    pub(super) condvar: Condvar,
    pub(super) signals: Signals,
}

/// How often was somebody told, and how often did somebody hear it.
#[derive(Default)]
pub(super) struct Signals {
    pub(super) sent: AtomicUsize,
    pub(super) heard: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Shelf {
    pub(super) lock: RwLock<u64>,
    pub(super) readers: AtomicIsize,
    pub(super) written: AtomicBool,
}

#[derive(Default)]
pub(super) struct Bell {
    pub(super) notify: Notify,
    pub(super) signals: Signals,
}

#[derive(Default)]
pub(super) struct Start {
    pub(super) once: Once,
    pub(super) running: AtomicBool,
}

pub(super) struct Alarm {
    pub(super) timer: Timer,
    /// Is there a message to come, as far as is known?
    pub(super) is_on: AtomicBool,
}

impl Alarm {
    /// Sets it for later, or stops it.
    pub(super) fn set(&self, duration: Option<Duration>) {
        // In an order in which it never seems to be on if it is not, whoever else is at it.
        match duration {
            Some(duration) => {
                self.is_on.store(true, SeqCst);
                self.timer.reset(duration);
            }
            None => {
                self.timer.stop();
                self.is_on.store(false, SeqCst);
            }
        }
    }

    /// Its message has come.
    pub(super) fn rang(&self) {
        self.is_on.store(false, SeqCst);
    }
}

pub(super) struct Things {
    pub(super) channels: Vec<Channel>,
    pub(super) locks: Vec<Lock>,
    pub(super) shelves: Vec<Shelf>,
    pub(super) semaphores: Vec<Arc<Semaphore>>,
    pub(super) groups: Vec<(WaitGroup, AtomicIsize)>,
    pub(super) bells: Vec<Bell>,
    pub(super) starts: Vec<Start>,
    pub(super) alarms: Vec<Alarm>,
    pub(super) barriers: Vec<(Barrier, usize)>,
    pub(super) contexts: Vec<(Context, Cancel)>,
    pub(super) noisy: (Sender<Noisy>, Receiver<Noisy>),
    pub(super) flights: SingleFlight<usize, usize>,
    pub(super) post: Arc<Post>,
    pub(super) ledger: Ledger,
    pub(super) members: Members,
    /// Messages may have gone whose sender does not know of it.
    pub(super) unknown: AtomicBool,
    pub(super) written: AtomicUsize,
    /// Nobody begins anything new.
    pub(super) ending: AtomicBool,
}

pub(super) const MESSAGES: usize = 20_000;

impl Things {
    pub(super) fn new(random: &mut Random) -> Things {
        let mut number = |most: usize| 0..1 + random.below(most);
        let (channels, locks, shelves) = (number(4), number(3), number(2));
        let (semaphores, alarms) = (number(2), number(2));
        let root = context::with_cancel(&context::background());
        let mut contexts = vec![root];
        for _ in 0..3 {
            let parent = contexts[random.below(contexts.len())].0.clone();
            contexts.push(if random.one_in(3) {
                context::with_timeout(&parent, random.micros(5000))
            } else {
                context::with_cancel(&parent)
            });
        }
        Things {
            channels: channels
                .map(|_| {
                    let (tx, rx) = chan(random.pick(&[0, 0, 0, 1, 2, 5]));
                    Channel { tx, rx, idle_futures: AtomicUsize::new(0) }
                })
                .collect(),
            locks: locks.map(|_| Lock::default()).collect(),
            shelves: shelves.map(|_| Shelf::default()).collect(),
            semaphores: semaphores.map(|_| Arc::new(Semaphore::new(random.below(4)))).collect(),
            groups: (0..2).map(|_| (WaitGroup::new(), AtomicIsize::new(0))).collect(),
            bells: (0..2).map(|_| Bell::default()).collect(),
            starts: (0..4).map(|_| Start::default()).collect(),
            alarms: alarms
                .map(|_| Alarm { timer: Timer::new(Duration::MAX), is_on: AtomicBool::new(false) })
                .collect(),
            barriers: (2..4).map(|size| (Barrier::new(size), size)).collect(),
            contexts,
            noisy: noisy(random.pick(&[0, 1, 3])),
            flights: flights(),
            post: Post::new(MESSAGES + 100),
            ledger: Ledger::default(),
            members: Members::new(),
            unknown: AtomicBool::new(false),
            written: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(SeqCst)
    }
}
