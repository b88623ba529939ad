//! Scopes: goroutines that borrow.

use crate::goroutine::panic::{Shutdown, catch};
use crate::join_handle::JoinHandle;
use crate::park::{self, Wait};
use crate::runtime::{spawn_scoped, started};
use crate::sched;
use crate::spawn::Builder;
use crate::sync::WaitGroup;
use std::any::Any;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Where goroutines are started that may borrow from outside of it; from [`scope`](scope()).
///
/// ```
/// use gort::Scope;
///
/// /// Goroutines of a scope may start others in it.
/// fn visit<'scope>(s: &'scope Scope<'scope, '_>, depth: u32, leaves: &'scope gort::sync::Mutex<u32>) {
///     match depth {
///         0 => *leaves.lock().unwrap() += 1,
///         _ => (0..2).for_each(|_| drop(s.go(move || visit(s, depth - 1, leaves)))),
///     }
/// }
///
/// let leaves = gort::sync::Mutex::new(0);
/// gort::scope(|s| visit(s, 4, &leaves));
/// assert_eq!(*leaves.lock().unwrap(), 16);
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    running: WaitGroup,
    panicked: AtomicBool,
    /// Goroutines that were dropped before they ran, or unwound, as their runtime is being shut down; or that have passed such an
    /// end of another's on.
    abandoned: AtomicUsize,
    /// Invariant in both lifetimes, as in std: else a goroutine could be made to borrow for less.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

/// The place for a result, shared by goroutine and handle. Both let go of it before the scope ends
/// (or never, if the handle is leaked), so the result is dropped while its borrows are alive.
struct Packet<'scope, 'env, T> {
    scope: &'scope Scope<'scope, 'env>,
    result: Mutex<Option<thread::Result<T>>>,
}

impl<T> Drop for Packet<'_, '_, T> {
    fn drop(&mut self) {
        let result = self.result.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(payload)) = result {
            // Nobody has joined it.
            self.scope.note(&**payload);
        }
    }
}

/// Counts a goroutine of a scope as running, as long as it is there.
struct Member<'scope, 'env> {
    running: WaitGroup,
    scope: &'scope Scope<'scope, 'env>,
    ran: bool,
}

impl Drop for Member<'_, '_> {
    fn drop(&mut self) {
        if !self.ran {
            self.scope.abandoned.fetch_add(1, AcqRel);
        }
        // The scope may be gone as soon as this is done; the group is shared.
        self.running.done();
    }
}

/// What a goroutine of a scope runs, or drops if its runtime is being shut down: in this order, so that what is borrowed is let
/// go before the scope may end. (The order in which a closure drops what it holds is not specified.)
struct Body<'scope, 'env, F, T> {
    f: F,
    place: Arc<Packet<'scope, 'env, T>>,
    member: Member<'scope, 'env>,
}

impl<F: FnOnce() -> T, T> Body<'_, '_, F, T> {
    fn run(self) {
        // If it unwinds, the member is dropped last here, too.
        let Body { mut member, place, f } = self;
        let result = catch(f);
        *place.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        // If the handle has gone the result is dropped here, before the scope may end.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(place)));
        if let Err(payload) = &dropped {
            member.scope.note(&**payload);
        }
        member.ran = true;
        drop(member);
        drop(dropped);
    }
}

/// Calls `f` with a scope, and returns when all goroutines that were started in it have ended.
///
/// They may borrow what lives outside of the scope, as in `std::thread::scope`. On a plain thread
/// they belong to the process's runtime.
///
/// ```
/// let mut parts = [0; 4];
/// let limit = 10;
/// gort::scope(|s| {
///     for (i, part) in parts.iter_mut().enumerate() {
///         s.go(move || *part = i * limit);
///     }
/// });
/// assert_eq!(parts, [0, 10, 20, 30]);
/// ```
///
/// # Panics
/// With the panic of `f`; if `f` did not panic but a goroutine did that was not joined by hand, or dropping what it returned. Also if one
/// was ended by the shutdown of a runtime: one of another runtime, that is, which [`Runtime::run`](crate::Runtime::run) has called to start it;
/// who ends by that of the caller's own runtime takes the caller with it. In all cases all goroutines have ended before.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    // Where `f` and this function have their frames is what calls of the caller's have left.
    gort_context::wipe_below();
    in_scope(f)
}

#[track_caller]
fn in_scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let scope = Scope {
        running: WaitGroup::new(),
        panicked: AtomicBool::new(false),
        abandoned: AtomicUsize::new(0),
        _scope: PhantomData,
        _env: PhantomData,
    };
    // The wait must not be skipped by a panic, nor ended by a shutdown: memory is borrowed.
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    sched::shielded(|| scope.running.wait_as(Wait::Scope));
    match result {
        Err(payload) => resume_unwind(payload),
        // The caller ends by the same shutdown, if it is that of its own runtime.
        Ok(_) if scope.abandoned.load(Acquire) > 0 && sched::is_in_shutdown() => park::unwind(),
        Ok(_) if scope.abandoned.load(Acquire) > 0 => {
            panic!("a goroutine of a scope was ended by the shutdown of a runtime")
        }
        Ok(_) if scope.panicked.load(Acquire) => panic!("a goroutine of a scope panicked"),
        Ok(value) => value,
    }
}

