//! The tree of contexts that can be cancelled: who is to be ended with whom.
//!
//! Each has a list of its children under a lock of its own, and its place in the list of its parent (the
//! nearest context above it that can be cancelled). Nobody holds two of these locks.
//!
//! - Ending one takes all that is to follow out of it under its lock and does it afterwards: wake who
//!   waits, close `done`, stop the timer, start the functions, and end the children; a list of work, not
//!   recursion, as a tree may be deep.
//! - Whoever ends one that another is just ending helps: it ends those below that the other has not come to. So when
//!   anybody is back from ending a context all below it have ended, as in Go.
//! - What comes later (a child, a function, a timer, `done`) finds it ended, and is ended or started by
//!   whoever brings it.
//! - The links downward are weak: a context is alive as long as somebody has it, and leaves its parent's
//!   list when it has ended or is dropped.

use super::after_func::Func;
use super::error::{Cause, ContextError};
use super::node::{Context, Link, Node, What};
use crate::chan::{self, Receiver, Sender};
use crate::clock::Deadline;
use crate::goroutine::panic::drop_caught;
use crate::park::signal::Signal;
use crate::prim::Lock;
use crate::runtime::spawn_later;
use crate::sched::Later;
use gort_context::pass_discard;
use slab::Slab;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// The part of a context that can be cancelled.
pub(super) struct Canceller {
    pub(super) signal: Signal,
    /// The earliest of its own and its parent's.
    pub(super) deadline: Deadline,
    tree: Lock<Tree>,
    /// Its place in its parent's list; under the parent's lock.
    place: AtomicUsize,
    /// Made when somebody asks for it, under the lock.
    channel: OnceLock<(Sender<()>, Receiver<()>)>,
}

const NO_PLACE: usize = usize::MAX;

#[derive(Default)]
struct Tree {
    ended: Option<(ContextError, Option<Cause>)>,
    timer: Option<Later>,
    /// Apart, as most have none.
    followers: Option<Box<Followers>>,
    /// Its children, while they are being ended.
    ending: Option<Children>,
}

type Children = Arc<Slab<Weak<Node>>>;

/// What is to follow when it ends.
#[derive(Default)]
struct Followers {
    children: Slab<Weak<Node>>,
    funcs: Slab<Arc<Func>>,
}

impl Context {
    /// A context that ends with its parent, when it is told to, or at `deadline`, then with `cause`.
    pub(super) fn cancellable(
        parent: &Context,
        deadline: Deadline,
        cause: impl FnOnce() -> Option<Cause>,
    ) -> Context {
        let earliest = parent.canceller().map_or(Deadline::NEVER, |above| above.deadline);
        let has_timer = deadline < earliest;
        let canceller = Canceller {
            signal: Signal::new(),
            deadline: deadline.min(earliest),
            tree: Lock::new(Tree::default()),
            place: AtomicUsize::new(NO_PLACE),
            channel: OnceLock::new(),
        };
        let context = Context::derive(parent, What::Cancel(canceller));
        let Context(Link::Node(node)) = &context else { unreachable!("it was derived") };
        link(node);
        if has_timer {
            set_timer(node, deadline, cause());
        }
        context
    }

    /// Ends it and all below it; nothing happens if it has ended.
    pub(super) fn end(&self, error: ContextError, cause: Option<Cause>) {
        if let Context(Link::Node(node)) = self {
            end(node, error, cause);
        }
    }
}

/// Enters a new context into the list of its parent.
fn link(node: &Arc<Node>) {
    let (What::Cancel(own), Some(above)) = (&node.what, node.parent().canceller()) else { return };
    let mut tree = above.tree.lock();
    if let Some((error, cause)) = tree.ended.clone() {
        drop(tree);
        return end(node, error, cause);
    }
    let place = tree.followers.get_or_insert_default().children.insert(Arc::downgrade(node));
    own.place.store(place, Relaxed);
}

fn set_timer(node: &Arc<Node>, deadline: Deadline, cause: Option<Cause>) {
    let What::Cancel(own) = &node.what else { return };
    if own.err().is_some() {
        return;
    }
    if deadline.has_passed() {
        return end(node, ContextError::DeadlineExceeded, cause);
    }
    let expiry = Expiry(Arc::downgrade(node));
    let timer = spawn_later(deadline, move || expiry.end(ContextError::DeadlineExceeded, cause));
    let mut tree = own.tree.lock();
    if tree.ended.is_none() {
        tree.timer = Some(timer);
    } else {
        drop(tree);
        timer.stop();
    }
}

/// What a timer is to end. Dropped before that, as the timer's runtime is shut down, it cancels: nobody
/// is to wait for a deadline that does not come.
struct Expiry(Weak<Node>);

impl Expiry {
    fn end(&self, error: ContextError, cause: Option<Cause>) {
        if let Some(node) = self.0.upgrade() {
            end(&node, error, cause);
        }
    }
}

impl Drop for Expiry {
    fn drop(&mut self) {
        if let Some(node) = self.0.upgrade()
            && let What::Cancel(own) = &node.what
            && own.err().is_none()
        {
            end(&node, ContextError::Cancelled, Some(Cause::new("the runtime was shut down")));
        }
    }
}

fn end(node: &Arc<Node>, error: ContextError, cause: Option<Cause>) {
    let What::Cancel(own) = &node.what else { return };
    let (is_first, children) = own.end(error, cause.as_ref());
    if is_first {
        own.leave(node.parent());
    }
    if let Some(children) = children {
        end_below(is_first.then_some(node), children, error, cause.as_ref());
    }
}

