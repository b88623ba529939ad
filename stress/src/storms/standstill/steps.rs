//! What a member of a program does.

use super::things::{MESSAGES, Things};
use super::wait::{For, State};
use crate::ledger::Message;
use crate::random::Random;
use crate::world::{dawdle, panic_on_purpose};
use gort::chan::{SendTimeoutError, TryRecvError, TrySendError};
use gort::sync::RwLock;
use gort::{Runtime, Shutdown};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

/// What may happen in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) panics: bool,
    /// Members hold what belongs to their threads.
    pub(super) bound: bool,
    pub(super) futures: bool,
    pub(super) timed: bool,
    pub(super) sync: bool,
    pub(super) spawns: bool,
    pub(super) odd: bool,
}

pub(super) type Runtimes = Arc<RwLock<Vec<Arc<Runtime>>>>;

pub(super) struct Member {
    pub(super) things: Arc<Things>,
    pub(super) runtimes: Runtimes,
    pub(super) me: usize,
    pub(super) random: Random,
    pub(super) weather: Weather,
    /// How deep in others' steps.
    pub(super) depth: usize,
    /// Locks with lower numbers may not be taken any more.
    pub(super) rank: usize,
    /// Holds nothing for which others might wait.
    pub(super) free: bool,
    /// Waits no longer than some time.
    pub(super) timed: bool,
}

/// When a wait ends by a panic.
struct Unwinds<'a>(&'a Things, usize);

impl Drop for Unwinds<'_> {
    fn drop(&mut self) {
        self.0.members.set(self.1, State::Runs("unwinds"));
    }
}

gort::goroutine_local! {
    static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
}

thread_local! {
    static THREAD: thread::ThreadId = thread::current().id();
}

/// Takes a few steps when it is dropped, in a panic.
struct Late<'a>(&'a mut Member);

impl Drop for Late<'_> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut self.0.timed, true);
        self.0.some(2);
        self.0.timed = before;
    }
}

impl Member {
    pub(super) fn at(&mut self, count: usize) -> usize {
        self.random.below(count)
    }

    pub(super) fn channel(&mut self) -> usize {
        let count = self.things.channels.len();
        self.at(count)
    }

    /// `f` waits for one of these.
    pub(super) fn wait<R>(&self, name: &'static str, what: Vec<For>, f: impl FnOnce() -> R) -> R {
        let unwinds = Unwinds(&self.things, self.me);
        self.things.members.set(self.me, State::Waits(name, what));
        let result = f();
        std::mem::forget(unwinds);
        self.things.members.set(self.me, State::Runs(name));
        result
    }

    pub(super) fn time(&mut self) -> Duration {
        self.random.micros(400)
    }

    /// A few steps within another.
    pub(super) fn some(&mut self, most: usize) {
        if self.depth >= 4 {
            return;
        }
        self.depth += 1;
        for _ in 0..self.random.below(most + 1) {
            self.step();
        }
        self.depth -= 1;
    }

    /// Steps while holding something others may wait for.
    pub(super) fn holding(&mut self, rank: usize, most: usize) {
        let before =
            (std::mem::replace(&mut self.rank, rank), std::mem::replace(&mut self.free, false));
        self.some(most);
        (self.rank, self.free) = before;
    }

    pub(super) fn live(&mut self, steps: usize) {
        let local = gort::try_current().is_some();
        if local {
            MINE.set(self.me);
        }
        for _ in 0..steps {
            if self.things.is_ending() {
                break;
            }
            self.step();
            assert!(!local || MINE.get() == self.me, "a goroutine's own was changed");
        }
    }

    pub(super) fn step(&mut self) {
        if self.things.is_ending() && self.random.below(4) > 0 {
            return;
        }
        let weather = self.weather;
        match self.random.below(18) {
            0 => self.send(),
            1 => self.receive(),
            2 => self.attempt(),
            3 => self.select(),
            4 => self.standing(),
            5 => self.fixed(),
            6 => self.idle(),
            7 if weather.futures => self.race(),
            8 if weather.futures => self.half_polled(),
            9 | 10 if weather.spawns => self.spawning(),
            11 if weather.panics => self.panics(),
            12 if weather.bound => self.bound(),
            13..16 if weather.sync => self.sync(),
            16.. if weather.odd => self.odd(),
            _ => self.send_or_receive_in_time(),
        }
    }

    pub(super) fn message(&mut self) -> Option<Message> {
        let few = self.things.written.fetch_add(1, SeqCst) < MESSAGES;
        few.then(|| self.things.post.write(self.me))
    }

