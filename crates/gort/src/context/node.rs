//! A context: a link in a chain to its root.

use super::error::ContextError;
use super::tree::Canceller;
use crate::chan::{self, Receiver};
use crate::park::Limit;
use std::any::{Any, type_name};
use std::fmt;
use std::panic::RefUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// A deadline, a signal to give up, and values, handed down the calls of a piece of work; see the
/// [module](super).
///
/// A clone is the same context. All methods may be called from anywhere, and none blocks.
///
/// ```
/// use gort::context::{Context, ContextError, background, with_timeout};
/// use std::time::Duration;
///
/// fn count(ctx: &Context, up_to: u64) -> Result<u64, ContextError> {
///     for n in 0..up_to {
///         if n % 1000 == 0 && let Some(error) = ctx.err() {
///             return Err(error);
///         }
///     }
///     Ok(up_to)
/// }
///
/// let (ctx, cancel) = with_timeout(&background(), Duration::from_secs(60));
/// assert_eq!(count(&ctx, 10_000), Ok(10_000));
/// cancel.cancel();
/// assert_eq!(count(&ctx, 10_000), Err(ContextError::Cancelled));
/// ```
#[derive(Clone)]
pub struct Context(pub(super) Link);

#[derive(Clone)]
pub(super) enum Link {
    Background,
    Todo,
    Node(Arc<Node>),
}

pub(super) struct Node {
    parent: Context,
    pub(super) what: What,
}

pub(super) enum What {
    Value(Box<dyn Any + Send + Sync>, &'static str),
    Detached,
    Cancel(Canceller),
}

// Of its parts only the values are user code's, which any thread may see at any moment anyway.
impl RefUnwindSafe for Node {}

/// The context at the root: never cancelled, without deadline and values.
///
/// ```
/// assert!(gort::context::background().err().is_none());
/// ```
pub const fn background() -> Context {
    Context(Link::Background)
}

/// As [`background`], for where it is not clear yet which context to pass, or there is none to be had yet.
///
/// ```
/// use gort::context::{Context, todo};
///
/// fn search(ctx: &Context) -> bool {
///     !ctx.is_done()
/// }
/// assert!(search(&todo())); // until the caller has a context to pass on
/// ```
pub const fn todo() -> Context {
    Context(Link::Todo)
}

/// A context in which [`value::<T>()`](Context::value) is `value`; else it is as its parent.
///
/// Values are for what goes with a request through all layers (who asks, a trace's number), not for arguments
/// of functions. Give each a type of its own.
///
/// ```
/// use gort::context::{background, with_value};
///
/// #[derive(PartialEq, Debug)]
/// struct UserId(u64);
///
/// let ctx = with_value(&background(), UserId(7));
/// assert_eq!(ctx.value(), Some(&UserId(7)));
/// assert_eq!(with_value(&ctx, UserId(8)).value(), Some(&UserId(8)));
/// ```
pub fn with_value<T: Any + Send + Sync>(parent: &Context, value: T) -> Context {
    Context::derive(parent, What::Value(Box::new(value), type_name::<T>()))
}

/// A context with the values of its parent, that is not cancelled with it and has no deadline.
///
/// For work that is to be finished when a request is over.
///
/// ```
/// use gort::context::{background, with_cancel, without_cancel};
///
/// let (request, cancel) = with_cancel(&background());
/// let logging = without_cancel(&request);
/// cancel.cancel();
/// assert!(request.is_done() && !logging.is_done());
/// ```
pub fn without_cancel(parent: &Context) -> Context {
    Context::derive(parent, What::Detached)
}

impl Context {
    pub(super) fn derive(parent: &Context, what: What) -> Context {
        Context(Link::Node(Arc::new(Node { parent: parent.clone(), what })))
    }

    /// A channel that is closed when the context is done, and not by hand; nothing is ever sent. For `select!`, or to
    /// block until then.
    ///
    /// For a context that cannot be cancelled it is never closed. A clone of the receiver that outlives the context,
    /// all its clones and its [`Cancel`](super::Cancel) handles is closed with the last of them.
    ///
    /// ```
    /// use gort::context;
    ///
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// gort::go!(move || cancel.cancel());
    /// assert_eq!(ctx.done().recv(), None);
    /// assert!(ctx.is_done());
    /// ```
    pub fn done(&self) -> &Receiver<()> {
        static NEVER: OnceLock<Receiver<()>> = OnceLock::new();
        self.canceller().map_or_else(|| NEVER.get_or_init(chan::silent), Canceller::done)
    }

