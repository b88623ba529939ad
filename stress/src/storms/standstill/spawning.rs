//! Steps that start others and wait for them, and futures.

use super::steps::Member;
use super::things::Things;
use super::wait::{For, State};
use crate::ledger::{Message, Token};
use crate::world::{dawdle, panic_on_purpose};
use gort::chan::SendError;
use gort::{JoinHandle, Runtime, Shutdown};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

/// Tells that a goroutine is at its end, or has been dropped before it began.
pub(super) struct Ends {
    things: Arc<Things>,
    me: usize,
    ended: Arc<AtomicBool>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
        self.things.members.set(self.me, State::Ended);
    }
}

/// One who is to come.
pub(super) struct Child {
    // Dropped in this order.
    member: Member,
    _token: Token,
    ends: Ends,
}

impl Child {
    /// It is not to be started at once.
    pub(super) fn is_held_up(&self) {
        self.member.things.members.set(self.member.me, State::Waits("to begin", vec![]));
    }

    pub(super) fn live(self, steps: usize) -> Token {
        // Dropped last, in a panic as well.
        let Child { ends: _ends, _token, mut member } = self;
        member.things.members.set(member.me, State::Runs("has begun"));
        member.live(steps);
        if member.weather.panics && member.random.one_in(8) {
            panic_on_purpose();
        }
        member.things.ledger.token()
    }
}

type Got<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

enum Outcome {
    Received(Option<Message>),
    Sent(Result<(), SendError<Message>>),
    Joined(thread::Result<Token>),
}

/// A future that waits at a channel and that nobody polls.
struct Idle<'a>(&'a AtomicUsize);

