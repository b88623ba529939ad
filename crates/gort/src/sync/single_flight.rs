//! Work that several want at once, and one does.
//!
//! Invariant: whoever waits for a flight, or is at it, has a share of it, got and given up with the table locked.
//! So whoever leaves it knows whether it is the last.

use super::mutex::{Mutex, MutexGuard};
use super::once_lock::OnceLock;
use crate::context::{Context, ContextError};
use crate::park::{GaveUp, Limit};
use crate::sched::shielded;
use crate::time::Elapsed;
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Has those who want the same at the same time share one call; like Go's `singleflight`.
///
/// It is no cache: who comes when the call is over makes a new one. `Hash` and `Eq` of the keys run under its lock, and must not use it.
///
/// ```
/// use gort::sync::{SingleFlight, WaitGroup};
/// use std::sync::Arc;
///
/// let prices: Arc<SingleFlight<&str, u32>> = Arc::default();
/// let group = WaitGroup::new();
/// for _ in 0..100 {
///     let prices = prices.clone();
///     group.go(move || {
///         let price = prices.run("tea", || {
///             gort::sleep(std::time::Duration::from_millis(1)); // as if over a network
///             3
///         });
///         assert_eq!(price, 3);
///     });
/// }
/// group.wait();
/// ```
pub struct SingleFlight<K, V> {
    flights: Mutex<HashMap<K, Flight<V>>>,
}

type Flight<V> = Arc<OnceLock<V>>;

impl<K: Eq + Hash + Clone, V: Clone> SingleFlight<K, V> {
    /// One without calls.
    pub fn new() -> SingleFlight<K, V> {
        SingleFlight { flights: Mutex::new(HashMap::new()) }
    }

    /// Calls `f`, in the caller's goroutine, and returns its value; if another is at it with the same key, blocks until
    /// that has its value, and returns a clone.
    ///
    /// ```
    /// let prices = gort::sync::SingleFlight::new();
    /// assert_eq!(prices.run("tea", || 3), 3);
    /// assert_eq!(prices.run("tea", || 4), 4); // the call before is over, and nothing is kept
    /// ```
    ///
    /// # Panics
    /// With the panic of `f`. One of those who wait for it then calls its own. If `f` asks for its own key.
    #[track_caller]
    pub fn run(&self, key: K, f: impl FnOnce() -> V) -> V {
        self.run_limited(key, Limit::NEVER, f).expect("a wait without a limit ends with a value")
    }

    /// As [`run`](Self::run); waits for another's call for at most `timeout`. The call itself takes as long as it takes.
    ///
    /// ```
    /// use gort::sync::SingleFlight;
    /// use std::time::Duration;
    ///
    /// let prices = SingleFlight::new();
    /// let price = prices.run("tea", || {
    ///     gort::scope(|s| {
    ///         let other = s.go(|| prices.run_timeout("tea", Duration::from_millis(1), || 4));
    ///         assert!(other.join().unwrap().is_err()); // this call is not over
    ///     });
    ///     3
    /// });
    /// assert_eq!(price, 3);
    /// ```
    ///
    /// # Errors
    /// [`Elapsed`] if another was at it, and had no value in time. The call goes on for the others.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_timeout(
        &self,
        key: K,
        timeout: Duration,
        f: impl FnOnce() -> V,
    ) -> Result<V, Elapsed> {
        self.run_limited(key, Limit::after(timeout), f).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`run`](Self::run); waits for another's call until `deadline`.
    ///
    /// # Errors
    /// As [`run_timeout`](Self::run_timeout).
    ///
    /// # Panics
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_deadline(
        &self,
        key: K,
        deadline: Instant,
        f: impl FnOnce() -> V,
    ) -> Result<V, Elapsed> {
        self.run_limited(key, Limit::at(deadline), f).map_err(|GaveUp| Elapsed::new())
    }

    /// As [`run`](Self::run); waits for another's call until `context` is done.
    ///
    /// ```
    /// use gort::{context, sync::SingleFlight};
    ///
    /// let prices = SingleFlight::new();
    /// let (ctx, cancel) = context::with_cancel(&context::background());
    /// cancel.cancel();
    /// assert_eq!(prices.run_context("tea", &ctx, || 3), Ok(3)); // nobody is at it: there is no wait
    /// ```
    ///
    /// # Errors
    /// How the context has ended, if another was at it, and had no value by then.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_context(
        &self,
        key: K,
        context: &Context,
        f: impl FnOnce() -> V,
    ) -> Result<V, ContextError> {
        self.run_limited(key, context.limit(), f).map_err(|GaveUp| context.ended())
    }

    /// Has the next who comes make a call of its own, also if there is one on the way. Never blocks for that.
    ///
    /// ```
    /// use gort::sync::SingleFlight;
    ///
    /// let answers = SingleFlight::new();
    /// let answer = answers.run("life", || {
    ///     answers.forget(&"life");
    ///     answers.run("life", || 42) // a call of its own
    /// });
    /// assert_eq!(answer, 42);
    /// ```
    pub fn forget(&self, key: &K) {
        let removed = self.lock().remove_entry(key);
        drop(removed); // user code
    }

    /// The flight of the key, or a new one.
    fn board(&self, key: &K) -> Flight<V> {
        // User code, to be made, and dropped where there is such a key, while the table is not locked.
        let spare = key.clone();
        let mut flights = self.lock();
        let over = match flights.get(&spare) {
            Some(flight) if flight.get().is_none() => return flight.clone(),
            // It is over, and would be gone in a moment, unless a key's `Hash` or `Eq` has panicked as it was left.
            Some(_) => flights.remove_entry(&spare),
            None => None,
        };
        let flight = Flight::default();
        flights.insert(spare, flight.clone());
        drop(flights);
        drop(over); // user code
        flight
    }

    #[track_caller]
    fn run_limited(&self, key: K, limit: Limit<'_>, f: impl FnOnce() -> V) -> Result<V, GaveUp> {
        let flight = self.board(&key);
        // Leaves it, also when `f` panics.
        let seat = Seat { group: self, key, flight: Some(flight) };
        match seat.flight().init(limit, || Ok::<V, Infallible>(f()))? {
            Ok(value) => Ok(value.clone()),
            Err(never) => match never {},
        }
    }
}

impl<K, V> SingleFlight<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<V>>> {
        // A key's `Hash` or `Eq` that panics leaves the table as it was.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for a flight, or is at it.
struct Seat<'a, K: Eq + Hash, V> {
    group: &'a SingleFlight<K, V>,
    key: K,
    flight: Option<Flight<V>>,
}

impl<K: Eq + Hash, V> Seat<'_, K, V> {
    fn flight(&self) -> &Flight<V> {
        self.flight.as_ref().expect("a seat is in a flight until it is dropped")
    }
}

impl<K: Eq + Hash, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        // If a shutdown ended this wait the flight would stay.
        let mut flights = shielded(|| self.group.lock());
        let is_current = flights.get(&self.key).is_some_and(|other| Arc::ptr_eq(other, &flight));
        // More than the table's and this one's: the others need it where it is.
        if is_current && flight.get().is_none() && Arc::strong_count(&flight) > 2 {
            return drop(flight); // with the table locked, so that one of them is the last
        }
        let removed = if is_current { flights.remove_entry(&self.key) } else { None };
        drop(flights);
        drop((removed, flight)); // user code
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        SingleFlight::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("flights", &self.lock().len()).finish()
    }
}