    /// How it has ended; `None` if it is not done. Once `done` is closed this says how.
    ///
    /// ```
    /// use gort::context::{ContextError, background, with_cancel};
    ///
    /// let (ctx, cancel) = with_cancel(&background());
    /// assert_eq!((ctx.err(), ctx.is_done()), (None, false));
    /// cancel.cancel();
    /// assert_eq!((ctx.err(), ctx.is_done()), (Some(ContextError::Cancelled), true));
    /// ```
    #[inline]
    pub fn err(&self) -> Option<ContextError> {
        self.canceller()?.err()
    }

    /// Is it cancelled, or past its deadline?
    ///
    /// ```
    /// let (ctx, cancel) = gort::context::with_cancel(&gort::context::background());
    /// assert!(!ctx.is_done());
    /// cancel.cancel();
    /// assert!(ctx.is_done());
    /// ```
    #[inline]
    pub fn is_done(&self) -> bool {
        self.err().is_some()
    }

    /// When it ends by itself, if it does: the earliest deadline of it and those it was derived from.
    ///
    /// ```
    /// use gort::context::{background, with_timeout};
    /// use std::time::Duration;
    ///
    /// let (parent, _cancel) = with_timeout(&background(), Duration::from_secs(1));
    /// let (child, _cancel) = with_timeout(&parent, Duration::from_secs(60));
    /// assert!(child.deadline().is_some());
    /// assert_eq!(child.deadline(), parent.deadline()); // the earlier one
    /// assert_eq!(background().deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        let deadline = self.canceller()?.deadline;
        (deadline != crate::clock::Deadline::NEVER).then(|| deadline.instant())
    }

    /// The value of type `T` that it, or the nearest context it was derived from, was given by [`with_value`].
    ///
    /// ```
    /// use gort::context::{background, with_cancel, with_value};
    ///
    /// struct Trace(u64);
    ///
    /// let request = with_value(&background(), Trace(7));
    /// let (query, _cancel) = with_cancel(&request);
    /// assert_eq!(query.value::<Trace>().unwrap().0, 7);
    /// assert!(query.value::<u64>().is_none()); // by the type that it was given as
    /// ```
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.chain().find_map(|node| match &node.what {
            What::Value(value, _) => value.downcast_ref(),
            _ => None,
        })
    }

    /// From this context to the root.
    fn chain(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.node(), |node| node.parent.node())
    }

    pub(super) fn node(&self) -> Option<&Node> {
        match &self.0 {
            Link::Node(node) => Some(node),
            Link::Background | Link::Todo => None,
        }
    }

    /// What ends this context, if anything can.
    pub(super) fn canceller(&self) -> Option<&Canceller> {
        let end = self.chain().find(|node| !matches!(node.what, What::Value(..)))?;
        match &end.what {
            What::Cancel(canceller) => Some(canceller),
            _ => None,
        }
    }

    /// How it has ended, for a wait that was given up for it.
    pub(crate) fn ended(&self) -> ContextError {
        self.err().expect("a wait ends no sooner than the context it is limited by")
    }

    /// For waits that end with the context.
    pub(crate) fn limit(&self) -> Limit<'_> {
        self.canceller().map_or(Limit::NEVER, |canceller| Limit::Signal(&canceller.signal))
    }
}

impl Node {
    pub(super) fn parent(&self) -> &Context {
        &self.parent
    }

    fn detach(&mut self) -> Context {
        if let What::Cancel(canceller) = &mut self.what {
            canceller.release(&self.parent);
        }
        std::mem::take(&mut self.parent)
    }
}

impl Drop for Node {
    /// Takes the chain apart link by link, as far as it is this one's: a chain may be long.
    fn drop(&mut self) {
        let mut parent = self.detach();
        while let Context(Link::Node(node)) = parent
            && let Some(mut node) = Arc::into_inner(node)
        {
            parent = node.detach();
        }
    }
}

/// From the root: `background.with_cancel.with_value(app::UserId)`.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain: Vec<&Node> = self.chain().collect();
        let root = chain.last().map_or(self, |node| &node.parent);
        f.write_str(if matches!(root.0, Link::Todo) { "todo" } else { "background" })?;
        for node in chain.iter().rev() {
            match &node.what {
                What::Value(_, name) => write!(f, ".with_value({name})")?,
                What::Detached => f.write_str(".without_cancel")?,
                What::Cancel(canceller) => write!(f, ".{canceller:?}")?,
            }
        }
        Ok(())
    }
}

impl Default for Context {
    fn default() -> Self {
        background()
    }
}
