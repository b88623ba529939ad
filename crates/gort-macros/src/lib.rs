//! The attributes and the `select!` of [gort](https://docs.rs/gort), which re-exports them. Use
//! them from there: what they expand to names the `gort` crate.

mod attribute;
mod select;
mod tokens;

use attribute::Attribute;
use proc_macro::TokenStream;

/// Makes the body of `main` the first goroutine.
///
/// The attribute wraps the body in `gort::run`, which starts the process's runtime. The main thread
/// waits until the body returns; a panic in it is a panic of `main`. As in Go, the process ends
/// when `main` does, and other goroutines with it.
///
/// `main` returns what it may return without the attribute: nothing, a `Result`, an `ExitCode`.
/// An error is printed and becomes the exit status as usual, and need not be [`Send`].
/// Goroutines are ordinary functions, so an `async fn` is rejected.
///
/// The attribute works on functions of any name, with parameters too. What a function other than
/// `main` returns goes to its caller, on another thread as a rule, so it must be [`Send`].
///
/// # Options
///
/// - `processors = number`: how many goroutines run at the same time, in place of one for each CPU.
///   The runtime is the process's (`Runtime::builder().install()`), so there must be none yet.
/// - `crate = path`: where the gort crate is, if not at `::gort`.
///
/// # Examples
///
/// ```
/// use gort::{chan::chan, go};
///
/// #[gort::main]
/// fn main() {
///     let (tx, rx) = chan(0);
///     go!(move || tx.send("hello from another goroutine"));
///     println!("{}", rx.recv().unwrap());
/// }
/// ```
///
/// ```
/// #[gort::main(processors = 2)]
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let answer: u32 = "42".parse()?;
///     assert_eq!(gort::gomaxprocs(), 2);
///     # assert_eq!(answer, 42);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Attribute::Main, options, item)
}

/// Makes a test whose body is a goroutine.
///
/// The attribute stands for `#[test]`, which is not needed as well. The body runs in `gort::run`
/// while the test's thread waits for it; a panic in it fails the test. `#[should_panic]`,
/// `#[ignore]` and other attributes work as on any test, and so do tests that return a `Result`.
///
/// # Options
///
/// - `processors = number`: runs the body on a runtime of its own, with that many processors. With
///   one, no two goroutines run at the same time. Without the option, all tests of the process
///   share its runtime.
/// - `crate = path`: where the gort crate is, if not at `::gort`.
///
/// # Examples
///
/// ```
/// # fn main() {} // The tests themselves run in gort's tests.
/// use gort::{chan::chan, go};
///
/// #[gort::test]
/// fn values_arrive() {
///     let (tx, rx) = chan(1);
///     go!(move || tx.send(7));
///     assert_eq!(rx.recv(), Some(7));
///     assert_eq!(rx.recv(), None);
/// }
///
/// #[gort::test(processors = 1)]
/// fn numbers() -> Result<(), std::num::ParseIntError> {
///     assert_eq!("7".parse::<u8>()?, 7);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute::expand(Attribute::Test, options, item)
}

