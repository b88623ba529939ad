//! `goroutine_local!`: variables of which every goroutine has its own.

use super::panic::drop_caught;
use crate::sched;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr;

/// A goroutine's variables: the address of the key, and the value. Few, so a list does.
#[derive(Default)]
pub(crate) struct Locals {
    values: RefCell<Vec<(usize, Box<dyn Any>)>>,
    /// Keys whose values are being made.
    in_making: RefCell<Vec<usize>>,
    /// Keys whose values are being dropped, each with the place that it had in the list: what is there, or above, was made by its
    /// destructor, or by those of what that has made.
    in_dropping: RefCell<Vec<(usize, usize)>>,
}

impl Locals {
    fn get(&self, key: usize) -> Option<*const dyn Any> {
        let values = self.values.borrow();
        values.iter().find(|(other, _)| *other == key).map(|(_, value)| ptr::from_ref(&**value))
    }

    /// Drops the values, the newest first. A destructor that makes new ones has them dropped, too. That comes to an end, as
    /// nothing makes its own value anew, not even by what it has made.
    pub(crate) fn clear(&self) {
        loop {
            let Some((key, value)) = self.values.borrow_mut().pop() else { break };
            let place = self.values.borrow().len();
            let mut in_dropping = self.in_dropping.borrow_mut();
            in_dropping.retain(|(_, other)| *other <= place);
            in_dropping.push((key, place));
            drop(in_dropping);
            drop_caught(value);
        }
        self.in_dropping.take();
    }

    fn is_in_dropping(&self, key: usize) -> bool {
        self.in_dropping.borrow().iter().any(|(other, _)| *other == key)
    }
}

/// A variable of which every goroutine, and every plain thread, has its own value; made by
/// [`goroutine_local!`](crate::goroutine_local).
///
/// The value is made at the first use and dropped when the goroutine ends. Unlike what
/// `std::thread_local!` gives, it goes with the goroutine from thread to thread: a reference to it may
/// be held over a blocking call.
///
/// ```
/// use std::cell::Cell;
///
/// gort::goroutine_local! {
///     static REQUEST: Cell<u32> = Cell::new(0);
/// }
/// let handles: Vec<_> = (1..=3)
///     .map(|id| {
///         gort::spawn(move || {
///             REQUEST.with(|request| request.set(id));
///             gort::yield_now(); // others run, perhaps on this very thread
///             REQUEST.with(|request| request.get())
///         })
///     })
///     .collect();
/// let ids: Vec<_> = handles.into_iter().map(|handle| handle.join().unwrap()).collect();
/// assert_eq!(ids, [1, 2, 3]);
/// ```
pub struct LocalKey<T: 'static> {
    init: fn() -> T,
    /// Gives the static an address of its own.
    _address: u8,
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

impl<T: 'static> LocalKey<T> {
    /// For the macro.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        LocalKey { init, _address: 0 }
    }

    /// Calls `f` with the caller's value, which is made if need be.
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// gort::goroutine_local! {
    ///     static NAMES: RefCell<Vec<&'static str>> = RefCell::new(vec!["me"]);
    /// }
    /// let len = NAMES.with(|names| {
    ///     gort::yield_now(); // it may block in here
    ///     names.borrow_mut().push("you");
    ///     names.borrow().len()
    /// });
    /// assert_eq!(len, 2);
    /// let other = gort::spawn(|| NAMES.with(|names| names.borrow().len()));
    /// assert_eq!(other.join().unwrap(), 1); // it has a list of its own
    /// ```
    ///
    /// # Panics
    /// If making the value asks for the value; or if its destructor does, when the goroutine or thread ends, or that of a value
    /// which it makes.
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        let value = match sched::current_goroutine() {
            Some(goroutine) => self.value_in(&goroutine.extra_or_default().locals),
            None => crate::tls::with_thread_locals(|locals| self.value_in(locals)),
        };
        // SAFETY: the value lies in a box that its goroutine (or thread) drops at its end only, which
        // is not before `f` returns, as `f` runs in it. Boxes do not move when the list grows.
        f(unsafe { &*value })
    }

    fn value_in(&'static self, locals: &Locals) -> *const T {
        let key = ptr::from_ref(self).addr();
        let value = locals.get(key).unwrap_or_else(|| {
            let making = InMaking::start(locals, key);
            let value: Box<dyn Any> = Box::new((self.init)());
            drop(making);
            let mut values = locals.values.borrow_mut();
            values.push((key, value));
            ptr::from_ref(&*values[values.len() - 1].1)
        });
        // SAFETY: the box is alive (see `with`), and is looked at as what it is.
        let value = unsafe { &*value };
        ptr::from_ref(value.downcast_ref::<T>().expect("keys have addresses of their own"))
    }
}

/// Marks a key as being made, until it is dropped: also by a panic.
struct InMaking<'a>(&'a Locals);

impl<'a> InMaking<'a> {
    fn start(locals: &'a Locals, key: usize) -> Self {
        assert!(
            !locals.is_in_dropping(key),
            "gort: a goroutine-local variable was used in its own destructor"
        );
        let mut in_making = locals.in_making.borrow_mut();
        assert!(
            !in_making.contains(&key),
            "gort: a goroutine-local variable was used while it was being made"
        );
        in_making.push(key);
        InMaking(locals)
    }
}

impl Drop for InMaking<'_> {
    fn drop(&mut self) {
        // The making of one value may ask for others, which are made before it is done.
        self.0.in_making.borrow_mut().pop();
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the caller's value.
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// A copy of the caller's value.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the caller's value and leaves the default.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Sets the caller's value and returns the one before.
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// gort::goroutine_local! {
    ///     static DEPTH: Cell<u32> = Cell::new(0);
    /// }
    /// assert_eq!(DEPTH.replace(1), 0);
    /// assert_eq!(DEPTH.take(), 1);
    /// assert_eq!(DEPTH.get(), 0);
    /// ```
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with a shared borrow of the caller's value.
    ///
    /// # Panics
    /// If the value is borrowed mutably.
    pub fn with_borrow<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with an exclusive borrow of the caller's value.
    ///
    /// ```
    /// use std::cell::RefCell;
    ///
    /// gort::goroutine_local! {
    ///     static TRAIL: RefCell<Vec<&'static str>> = RefCell::new(Vec::new());
    /// }
    /// TRAIL.with_borrow_mut(|trail| trail.push("begun"));
    /// gort::yield_now();
    /// assert_eq!(TRAIL.with_borrow(|trail| trail.len()), 1);
    /// assert_eq!(TRAIL.replace(vec!["anew"]), ["begun"]);
    /// assert_eq!(TRAIL.take(), ["anew"]);
    /// ```
    ///
    /// # Panics
    /// If the value is borrowed.
    pub fn with_borrow_mut<R>(&'static self, f: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the caller's value.
    ///
    /// # Panics
    /// If the value is borrowed.
    pub fn set(&'static self, value: T) {
        self.replace(value);
    }

    /// Takes the caller's value and leaves the default.
    ///
    /// # Panics
    /// If the value is borrowed.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Sets the caller's value and returns the one before.
    ///
    /// # Panics
    /// If the value is borrowed.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}
