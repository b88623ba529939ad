//! `go!`.

/// Starts a goroutine and lets it run on its own: Go's `go` statement.
///
/// It takes what is to run in one of three forms.
/// - A closure: `go!(|| ..)`, `go!(move || ..)`.
/// - The name of a function, or of a variable or field that holds a closure: `go!(worker)`.
/// - Any other expression, as Go does: `go!(handle(connection))`. It is evaluated by the new
///   goroutine and owns the variables it uses: it stands for `move || handle(connection)`.
///   Here gort differs from Go, which evaluates the arguments of the call before it starts the
///   goroutine. Where that matters, put them in variables first.
///
/// In a macro of your own, what an `$f:expr` stands for cannot be seen, and a closure behind it would be made and not called: there
/// write `go!(move || $f())`.
///
/// What the goroutine borrows must be `'static` and what it takes along must be [`Send`], as with
/// [`std::thread::spawn`]; [`scope`](crate::scope()) lifts the former. Its result is dropped. To wait
/// for it, use [`spawn`](crate::spawn()), which returns a [`JoinHandle`](crate::JoinHandle); to hear
/// from it, give it a channel.
///
/// `go!` never blocks. It may be used on any thread: outside a goroutine, it starts the process's
/// runtime if need be.
///
/// # Panics
///
/// If there is no memory, or no stack, for the goroutine, or the process's runtime is to be started and cannot be.
///
/// # Examples
///
/// ```
/// use gort::chan::{Receiver, Sender, chan};
/// use gort::go;
///
/// fn double(numbers: Receiver<u32>, doubled: Sender<u32>) {
///     for n in &numbers {
///         let _ = doubled.send(n * 2);
///     }
/// }
///
/// let (tx, numbers) = chan(0);
/// let (doubled, rx) = chan(0);
/// go!(double(numbers, doubled));
/// go!(move || {
///     for n in 1..=3 {
///         let _ = tx.send(n);
///     }
/// });
/// assert_eq!(rx.iter().collect::<Vec<_>>(), [2, 4, 6]);
/// ```
///
/// The channels close as the goroutines that hold the senders end, and `iter` with them.
///
/// A function by its name, and a closure in a variable:
///
/// ```
/// use gort::go;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// static TICKS: AtomicU32 = AtomicU32::new(0);
///
/// fn tick() {
///     TICKS.fetch_add(1, Ordering::Relaxed);
/// }
///
/// let tock = || tick();
/// go!(tick);
/// go!(tock);
/// while TICKS.load(Ordering::Relaxed) < 2 {
///     gort::yield_now();
/// }
/// ```
#[macro_export]
macro_rules! go {
    () => {
        ::core::compile_error!("`go!` takes what to run: a closure, a function or an expression")
    };
    // In brackets is all that was given: a closure has to be made of the caller's own tokens for
    // the compiler to speak of the caller's code. One with parameters is to be an error, rather
    // than an expression without effect.
    (@run [$($closure:tt)+] || $($body:tt)+) => { $crate::spawn_detached($($closure)+) };
    (@run [$($closure:tt)+] move || $($body:tt)+) => { $crate::spawn_detached($($closure)+) };
    (@run [$($closure:tt)+] | $($rest:tt)+) => { $crate::spawn_detached($($closure)+) };
    (@run [$($closure:tt)+] move | $($rest:tt)+) => { $crate::spawn_detached($($closure)+) };
    // It would be made, and dropped.
    (@run [$($all:tt)+] async $($rest:tt)*) => {
        ::core::compile_error!(
            "a goroutine runs ordinary code, not a future: remove `async`, or use `gort::block_on`"
        )
    };
    // What can be called: `worker`, `Pool::<u8>::work`, `<Pool as Work>::work`, `self.callback`, `job.0`, `jobs[0]`. As an expression none
    // of them would do anything.
    (@run [$($function:tt)+]
        $(::)? $($name:ident $(::<$($($value:literal)? $($block:block)? $($type:ty)?),*>)?)::+ $(,)?) => {
        $crate::spawn_detached($($function)+)
    };
    (@run [$($function:tt)+]
        <$self:ty $(as $trait:ty)?>
        $(:: $name:ident $(::<$($($value:literal)? $($block:block)? $($type:ty)?),*>)?)+ $(,)?) => {
        $crate::spawn_detached($($function)+)
    };
    (@run [$($function:tt)+]
        $object:ident $([$($index:tt)+])* $(.$field:tt $([$($index_there:tt)+])*)* $(,)?) => {
        $crate::spawn_detached($($function)+)
    };
    (@run [$($all:tt)+] $expression:expr $(,)?) => {
        $crate::spawn_detached(move || {
            let _ = $expression;
        })
    };
    ($($all:tt)+) => { $crate::go!(@run [$($all)+] $($all)+) };
}