impl<'a> Idle<'a> {
    fn new(count: &'a AtomicUsize) -> Idle<'a> {
        count.fetch_add(1, SeqCst);
        Idle(count)
    }
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Member {
    pub(super) fn child(&mut self) -> Option<(Child, Arc<AtomicBool>)> {
        let me = self.things.members.join()?;
        let ended = Arc::new(AtomicBool::new(false));
        let ends = Ends { things: self.things.clone(), me, ended: ended.clone() };
        let member = Member {
            me,
            depth: self.depth.min(3),
            rank: 0,
            free: true,
            timed: false,
            random: self.random.fork(),
            ..self.within()
        };
        Some((Child { member, _token: self.things.ledger.token(), ends }, ended))
    }

    fn runtime(&mut self) -> Option<Arc<Runtime>> {
        let runtimes = self.runtimes.read().unwrap_or_else(PoisonError::into_inner);
        (!runtimes.is_empty()).then(|| runtimes[self.random.below(runtimes.len())].clone())
    }

    fn start(&mut self) -> Option<(JoinHandle<Token>, Arc<AtomicBool>)> {
        let steps = self.at(6);
        let (child, ended) = self.child()?;
        let body = move || child.live(steps);
        let handle = match self.random.below(4) {
            0 => gort::Builder::new()
                .name("child")
                .stack_size(64 << 10)
                .spawn(body)
                .expect("a goroutine"),
            1 => match self.runtime() {
                Some(runtime) => runtime.spawn(body),
                None => gort::spawn(body),
            },
            _ => gort::spawn(body),
        };
        Some((handle, ended))
    }

    fn joined(&mut self, result: thread::Result<Token>) {
        if let Err(payload) = result {
            // The last of a scope's.
            let right = payload.is::<Shutdown>()
                || payload.is::<crate::world::OnPurpose>()
                || payload.is::<&str>();
            assert!(right, "another payload");
        }
    }

    pub(super) fn spawning(&mut self) {
        match self.random.below(8) {
            0 => {
                let steps = self.at(6);
                if let Some((child, _)) = self.child() {
                    gort::go!(move || child.live(steps));
                }
            }
            1 if self.free && !self.timed => self.scope(),
            2 if self.free && !self.timed => self.run(),
            3 => {
                for _ in 0..self.at(20) {
                    let (token, mut random) = (self.things.ledger.token(), self.random.fork());
                    gort::go!(move || {
                        let _token = token;
                        dawdle(&mut random);
                    });
                }
            }
            4 => {
                let time = self.time();
                let (token, mut random) = (self.things.ledger.token(), self.random.fork());
                let _ = gort::time::timeout(time, move || {
                    dawdle(&mut random);
                    token
                });
            }
            5 if self.weather.bound
                && self.free
                && !self.timed
                && gort::try_current().is_some() =>
            {
                let steps = self.at(6);
                let Some((child, ended)) = self.child() else { return };
                let handle = gort::spawn_local(move || child.live(steps));
                let result =
                    self.wait("join one of this thread", vec![For::Ends(vec![ended])], || {
                        handle.join()
                    });
                self.joined(result);
            }
            _ => {
                let Some((handle, ended)) = self.start() else { return };
                if self.random.one_in(3) {
                    dawdle(&mut self.random);
                }
                if self.random.one_in(3) || !self.free || self.timed {
                    return drop(handle);
                }
                let result = if self.random.one_in(3) {
                    self.wait("block on a handle", vec![For::Ends(vec![ended])], || {
                        gort::block_on(handle)
                    })
                } else {
                    self.wait("join", vec![For::Ends(vec![ended])], || handle.join())
                };
                self.joined(result);
            }
        }
    }

    fn scope(&mut self) {
        let token = self.things.ledger.token();
        let mut ends = Vec::new();
        let children = self.at(4);
        let panics = self.random.one_in(16) && self.weather.panics;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            gort::scope(|s| {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    for _ in 0..children {
                        let Some((child, ended)) = self.child() else { break };
                        ends.push(ended);
                        let borrowed = &token;
                        let steps = self.at(5);
                        let handle = s.go(move || {
                            let _inner = borrowed.ledger().token();
                            child.live(steps)
                        });
                        if self.random.one_in(3) {
                            let ended = ends.last().expect("just put there").clone();
                            let result =
                                self.wait("join in a scope", vec![For::Ends(vec![ended])], || {
                                    handle.join()
                                });
                            self.joined(result);
                        }
                    }
                    if panics {
                        panic_on_purpose();
                    }
                    self.some(2);
                }));
                // Those who have not ended yet are waited for.
                self.things.members.set(self.me, State::Waits("scope", vec![For::Ends(ends)]));
                result.unwrap_or_else(|payload| std::panic::resume_unwind(payload));
            });
        }));
        self.things.members.set(self.me, State::Runs("has left a scope"));
        if let Err(payload) = result
            && (payload.is::<Shutdown>() || self.random.one_in(2))
        {
            std::panic::resume_unwind(payload);
        }
    }

    fn run(&mut self) {
        let steps = self.at(4);
        let Some((child, ended)) = self.child() else { return };
        let body = || child.live(steps);
        let runtime = self.random.one_in(2).then(|| self.runtime()).flatten();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.wait("run", vec![For::Ends(vec![ended])], || match runtime {
                Some(runtime) => runtime.run(body),
                _ => gort::run(body),
            })
        }));
        if let Err(payload) = &result
            && payload.is::<Shutdown>()
        {
            std::panic::resume_unwind(result.expect_err("just seen"));
        }
        self.joined(result);
    }

    /// The first of several futures; the others are dropped.
    pub(super) fn race(&mut self) {
        if self.timed {
            return;
        }
        let things = self.things.clone();
        let mut what = Vec::new();
        let mut futures: Vec<Got<'_>> = Vec::new();
        for _ in 0..1 + self.at(4) {
            let at = self.channel();
            let channel = &things.channels[at];
            match self.random.below(5) {
                0 => {
                    let Some(message) = self.message() else { continue };
                    things.post.sent();
                    what.push(For::Send(at));
                    let unknown = &things.unknown;
                    let (guard, future) = (Unknown(unknown), channel.tx.send_async(message));
                    futures.push(Box::pin(async move {
                        let guard = guard;
                        let result = future.await;
                        if result.is_ok() {
                            std::mem::forget(guard);
                        }
                        Outcome::Sent(result)
                    }));
                }
                1 => {
                    let mut stream = channel.rx.stream();
                    what.push(For::Receive(at));
                    futures.push(Box::pin(async move { Outcome::Received(stream.next().await) }));
                }
                2 => {
                    let at = self.at(things.alarms.len());
                    let alarm = &things.alarms[at];
                    what.push(For::Alarm(at));
                    futures.push(Box::pin(async move {
                        alarm.timer.receiver().recv_async().await;
                        alarm.rang();
                        Outcome::Received(None)
                    }));
                }
                3 if self.weather.spawns && self.free => {
                    let Some((handle, ended)) = self.start() else { continue };
                    what.push(For::Ends(vec![ended]));
                    futures.push(Box::pin(async move { Outcome::Joined(handle.await) }));
                }
                _ => {
                    what.push(For::Receive(at));
                    futures
                        .push(Box::pin(async { Outcome::Received(channel.rx.recv_async().await) }));
                }
            }
        }
        if futures.is_empty() {
            return;
        }
        let mut random = self.random.fork();
        let first = poll_fn(|cx| {
            let from = random.below(futures.len());
            for index in 0..futures.len() {
                let index = (from + index) % futures.len();
                if let Poll::Ready(outcome) = futures[index].as_mut().poll(cx) {
                    drop(futures.swap_remove(index));
                    return Poll::Ready(outcome);
                }
            }
            Poll::Pending
        });
        let busy = self.weather.odd && self.random.one_in(2);
        let outcome = self.wait("race", what, || {
            if busy {
                gort::block_on(super::odd::busily(&things, first))
            } else {
                gort::block_on(first)
            }
        });
        match outcome {
            Outcome::Received(message) => self.got(message),
            Outcome::Sent(Ok(())) => {}
            Outcome::Sent(Err(error)) => things.post.returned(&error.0),
            Outcome::Joined(result) => self.joined(result),
        }
    }

    /// A future that is polled and left alone for a while.
    pub(super) fn half_polled(&mut self) {
        let things = self.things.clone();
        let at = self.channel();
        let channel = &things.channels[at];
        let mut cx = Context::from_waker(Waker::noop());
        let _idle = Idle::new(&channel.idle_futures);
        if self.random.one_in(2) {
            let mut future = Box::pin(channel.rx.recv_async());
            if let Poll::Ready(message) = future.as_mut().poll(&mut cx) {
                return self.got(message);
            }
            dawdle(&mut self.random);
            if let Poll::Ready(message) = future.as_mut().poll(&mut cx) {
                self.got(message);
            }
        } else {
            let Some(message) = self.message() else { return };
            things.post.sent();
            let guard = Unknown(&things.unknown);
            let mut future = Box::pin(channel.tx.send_async(message));
            let mut result = future.as_mut().poll(&mut cx);
            if result.is_pending() {
                dawdle(&mut self.random);
                result = future.as_mut().poll(&mut cx);
            }
            match result {
                Poll::Ready(Ok(())) => std::mem::forget(guard),
                Poll::Ready(Err(error)) => things.post.returned(&error.0),
                Poll::Pending => {}
            }
        }
    }
}

/// What became of a message is not known.
struct Unknown<'a>(&'a AtomicBool);

impl Drop for Unknown<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}
