//! Steps with what is seldom used together: messages and wakers that do things of their own, groups, runtimes within runtimes.

use super::steps::Member;
use super::things::Things;
use super::wait::For;
use crate::ledger::Token;
use crate::world::{OnPurpose, dawdle, panic_on_purpose, shut_down};
use gort::chan::{Receiver, Sender, chan};
use gort::sync::{ErrGroup, SingleFlight};
use gort::{Runtime, Shutdown};
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Instant;

/// A message that uses its own channel when it is dropped.
pub(super) struct Noisy {
    things: Weak<Things>,
    _token: Token,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        let Some(things) = self.things.upgrade() else { return };
        let (tx, rx) = &things.noisy;
        assert!(tx.len() <= 64);
        things.bells[0].signals.sent.fetch_add(1, SeqCst);
        things.bells[0].notify.notify_one();
        // The next one does the same.
        drop(rx.try_recv());
    }
}

pub(super) fn noisy(capacity: usize) -> (Sender<Noisy>, Receiver<Noisy>) {
    chan(capacity)
}

gort::goroutine_local! {
    static KEPT: RefCell<Vec<Noisy>> = const { RefCell::new(Vec::new()) };
}

/// Does something before it wakes.
struct Busy {
    waker: Waker,
    things: Weak<Things>,
}

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        if let Some(things) = self.things.upgrade() {
            let message = Noisy { things: self.things.clone(), _token: things.ledger.token() };
            drop(things.noisy.0.try_send(message));
            gort::go!(gort::yield_now);
        }
        self.waker.wake_by_ref();
    }
}

/// Polls with a waker that does more than to wake.
pub(super) async fn busily<F: Future + Unpin>(things: &Arc<Things>, mut future: F) -> F::Output {
    std::future::poll_fn(|cx| {
        let busy = Busy { waker: cx.waker().clone(), things: Arc::downgrade(things) };
        let waker = Waker::from(Arc::new(busy));
        Pin::new(&mut future).poll(&mut Context::from_waker(&waker))
    })
    .await
}

impl Member {
    fn noise(&self) -> Noisy {
        Noisy { things: Arc::downgrade(&self.things), _token: self.things.ledger.token() }
    }

    pub(super) fn odd(&mut self) {
        match self.random.below(10) {
            0..4 => self.noisily(),
            4 => self.err_group(),
            5 => self.flight(),
            6 => self.own_runtime(),
            7 => self.locked(),
            8 => self.handle_half_polled(),
            _ => {
                if gort::try_current().is_some() {
                    let noise = self.noise();
                    KEPT.with_borrow_mut(|kept| kept.push(noise));
                }
            }
        }
    }

    fn noisily(&mut self) {
        let things = self.things.clone();
        let (tx, rx) = &things.noisy;
        let (noise, time) = (self.noise(), self.time());
        match self.random.below(7) {
            0 => drop(tx.try_send(noise)),
            1 => drop(tx.send_timeout(noise, time)),
            2 => drop(rx.recv_timeout(time)),
            3 => {
                let mut cx = Context::from_waker(Waker::noop());
                let mut future = Box::pin(rx.recv_async());
                let _ = future.as_mut().poll(&mut cx);
                dawdle(&mut self.random);
            }
            4 => {
                let mut cx = Context::from_waker(Waker::noop());
                let mut future = Box::pin(tx.send_async(noise));
                let _ = future.as_mut().poll(&mut cx);
                dawdle(&mut self.random);
            }
            5 => {
                let mut select = gort::select::Select::new();
                let sends = select.send(tx, noise);
                for _ in 0..self.random.below(20) {
                    select.recv(rx);
                }
                let Ok(operation) = select.select_timeout(time) else { return };
                if operation.index() == sends {
                    drop(operation.send(tx));
                } else if self.random.one_in(2) {
                    drop(operation.recv(rx));
                }
            }
            _ => {
                let mut select = gort::select::Select::new();
                (0..20).for_each(|_| _ = select.recv(rx));
                for _ in 0..3 {
                    let Ok(operation) = select.select_timeout(time) else { continue };
                    if self.random.one_in(2) {
                        drop(operation.recv(rx));
                    }
                }
            }
        }
    }