/// Waits until one of several channel operations can go ahead, does that one, and runs its body.
///
/// This is Go's `select`. The arms come in any number and order:
///
/// ```text
/// select! {
///     recv(rx) -> message => expression,  // message: Option<T>
///     send(tx, value) -> result => expression,  // result: Result<(), SendError<T>>
///     after(duration) => expression,
///     default => expression,
/// }
/// ```
///
/// - **`recv(rx) -> pattern`** is ready when there is a message, which the pattern gets in a
///   `Some`. A closed and drained channel is always ready, with `None`: stop selecting on
///   it, by leaving the loop or by a condition. The pattern must match every `Option<T>`. Without
///   `-> pattern`, the message is dropped.
/// - **`send(tx, value) -> pattern`** is ready when there is room for the value, or a receiver
///   waiting for it. A closed channel, or one with no receiver left, is always ready: the
///   result is an error that gives the value back. Without `-> pattern`, the result is dropped. A
///   value that was not sent because another arm was chosen is dropped too.
/// - **`after(duration)`** is chosen when no other arm has been ready for that long. Of several, the
///   shortest counts.
/// - **`default`** is chosen when no other arm is ready right now. With it, the select never
///   waits, but yields if the goroutine's time slice is over. There may be one. (The arms are looked at one after the other, not all at one moment as in Go: if others pass a
///   message to and fro between two channels, either may be found empty.)
///
/// If several arms are ready, one of them is chosen at random, each with the same probability, so
/// that no channel can starve another. [`select_biased!`](macro@select_biased) takes the first.
///
/// If none is ready and there is no `default`, the goroutine parks until one is, and its processor
/// runs others meanwhile. On a plain thread, the thread blocks: `select!` may be used on any
/// thread. `select! {}` waits for ever and has the type `!`.
///
/// # Conditions
///
/// `, if condition` turns an arm off while the condition is false. Neither the channel nor the value
/// is then evaluated, so `send(tx, queue.pop_front().unwrap()), if !queue.is_empty()` is fine, and so is, for a channel that
/// may not be there, `recv(rx.as_ref().unwrap()), if rx.is_some()`. If all arms are off, the select waits for ever.
///
/// # Evaluation
///
/// First the conditions, channels, values and durations of all arms are evaluated, once each and
/// from top to bottom, whichever arm is chosen later. A channel is borrowed: `rx`, `&rx`,
/// `self.inputs[0]` and `gort::chan::after(d)` can all stand in `recv(..)`. Temporaries of the
/// channels live until the choice is made; those of values and durations are gone before the
/// select waits, so a lock taken to compute a value is not held for that long.
///
/// Then the select waits, chooses, and lets go of everything that the arms have borrowed. Only then
/// does the body run. It may move or drop the channels, and `break`, `continue`, `return` and `?` in
/// it act on the code around the `select!`. The select is an expression: its value is that of the
/// body. As in a `match`, a block as the body needs no comma.
///
/// # Examples
///
/// Whatever comes first, but no longer than a second:
///
/// ```
/// use gort::{chan::chan, go, select};
/// use std::time::Duration;
///
/// let (tx, words) = chan(0);
/// let (tx2, numbers) = chan::<u32>(0);
/// go!(move || tx.send("hello"));
///
/// let got = select! {
///     recv(words) -> word => format!("{word:?}"),
///     recv(numbers) -> n => format!("{n:?}"),
///     after(Duration::from_secs(1)) => "nothing".to_string(),
/// };
/// assert_eq!(got, r#"Some("hello")"#);
/// # drop(tx2);
/// ```
///
/// A stage with a queue, which sends only when it has something to send and receives only while the
/// channel is open:
///
/// ```
/// use gort::chan::{Receiver, Sender, chan};
/// use gort::{go, select};
/// use std::collections::VecDeque;
///
/// fn queue(rx: Receiver<u32>, tx: Sender<u32>) {
///     let mut queue = VecDeque::new();
///     let mut open = true;
///     while open || !queue.is_empty() {
///         select! {
///             recv(rx) -> message, if open => match message {
///                 Some(n) => queue.push_back(n),
///                 None => open = false,
///             },
///             send(tx, queue[0]) -> result, if !queue.is_empty() => {
///                 if result.is_err() {
///                     return; // Nobody receives any more.
///                 }
///                 queue.pop_front();
///             }
///         }
///     }
/// }
///
/// let (tx, queue_rx) = chan(0);
/// let (queue_tx, rx) = chan(0);
/// go!(queue(queue_rx, queue_tx));
/// for n in 0..100 {
///     tx.send(n).unwrap();
/// }
/// drop(tx);
/// assert!(rx.iter().eq(0..100));
/// ```
///
/// Without waiting:
///
/// ```
/// use gort::{chan::chan, select};
///
/// let (tx, rx) = chan(1);
/// select! {
///     recv(rx) -> message => panic!("{message:?} out of nowhere"),
///     default => {}
/// }
/// select! {
///     send(tx, 5) -> result => assert_eq!(result, Ok(())),
///     default => panic!("no room"),
/// }
/// assert_eq!(rx.recv(), Some(5));
/// ```
///
/// # Restrictions
///
/// A `break` or `continue` in the head of an arm with a condition needs the label of its loop.
///
/// The macro looks for the crate at `::gort`. Where it has another name in `Cargo.toml`, that is found with
/// `extern crate other_name as gort;` at the root of the crate that uses it.
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(input, false)
}

/// Like [`select!`](macro@select), but of the arms that are ready it chooses the first.
///
/// Order the arms by importance. An arm that is always ready starves all that come after it, so
/// what must not be missed goes to the top: a request to stop, say. The places of `after` and
/// `default` do not matter: either is chosen only when nothing else is ready.
///
/// # Examples
///
/// ```
/// use gort::{chan::chan, select_biased};
///
/// let (stop, stopped) = chan::<()>(0);
/// let (tx, rx) = chan(1);
/// tx.send("one more message").unwrap();
/// drop(stop);
///
/// // Both are ready.
/// select_biased! {
///     recv(stopped) => println!("stopping"),
///     recv(rx) -> message => panic!("{message:?} came in spite of the stop"),
/// }
/// ```
#[proc_macro]
pub fn select_biased(input: TokenStream) -> TokenStream {
    select::expand(input, true)
}