impl Scope<'_, '_> {
    /// A goroutine has ended with this, and nobody gets it.
    fn note(&self, payload: &(dyn Any + Send)) {
        if payload.is::<Shutdown>() {
            self.abandoned.fetch_add(1, AcqRel);
        } else {
            self.panicked.store(true, Release);
        }
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Starts a goroutine that may borrow what outlives the scope.
    ///
    /// ```
    /// let numbers = [1, 2, 3, 4];
    /// let (left, right) = numbers.split_at(2);
    /// let sum = gort::scope(|s| {
    ///     let left = s.go(|| left.iter().sum::<i32>());
    ///     right.iter().sum::<i32>() + left.join().unwrap()
    /// });
    /// assert_eq!(sum, 10);
    /// ```
    ///
    /// # Panics
    /// If it cannot be started, as [`go!`](crate::go!).
    #[track_caller]
    pub fn go<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        started(self.go_with(Builder::new(), f))
    }

    /// As [`go`](Self::go), for a goroutine with a name or a stack size of its own.
    ///
    /// ```
    /// let text = String::from("borrowed");
    /// gort::scope(|s| {
    ///     let handle = s.go_with(gort::Builder::new().name("reader"), || text.len())?;
    ///     assert_eq!(handle.name(), Some("reader"));
    ///     assert_eq!(handle.join().unwrap(), 8);
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    pub fn go_with<F, T>(
        &'scope self,
        builder: Builder,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.running.add(1);
        let member = Member { running: self.running.clone(), scope: self, ran: false };
        let packet = Arc::new(Packet { scope: self, result: Mutex::new(None) });
        let body = Body { f, place: packet.clone(), member };
        // SAFETY: `scope` waits until the member is dropped, after which nothing borrowed is touched;
        // F and T may go to another thread.
        let handle = unsafe { spawn_scoped(builder.into_attributes(), move || body.run()) }
            .inspect_err(|_| {
                // Its body has been dropped, but for want of something else.
                self.abandoned.fetch_sub(1, AcqRel);
            })?;
        Ok(ScopedJoinHandle { handle, take: Box::new(Taker(packet)) })
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("running", &self.running).finish_non_exhaustive()
    }
}

/// Hides the lifetime of the environment, which handles do not name.
trait Take<T> {
    fn take(&self) -> Option<thread::Result<T>>;
}

struct Taker<'scope, 'env, T>(Arc<Packet<'scope, 'env, T>>);

impl<T> Take<T> for Taker<'_, '_, T> {
    fn take(&self) -> Option<thread::Result<T>> {
        self.0.result.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Waits for a goroutine of a scope; from [`Scope::go`]. The scope waits for it in any case.
///
/// ```
/// let words = ["a", "bc", "def"];
/// let lengths: Vec<usize> = gort::scope(|s| {
///     let handles: Vec<_> = words.iter().map(|word| s.go(|| word.len())).collect();
///     handles.into_iter().map(|handle| handle.join().unwrap()).collect()
/// });
/// assert_eq!(lengths, [1, 2, 3]);
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    handle: JoinHandle<()>,
    take: Box<dyn Take<T> + Send + Sync + 'scope>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Blocks until the goroutine has ended and returns its value.
    ///
    /// ```
    /// let text = String::from("borrowed");
    /// let len = gort::scope(|s| s.go(|| text.len()).join().unwrap());
    /// assert_eq!(len, 8);
    /// ```
    ///
    /// # Errors
    /// What it panicked with. The scope does not panic for it then.
    pub fn join(self) -> thread::Result<T> {
        self.handle.join()?;
        self.take.take().unwrap_or_else(|| Err(Box::new(Shutdown)))
    }

    /// As [`JoinHandle::is_finished`]. [`id`](Self::id) has an example.
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }

    /// As [`JoinHandle::id`].
    ///
    /// ```
    /// let (tx, rx) = gort::chan::chan::<()>(0);
    /// gort::scope(|s| {
    ///     let handle = s.go(|| {
    ///         rx.recv();
    ///         gort::current().id()
    ///     });
    ///     assert!(!handle.is_finished()); // it waits
    ///     assert_eq!(handle.name(), None);
    ///     drop(tx);
    ///     let id = handle.id();
    ///     assert_eq!(handle.join().unwrap(), id);
    /// });
    /// ```
    pub fn id(&self) -> u64 {
        self.handle.id()
    }

    /// As [`JoinHandle::name`]. [`Scope::go_with`] has an example.
    pub fn name(&self) -> Option<&str> {
        self.handle.name()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScopedJoinHandle").field(&self.handle).finish()
    }
}