    pub(super) fn sent(&self, result: Result<(), Message>) {
        match result {
            Ok(()) => self.things.post.sent(),
            Err(message) => self.things.post.returned(&message),
        }
    }

    pub(super) fn got(&self, message: Option<Message>) {
        if let Some(message) = message {
            self.things.post.received(&message);
        }
    }

    fn send(&mut self) {
        if self.timed {
            return self.send_or_receive_in_time();
        }
        let at = self.channel();
        let Some(message) = self.message() else { return };
        let tx = &self.things.channels[at].tx;
        let result = self.wait("send", vec![For::Send(at)], || tx.send(message));
        self.sent(result.map_err(|error| error.0));
    }

    fn receive(&mut self) {
        if self.timed {
            return self.send_or_receive_in_time();
        }
        let at = self.channel();
        let rx = &self.things.channels[at].rx;
        let message = self.wait("receive", vec![For::Receive(at)], || rx.recv());
        self.got(message);
    }

    fn attempt(&mut self) {
        let at = self.channel();
        if self.random.one_in(2) {
            let Some(message) = self.message() else { return };
            let result = self.things.channels[at].tx.try_send(message);
            self.sent(result.map_err(|error| match error {
                TrySendError::Full(message) | TrySendError::Closed(message) => message,
            }));
        } else {
            match self.things.channels[at].rx.try_recv() {
                Ok(message) => self.got(Some(message)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => {}
            }
        }
    }

    fn send_or_receive_in_time(&mut self) {
        if !self.weather.timed && !self.timed {
            return self.attempt();
        }
        let at = self.channel();
        let time = self.time();
        let until = Instant::now() + time;
        if self.random.one_in(2) {
            let Some(message) = self.message() else { return };
            let tx = &self.things.channels[at].tx;
            let result = self.wait("send in time", vec![For::Send(at), For::Time(until)], || {
                tx.send_timeout(message, time)
            });
            self.sent(result.map_err(|error| match error {
                SendTimeoutError::Timeout(message) | SendTimeoutError::Closed(message) => message,
            }));
        } else {
            let rx = &self.things.channels[at].rx;
            let result =
                self.wait("receive in time", vec![For::Receive(at), For::Time(until)], || {
                    rx.recv_deadline(until)
                });
            self.got(result.ok());
        }
    }

    /// Other things than waiting for each other.
    fn idle(&mut self) {
        let time = self.time();
        match self.random.below(8) {
            0 => {
                let at = self.at(self.things.alarms.len());
                let time = (!self.random.one_in(3)).then_some(time);
                self.things.alarms[at].set(time);
            }
            1 if self.random.one_in(6) => {
                let at = self.channel();
                self.things.channels[at].tx.close();
            }
            2 if self.random.one_in(4) => {
                let at = self.at(self.things.contexts.len());
                self.things.contexts[at].1.cancel();
            }
            3 => gort::blocking(|| thread::sleep(time / 4)),
            4 => {
                let start = Instant::now();
                while start.elapsed() < time / 2 {
                    std::hint::spin_loop();
                }
            }
            5 => {
                let until = Instant::now() + time;
                self.wait("sleep", vec![For::Time(until)], || gort::sleep(time));
                assert!(Instant::now() >= until);
            }
            6 if !self.timed => {
                let at = self.at(self.things.alarms.len());
                let alarm = &self.things.alarms[at];
                let rings = alarm.timer.receiver();
                let _ = self.wait("alarm", vec![For::Alarm(at)], || rings.recv());
                alarm.rang();
            }
            _ => dawdle(&mut self.random),
        }
    }

    fn panics(&mut self) {
        let before = (self.depth, self.rank, self.free, self.timed);
        let payload = catch_unwind(AssertUnwindSafe(|| {
            let late = Late(self);
            late.0.some(2);
            panic_on_purpose();
        }))
        .expect_err("it panics");
        (self.depth, self.rank, self.free, self.timed) = before;
        if payload.is::<Shutdown>() {
            resume_unwind(payload);
        }
        // Not out of a destructor.
        if self.random.one_in(4) && self.depth > 0 && !self.timed {
            resume_unwind(payload);
        }
    }

    /// With something of the thread's in hand.
    fn bound(&mut self) {
        if gort::try_current().is_none() {
            return;
        }
        THREAD.with(|id| {
            assert_eq!(*id, thread::current().id());
            self.some(2);
            assert_eq!(*id, thread::current().id());
        });
    }
}
