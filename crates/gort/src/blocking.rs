//! Calls that block the thread.

use crate::sched;

/// Calls `f`, which may block its thread, and lets other goroutines run on another meanwhile.
///
/// Any blocking call may be made in a goroutine without this: the runtime notices within some tens of
/// microseconds that the thread sleeps, if other goroutines wait, and gives its processor to another
/// ([`Preempt::Handoff`](crate::Preempt)). With `blocking` that happens at once, so it is for calls that are
/// known to take long: reading files, name resolution, a database's client, a foreign library. When
/// nobody waits, it costs some 100 ns.
///
/// `f` runs on the calling thread and stack: it may borrow, and neither it nor its result need be `Send`.
/// When it returns and no processor is free, the goroutine waits its turn like one that was made
/// ready, and may go on on another thread: what is said of operations that may block goes for
/// `blocking`, too. `f` itself may use whatever gort has. (When it has waited by gort it has a processor again, which the
/// [monitor](crate::Preempt) takes away when it blocks. With `Preempt::Off` nobody does: what blocks then is to be in a `blocking` of its own.)
///
/// When its runtime is [shut down](crate::Runtime::shutdown), a goroutine is unwound instead of calling `f`. A call that has
/// begun goes on to its end, which the shutdown waits for.
///
/// There are as many threads for blocking calls as [`max_threads`](crate::RuntimeBuilder::max_threads) allows;
/// beyond, `blocking` waits until another call returns, in the order of the calls. On a plain thread `f`
/// is just called.
///
/// ```
/// let mut line = String::from("not changed: ");
/// let length = gort::run(|| {
///     gort::blocking(|| {
///         line.push_str("std::fs::read blocks its thread");
///         std::fs::read("Cargo.toml").map(|text| text.len()).unwrap_or(0)
///     })
/// });
/// assert!(length > 0);
/// ```
///
/// # Panics
/// If `f` does; the goroutine has a processor again before it unwinds further.
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    gort_context::wipe_below();
    sched::blocking(f)
}

/// [`blocking`], by the name of what Go does around a system call.
///
/// ```
/// let text = gort::run(|| gort::with_syscall(|| std::fs::read_to_string("Cargo.toml")));
/// assert!(text.unwrap().contains("gort"));
/// ```
pub fn with_syscall<R>(f: impl FnOnce() -> R) -> R {
    blocking(f)
}
