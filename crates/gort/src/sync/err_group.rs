//! Goroutines that work at one thing, and fail together.

use super::wait_group::WaitGroup;
use super::{OwnedPermit, Semaphore};
use crate::context::{Cancel, CancelCause, Cause, Context, with_cancel_cause};
use crate::goroutine::panic::{Shutdown, catch, report};
use crate::goroutine::payload::Panicked;
use crate::prim::Lock;
use crate::prim::atomic::{AtomicBool, Ordering::*};
use crate::runtime::spawn_detached;
use crate::sched::{current_goroutine, is_in_shutdown};
use std::error::Error;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

/// Goroutines that each do a part of one thing, of which the first error counts; like Go's `errgroup`.
///
/// Clones are the same group. If one of its goroutines panics, that arrives at [`wait`](Self::wait); of several panics, the first. The
/// others go to the [panic handler](crate::set_panic_handler), as does the first if nobody waits, when the last clone is dropped.
///
/// ```
/// use gort::context::{background, Context};
/// use gort::sync::ErrGroup;
///
/// fn fetch(ctx: &Context, page: u32) -> Result<(), String> {
///     if page == 7 {
///         return Err(format!("no page {page}"));
///     }
///     ctx.done().recv(); // as if it took long: until the group gives up
///     Ok(())
/// }
///
/// let (group, ctx) = ErrGroup::with_context(&background());
/// for page in 1..=10 {
///     let ctx = ctx.clone();
///     group.go(move || fetch(&ctx, page));
/// }
/// assert_eq!(group.wait().unwrap_err().to_string(), "no page 7");
/// ```
#[derive(Clone)]
pub struct ErrGroup(Arc<Inner>);

struct Inner {
    running: WaitGroup,
    /// How many may run at a time, if that is limited.
    room: Option<Arc<Semaphore>>,
    failure: Lock<Failure>,
    /// It has been given a goroutine.
    used: AtomicBool,
    /// Of the group's context.
    cancel: Option<CancelCause>,
}

/// A goroutine's, by its number.
type Panic = (u64, Panicked);

#[derive(Default)]
struct Failure {
    error: Option<Cause>,
    /// The first, until somebody has resumed it.
    panic: Option<Panic>,
    panicked: bool,
}

impl Drop for Failure {
    fn drop(&mut self) {
        if let Some((id, payload)) = self.panic.take() {
            // Nobody has waited. It is not the end by a shutdown.
            report(id, None, payload, false);
        }
    }
}

impl ErrGroup {
    /// A group without goroutines.
    pub fn new() -> ErrGroup {
        ErrGroup::build(None, None)
    }

    /// A group with a context, which is cancelled by the first error, with that as its cause, and when
    /// [`wait`](Self::wait) returns.
    ///
    /// ```
    /// use gort::context::{background, cause};
    /// use gort::sync::ErrGroup;
    ///
    /// let (group, ctx) = ErrGroup::with_context(&background());
    /// group.go(|| Err("the disk is full"));
    /// ctx.done().recv();
    /// assert_eq!(cause(&ctx).unwrap().to_string(), "the disk is full");
    /// assert!(group.wait().is_err());
    /// ```
    pub fn with_context(parent: &Context) -> (ErrGroup, Context) {
        let (context, cancel) = with_cancel_cause(parent);
        (ErrGroup::build(None, Some(cancel)), context)
    }

    /// This group, with at most `limit` goroutines at a time.
    ///
    /// ```
    /// use gort::sync::ErrGroup;
    /// use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    ///
    /// static RUNNING: AtomicU32 = AtomicU32::new(0);
    ///
    /// let group = ErrGroup::new().limit(2);
    /// for _ in 0..10 {
    ///     group.go(|| { // waits for one of two
    ///         assert!(RUNNING.fetch_add(1, SeqCst) < 2);
    ///         gort::yield_now();
    ///         RUNNING.fetch_sub(1, SeqCst);
    ///         Ok::<_, String>(())
    ///     });
    /// }
    /// group.wait().unwrap();
    /// ```
    ///
    /// # Panics
    /// If `limit` is zero; if the group has been cloned, or given a goroutine, already.
    #[must_use]
    #[track_caller]
    pub fn limit(self, limit: usize) -> ErrGroup {
        assert!(limit > 0, "gort: an ErrGroup that may have no goroutines");
        let inner = Arc::into_inner(self.0).filter(|inner| !inner.used.load(Relaxed));
        let inner = inner.expect("gort: the limit of an ErrGroup is to be set before it is used");
        let room = Semaphore::new(limit.min(Semaphore::MAX_PERMITS));
        ErrGroup::build(Some(Arc::new(room)), inner.cancel)
    }

    fn build(room: Option<Arc<Semaphore>>, cancel: Option<CancelCause>) -> ErrGroup {
        let failure = Lock::new(Failure::default());
        ErrGroup(Arc::new(Inner {
            running: WaitGroup::new(),
            room,
            failure,
            used: AtomicBool::new(false),
            cancel,
        }))
    }