/// Ends the `children` of `first`, if that is this caller's to end, and all below them.
fn end_below(
    first: Option<&Arc<Node>>,
    children: Children,
    error: ContextError,
    cause: Option<&Cause>,
) {
    let mut walked = Vec::from_iter(first.cloned());
    let mut work = vec![children];
    let mut panicked = None;
    while let Some(children) = work.pop() {
        for child in children.iter().filter_map(|(_, child)| child.upgrade()) {
            if let What::Cancel(canceller) = &child.what
                && let (is_first, Some(children)) = canceller.end(error, cause)
            {
                work.push(children);
                if is_first {
                    walked.push(child);
                    continue;
                }
            }
            let_go(child, &mut panicked);
        }
    }
    for node in walked {
        if let What::Cancel(canceller) = &node.what {
            canceller.tree.lock().ending = None;
        }
        let_go(node, &mut panicked);
    }
    if let Some(payload) = panicked {
        resume_unwind(payload);
    }
}

/// Drops what may be the last handle of a context, and with it values of the user's. The first panic of one is for the end: the
/// contexts that are still to be ended do not depend on it.
fn let_go(node: Arc<Node>, panicked: &mut Option<Box<dyn Any + Send>>) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(node))).map_err(pass_discard);
    match (dropped, &panicked) {
        (Ok(()), _) => {}
        (Err(payload), None) => *panicked = Some(payload),
        (Err(payload), Some(_)) => drop_caught(payload),
    }
}

impl Canceller {
    #[inline]
    pub(super) fn err(&self) -> Option<ContextError> {
        self.signal.get().map(ContextError::from_code)
    }

    /// How and why it has ended.
    pub(super) fn ended(&self) -> Option<(ContextError, Option<Cause>)> {
        self.err()?;
        self.tree.lock().ended.clone()
    }

    pub(super) fn done(&self) -> &Receiver<()> {
        if let Some((_, receiver)) = self.channel.get() {
            if self.err().is_some() {
                // Who ends it may be about to.
                self.close_done();
            }
            return receiver;
        }
        let (sender, receiver) = chan::lent();
        {
            let tree = self.tree.lock();
            if tree.ended.is_some() {
                // Who ends it may have looked for the channel before.
                sender.close();
            }
            // Another may have been faster.
            let _ = self.channel.set((sender, receiver));
        }
        &self.channel.get().expect("it was set").1
    }

    /// Ends this one. True: it had not ended; and its children, who are to follow, if there are some that have not.
    fn end(&self, error: ContextError, cause: Option<&Cause>) -> (bool, Option<Children>) {
        let (timer, funcs, claims, children) = {
            let mut tree = self.tree.lock();
            if tree.ended.is_some() {
                let ending = tree.ending.clone();
                drop(tree);
                // Who was faster may be about to.
                self.close_done();
                return (false, ending);
            }
            tree.ended = Some((error, cause.cloned()));
            let funcs = tree.followers.take().map(|followers| {
                let Followers { children, funcs } = *followers;
                tree.ending = (!children.is_empty()).then(|| Arc::new(children));
                funcs
            });
            // With the lock, and before `done` is closed: who finds it ended, or `done` closed, finds out how.
            (tree.timer.take(), funcs, self.signal.mark(error.code()), tree.ending.clone())
        };
        self.close_done();
        claims.wake();
        if let Some(timer) = timer {
            timer.stop();
        }
        funcs.into_iter().flatten().for_each(|(_, func)| func.start());
        (true, children)
    }

    fn close_done(&self) {
        if let Some((sender, _)) = self.channel.get() {
            sender.close();
        }
    }

    /// Leaves the list of its parent.
    fn leave(&self, parent: &Context) {
        let Some(above) = parent.canceller() else { return };
        let mut tree = above.tree.lock();
        let place = self.place.swap(NO_PLACE, Relaxed);
        // One that has ended has given up its list.
        if place != NO_PLACE
            && let Some(followers) = &mut tree.followers
        {
            followers.children.remove(place);
        }
    }

    /// Nobody has the context any more.
    pub(super) fn release(&mut self, parent: &Context) {
        if self.err().is_none() {
            self.leave(parent);
        }
        if let Some(timer) = self.tree.get_mut().timer.take() {
            timer.stop();
        }
    }

    /// Has `func` started at the end; it is started at once, and has no place, if that was.
    pub(super) fn add_func(&self, func: &Arc<Func>) -> Option<usize> {
        let mut tree = self.tree.lock();
        if tree.ended.is_none() {
            return Some(tree.followers.get_or_insert_default().funcs.insert(func.clone()));
        }
        drop(tree);
        func.start();
        None
    }

    pub(super) fn remove_func(&self, place: usize) {
        let mut tree = self.tree.lock();
        let followers = tree.followers.as_mut();
        let removed = followers.and_then(|followers| followers.funcs.try_remove(place));
        drop(tree);
        drop(removed);
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("with_cancel(")?;
        match (self.err(), self.deadline.remaining()) {
            (Some(error), _) => write!(f, "{error}")?,
            (None, Some(left)) if left > Duration::ZERO => write!(f, "{left:?} left")?,
            (None, Some(_)) => f.write_str("due")?,
            (None, None) => {}
        }
        f.write_str(")")
    }
}
