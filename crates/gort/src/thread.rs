//! Goroutines that stay on their thread.

use crate::join_handle::JoinHandle;
use crate::runtime::started;
use crate::sched::{self, Attributes};
use std::fmt;
use std::marker::PhantomData;

/// Keeps the calling goroutine on its thread, and everybody else off it, until the guard is dropped; like
/// Go's `runtime.LockOSThread`.
///
/// For libraries that keep things per thread: a graphics context, a namespace that was entered, a signal mask.
/// While the goroutine waits, its thread waits with it, and another takes the processor over: each
/// operation that blocks then costs two switches of threads. Goroutines that it starts run elsewhere.
///
/// What was changed about the thread is to be changed back before it is unlocked, as others run on it then. (Go ends the
/// thread of a goroutine that ends without having unlocked it; here none is ended for that.) What cannot be changed back belongs on a
/// [`std::thread`].
///
/// Locks may be nested; the last guard to go unlocks. One that another goroutine drops, which has it from a `thread_local!`, say,
/// unlocks nothing: who has made it stays locked until its end. On a plain thread, which nobody else uses anyway,
/// this does nothing.
///
/// ```
/// gort::run(|| {
///     let locked = gort::lock_thread();
///     let before = std::thread::current().id();
///     gort::sleep(std::time::Duration::from_millis(1));
///     assert_eq!(std::thread::current().id(), before);
///     drop(locked);
/// });
/// ```
#[must_use = "the thread is unlocked when the guard is dropped"]
pub fn lock_thread() -> LockedThread {
    LockedThread { locker: sched::lock_thread(), _not_send: PhantomData }
}

/// Keeps a goroutine on its thread; from [`lock_thread`].
///
/// ```
/// use gort::LockedThread;
///
/// /// A library that is to be called by one thread.
/// struct Library {
///     _thread: LockedThread,
/// }
///
/// gort::run(|| {
///     let library = Library { _thread: gort::lock_thread() };
///     // what is called in here is called on this thread
///     drop(library);
/// });
/// ```
pub struct LockedThread {
    locker: sched::Locker,
    /// It belongs to the goroutine that has made it.
    _not_send: PhantomData<*const ()>,
}

impl Drop for LockedThread {
    fn drop(&mut self) {
        sched::unlock_thread(self.locker);
    }
}

impl fmt::Debug for LockedThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedThread").finish_non_exhaustive()
    }
}

/// Starts a goroutine on the caller's thread, which it never leaves: the closure and its result need not be
/// `Send`.
///
/// The caller stays on the thread, too, from here on and as long as it runs: what it shares with
/// the new goroutine must not go elsewhere. The two take turns, and make room for others of their
/// thread when they wait; unlike [`lock_thread`], the thread runs other goroutines, too. One of them that
/// computes for long, or blocks the thread, holds up the others that stay there. So does one that has locked it: who starts a
/// goroutine here while it holds a [`LockedThread`] unlocks the thread before it waits for that one, which does not run before.
///
/// The handle of a result that is not `Send` is not either, and so stays there as well.
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// gort::run(|| {
///     let log = Rc::new(RefCell::new(Vec::new()));
///     let shared = log.clone();
///     let handle = gort::spawn_local(move || {
///         shared.borrow_mut().push("there");
///         Rc::new(42)
///     });
///     assert_eq!(*handle.join().unwrap(), 42);
///     log.borrow_mut().push("and back");
///     assert_eq!(*log.borrow(), ["there", "and back"]);
/// });
/// ```
///
/// # Panics
/// On a plain thread, which runs no goroutines. And if there is no memory, or no stack, for the goroutine.
#[track_caller]
pub fn spawn_local<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    assert!(
        sched::current_goroutine().is_some(),
        "gort::spawn_local() was called on a plain thread, which runs no goroutines: call it within gort::run()"
    );
    // SAFETY: closure and result own what they hold, and stay on this thread, as does the caller.
    let goroutine = unsafe { sched::spawn_local::<F, T>(Attributes::default(), f) };
    JoinHandle::new(started(goroutine), None)
}