    fn err_group(&mut self) {
        if !self.free || self.timed {
            return;
        }
        let things = self.things.clone();
        let (group, context) = ErrGroup::with_context(&things.contexts[0].0);
        let group = group.limit(1 + self.at(3));
        let mut ends = Vec::new();
        for _ in 0..self.at(4) {
            let Some((child, ended)) = self.child() else { break };
            let steps = self.at(3);
            let fails = self.random.one_in(3);
            child.is_held_up();
            let running = move || {
                drop(child.live(steps));
                if fails { Err("it fails") } else { Ok(()) }
            };
            if self.random.one_in(2) {
                if group.try_go(running).is_ok() {
                    ends.push(ended);
                }
            } else {
                // Any of those before has to end first.
                let what = if ends.is_empty() { vec![] } else { vec![For::Ends(ends.clone())] };
                self.wait("start in a group", what, || group.go(running));
                ends.push(ended);
            }
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            self.wait("end of a group", vec![For::Ends(ends)], || group.wait())
        }));
        assert!(result.is_err() || context.is_done());
        if let Err(payload) = result
            && payload.is::<Shutdown>()
        {
            resume_unwind(payload);
        }
    }

    fn flight(&mut self) {
        let things = self.things.clone();
        if self.rank > 30 || self.timed {
            return;
        }
        let key = self.at(2);
        if 30 + key < self.rank {
            return;
        }
        let of = self.at(things.contexts.len());
        let until = Instant::now() + self.time();
        let (flights, way) = (&things.flights, self.random.below(3));
        let mut call = || {
            self.things.members.set(self.me, super::wait::State::Runs("flies"));
            let mut inner = self.within();
            inner.holding(30 + key + 1, 2);
            if self.weather.panics && inner.random.one_in(4) {
                panic_on_purpose();
            }
            7
        };
        let result = catch_unwind(AssertUnwindSafe(|| match way {
            0 => self.wait("flight", vec![], || Ok(flights.run(key, &mut call))),
            1 => self.wait("flight in time", vec![For::Time(until)], || {
                flights.run_deadline(key, until, &mut call).map_err(drop)
            }),
            _ => self.wait("flight with context", vec![For::Context(of)], || {
                flights.run_context(key, &things.contexts[of].0, &mut call).map_err(drop)
            }),
        }));
        match result {
            Ok(result) => assert!(result.is_err() || result == Ok(7)),
            Err(payload) if payload.is::<OnPurpose>() => {}
            Err(payload) => resume_unwind(payload),
        }
    }

    /// A runtime that comes and goes within a goroutine of another.
    fn own_runtime(&mut self) {
        if !self.free || self.timed || !self.random.one_in(8) {
            return;
        }
        let runtime = Runtime::builder().processors(1 + self.at(2)).name("own").build();
        let runtime = runtime.expect("a runtime");
        let token = self.things.ledger.token();
        let mut random = self.random.fork();
        let steps = self.at(3);
        let child = self.child();
        let run = catch_unwind(AssertUnwindSafe(|| {
            runtime.run(|| {
                let _borrowed = &token;
                dawdle(&mut random);
            });
            if let Some((child, ended)) = child {
                let handle = runtime.spawn(move || child.live(steps));
                if self.random.one_in(2) {
                    let _ =
                        self.wait("join in an own runtime", vec![For::Ends(vec![ended])], || {
                            handle.join()
                        });
                }
            }
        }));
        self.things.members.set(
            self.me,
            super::wait::State::Waits("own shutdown", vec![For::Time(Instant::now())]),
        );
        match self.random.below(3) {
            0 => drop(runtime),
            1 => shut_down(runtime),
            _ => gort::blocking(|| shut_down(runtime)),
        }
        self.things.members.set(self.me, super::wait::State::Runs("own runtime has ended"));
        run.unwrap_or_else(|payload| resume_unwind(payload));
    }

    /// With its thread locked.
    fn locked(&mut self) {
        if self.weather.bound {
            return;
        }
        let locked = gort::lock_thread();
        let id = thread::current().id();
        let before = std::mem::replace(&mut self.timed, true);
        self.some(2);
        self.timed = before;
        assert_eq!(thread::current().id(), id);
        drop(locked);
    }

    fn handle_half_polled(&mut self) {
        let (token, mut random) = (self.things.ledger.token(), self.random.fork());
        let mut handle = gort::spawn(move || {
            dawdle(&mut random);
            token
        });
        let busy = Busy { waker: Waker::noop().clone(), things: Arc::downgrade(&self.things) };
        let waker = Waker::from(Arc::new(busy));
        for _ in 0..1 + self.random.below(3) {
            if let Poll::Ready(result) =
                Pin::new(&mut handle).poll(&mut Context::from_waker(&waker))
            {
                return drop(result);
            }
            dawdle(&mut self.random);
        }
        if self.free && self.random.one_in(2) {
            drop(handle.join());
        }
    }
}

pub(super) fn flights() -> SingleFlight<usize, usize> {
    SingleFlight::new()
}
