//! Who waits for what, and whether that is there.

use super::things::Things;
use gort::context::Context;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// One of the things that would end a wait.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "shown when somebody waits in vain")]
pub(super) enum For {
    Receive(usize),
    Send(usize),
    Lock(usize),
    Read(usize),
    Write(usize),
    Permits(usize, usize),
    Group(usize),
    /// A bell, and how often it had been rung and heard when the wait began.
    Bell(usize, usize, usize),
    /// The condition variable of a lock, the same.
    Condition(usize, usize, usize),
    /// Or else something other; the lock is to be had in any case.
    ConditionOr(usize, Box<For>),
    Start(usize),
    Alarm(usize),
    Barrier(usize),
    Context(usize),
    OtherContext(Ctx),
    Ends(Vec<Arc<AtomicBool>>),
    /// Whether it has come is not asked: it will.
    Time(Instant),
}

#[derive(Clone)]
pub(super) struct Ctx(pub(super) Context);

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.err())
    }
}

#[derive(Clone, Debug)]
#[expect(dead_code, reason = "as above")]
pub(super) enum State {
    Unused,
    Runs(&'static str),
    Waits(&'static str, Vec<For>),
    Ended,
}

pub(super) struct Members {
    states: Vec<Mutex<State>>,
    used: AtomicUsize,
    /// Counts all that happens.
    pub(super) steps: AtomicU64,
}

const MOST: usize = 96;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Members {
    pub(super) fn new() -> Members {
        Members {
            states: (0..MOST).map(|_| Mutex::new(State::Unused)).collect(),
            used: AtomicUsize::new(0),
            steps: AtomicU64::new(0),
        }
    }

    pub(super) fn join(&self) -> Option<usize> {
        let place =
            self.used.fetch_update(SeqCst, SeqCst, |used| (used < MOST).then(|| used + 1)).ok()?;
        self.set(place, State::Runs("begins"));
        Some(place)
    }

    pub(super) fn set(&self, place: usize, state: State) {
        *lock(&self.states[place]) = state;
        self.steps.fetch_add(1, SeqCst);
    }

    /// The states of all. Who has begun with another who has ended is among them.
    pub(super) fn all(&self) -> Vec<State> {
        loop {
            let used = self.used.load(SeqCst);
            let states = self.states[..used].iter().map(|state| lock(state).clone()).collect();
            if self.used.load(SeqCst) == used {
                return states;
            }
        }
    }
}

impl Things {
    /// Who does not wait, or waits for what is there.
    pub(super) fn who_could_go_on(&self, states: &[State]) -> Vec<usize> {
        let could = |me: usize, state: &State| match state {
            State::Unused | State::Ended => false,
            State::Runs(_) => true,
            State::Waits(_, what) => what.iter().any(|what| self.is_there(me, what, states)),
        };
        let all = states.iter().enumerate();
        all.filter(|(me, state)| could(*me, state)).map(|(me, _)| me).collect()
    }

    /// Says no when in doubt.
    fn is_there(&self, me: usize, what: &For, states: &[State]) -> bool {
        let others = |wish: &dyn Fn(&For) -> bool| {
            states.iter().enumerate().any(|(other, state)| {
                other != me && matches!(state, State::Waits(_, wishes) if wishes.iter().any(wish))
            })
        };
        match *what {
            For::Receive(at) => {
                let channel = &self.channels[at];
                channel.idle_futures.load(SeqCst) == 0
                    && (!channel.rx.is_empty()
                        || channel.rx.is_closed()
                        || others(&|wish| matches!(wish, For::Send(other) if *other == at)))
            }
            For::Send(at) => {
                let channel = &self.channels[at];
                channel.idle_futures.load(SeqCst) == 0
                    && (channel.tx.len() < channel.tx.capacity()
                        || channel.tx.is_closed()
                        || others(&|wish| matches!(wish, For::Receive(other) if *other == at)))
            }
            For::Lock(at) => !self.locks[at].held.load(SeqCst),
            For::Read(at) => {
                let shelf = &self.shelves[at];
                let writers = others(&|wish| matches!(wish, For::Write(other) if *other == at));
                !shelf.written.load(SeqCst) && (shelf.readers.load(SeqCst) == 0 || !writers)
            }
            For::Write(at) => {
                let shelf = &self.shelves[at];
                !shelf.written.load(SeqCst) && shelf.readers.load(SeqCst) == 0
            }
            For::Permits(at, wanted) => {
                let available = self.semaphores[at].available();
                available >= wanted
                    && !others(
                        &|wish| matches!(wish, For::Permits(other, n) if *other == at && *n > available),
                    )
            }
            For::Group(at) => self.groups[at].1.load(SeqCst) == 0,
            For::Bell(at, sent, heard) => {
                let signals = &self.bells[at].signals;
                signals.sent.load(SeqCst) > sent && signals.heard.load(SeqCst) == heard
            }
            For::Condition(at, sent, heard) => {
                let signals = &self.locks[at].signals;
                !self.locks[at].held.load(SeqCst)
                    && signals.sent.load(SeqCst) > sent
                    && signals.heard.load(SeqCst) == heard
            }
            For::ConditionOr(at, ref other) => {
                !self.locks[at].held.load(SeqCst) && self.is_there(me, other, states)
            }
            For::Start(at) => !self.starts[at].running.load(SeqCst),
            For::Alarm(at) => self.alarms[at].is_on.load(SeqCst),
            For::Barrier(at) => {
                let here = |state: &&State| {
                    matches!(state, State::Waits(_, wishes)
                        if wishes.iter().any(|wish| matches!(wish, For::Barrier(other) if *other == at)))
                };
                states.iter().filter(here).count() >= self.barriers[at].1
            }
            For::Context(at) => {
                let context = &self.contexts[at].0;
                context.is_done() || context.deadline().is_some()
            }
            For::OtherContext(ref context) => context.0.is_done() || context.0.deadline().is_some(),
            For::Ends(ref all) => all.iter().all(|ended| ended.load(SeqCst)),
            For::Time(_) => true,
        }
    }
}