    /// Starts a goroutine of the group. If as many run as may, blocks until one of them has ended, also when the group fails
    /// meanwhile.
    ///
    /// It is started also if the group has failed, or ended; let it look at the context. It belongs to the group from when it is
    /// started: [`wait`](Self::wait) does not wait for one for which there is no room yet.
    ///
    /// A goroutine that blocks here when its runtime is [shut down](crate::Runtime::shutdown) is unwound, and `f` is dropped.
    ///
    /// ```
    /// use gort::context::background;
    /// use gort::sync::ErrGroup;
    ///
    /// let (group, ctx) = ErrGroup::with_context(&background());
    /// let group = group.limit(1);
    /// group.go(|| Err("no luck"));
    /// group.go(move || { // begins when the first has failed
    ///     assert!(ctx.is_done());
    ///     Ok::<_, String>(())
    /// });
    /// assert_eq!(group.wait().unwrap_err().to_string(), "no luck");
    /// ```
    ///
    /// # Panics
    /// If the goroutine cannot be started, as [`go!`](crate::go!). That fails the group as well.
    #[track_caller]
    pub fn go<F, E>(&self, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let permit = self.0.room.as_ref().map(|room| room.acquire_owned(1));
        self.start(permit, f);
    }

    /// Starts a goroutine of the group, unless as many run as may. Never blocks.
    ///
    /// ```
    /// use gort::sync::ErrGroup;
    ///
    /// let group = ErrGroup::new().limit(1);
    /// let (tx, rx) = gort::chan::chan::<()>(0);
    /// assert!(group.try_go(move || { rx.recv(); Ok::<_, String>(()) }).is_ok());
    /// assert!(group.try_go(|| Ok::<_, String>(())).is_err());
    /// drop(tx);
    /// group.wait().unwrap();
    /// ```
    ///
    /// # Errors
    /// `f`, if it was not started.
    ///
    /// # Panics
    /// If the goroutine cannot be started, as [`go!`](crate::go!).
    #[track_caller]
    pub fn try_go<F, E>(&self, f: F) -> Result<(), F>
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let permit = match &self.0.room {
            Some(room) => match room.try_acquire_owned(1) {
                None => return Err(f),
                permit => permit,
            },
            None => None,
        };
        self.start(permit, f);
        Ok(())
    }

    #[track_caller]
    fn start<F, E>(&self, permit: Option<OwnedPermit>, f: F)
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.0.used.store(true, Relaxed);
        self.0.running.add(1);
        let running = Running { group: self.0.clone(), permit, has_ended: false };
        spawn_detached(move || {
            let mut running = running;
            // To make a cause of the error is code of the user's, too.
            let result = catch(|| f().map_err(Cause::new));
            running.has_ended = true;
            let unheard = match result {
                Ok(result) => result.err().and_then(|error| running.group.fail(error, None)),
                Err(payload) => running.group.panicked(payload),
            };
            drop(running);
            if let Some((_, payload)) = unheard {
                resume_unwind(payload);
            }
        });
    }

    /// Blocks until all goroutines of the group have ended. Then its context, if it has one, is cancelled.
    ///
    /// ```
    /// use gort::sync::ErrGroup;
    /// use std::num::ParseIntError;
    ///
    /// let group = ErrGroup::new();
    /// for text in ["1", "two", "3"] {
    ///     group.go(move || text.parse::<u32>().map(drop));
    /// }
    /// assert!(group.wait().unwrap_err().is::<ParseIntError>());
    /// ```
    ///
    /// # Errors
    /// The first error.
    ///
    /// # Panics
    /// With the first panic of one of the goroutines; who waits when that has been passed on is told that
    /// there was one.
    pub fn wait(&self) -> Result<(), Cause> {
        let inner = &*self.0;
        inner.running.wait();
        if let Some(cancel) = &inner.cancel {
            Cancel::cancel(&cancel.without_cause());
        }
        let (panic, panicked, error) = {
            let mut failure = inner.failure.lock();
            (failure.panic.take(), failure.panicked, failure.error.clone())
        };
        if let Some((_, payload)) = panic {
            resume_unwind(payload);
        }
        assert!(!panicked, "gort: a goroutine of the ErrGroup has panicked");
        error.map_or(Ok(()), Err)
    }
}

impl Inner {
    /// Gives a panic back if it is not the first.
    fn fail(&self, error: Cause, mut panic: Option<Panic>) -> Option<Panic> {
        let is_first = {
            let mut failure = self.failure.lock();
            if panic.is_some() && !failure.panicked {
                failure.panicked = true;
                failure.panic = panic.take();
            }
            let is_first = failure.error.is_none();
            failure.error.get_or_insert_with(|| error.clone());
            is_first
        };
        if let (true, Some(cancel)) = (is_first, &self.cancel) {
            cancel.cancel(error);
        }
        panic
    }

    fn panicked(&self, payload: Panicked) -> Option<Panic> {
        if payload.is::<Shutdown>() {
            return self.fail(Cause::new("the runtime was shut down"), None);
        }
        let id = current_goroutine().map_or(0, |goroutine| goroutine.id.get());
        self.fail(Cause::new("a goroutine of the group has panicked"), Some((id, payload)))
    }
}

/// A goroutine of a group, until it has ended, or was dropped unbegun: by a runtime that is shut down, or as there was no memory
/// for it.
struct Running {
    group: Arc<Inner>,
    permit: Option<OwnedPermit>,
    has_ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            let why = match is_in_shutdown() {
                true => "the runtime was shut down",
                false => "a goroutine of the group could not be started",
            };
            self.group.fail(Cause::new(why), None);
        }
        drop(self.permit.take());
        self.group.running.done();
    }
}

impl Default for ErrGroup {
    fn default() -> Self {
        ErrGroup::new()
    }
}

impl fmt::Debug for ErrGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // How it is shown is code of the user's, so not under the lock.
        let error = self.0.failure.lock().error.clone();
        f.debug_struct("ErrGroup")
            .field("running", &self.0.running)
            .field("error", &error)
            .finish_non_exhaustive()
    }
}
