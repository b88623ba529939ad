//! A value that is made when it is first asked for.

use super::once_lock::OnceLock;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// A value that its function makes when it is first used, while others who want it wait; like
/// `std::sync::LazyLock`.
///
/// What waits is the goroutine, so the function may block.
///
/// ```
/// use gort::sync::LazyLock;
/// use std::collections::HashMap;
///
/// static AGES: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
///     println!("looking them up");
///     HashMap::from([("Rob", 67), ("Ken", 83)])
/// });
/// assert_eq!(AGES["Ken"], 83);
/// ```
pub struct LazyLock<T, F = fn() -> T> {
    value: OnceLock<T>,
    /// Taken by the call; gone, and no value there: it has panicked.
    init: Mutex<Option<F>>,
}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    crate::prim::const_fn! {
        /// A value that `f` is to make.
        pub fn new(f: F) -> LazyLock<T, F> {
            LazyLock { value: OnceLock::new(), init: Mutex::new(Some(f)) }
        }
    }

    /// The value; made now if it was not. Blocks while another makes it. Dereferencing does the same.
    ///
    /// ```
    /// use gort::sync::LazyLock;
    ///
    /// static CONFIG: LazyLock<String> = LazyLock::new(|| panic!("there is no such file"));
    /// assert!(gort::spawn(|| CONFIG.len()).join().is_err());
    /// assert!(gort::spawn(|| LazyLock::force(&CONFIG).len()).join().is_err()); // it is not tried again
    /// assert!(LazyLock::get(&CONFIG).is_none());
    /// ```
    ///
    /// # Panics
    /// If the function does, or has; if the function itself asks for the value.
    #[inline]
    #[track_caller]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        this.value.get_or_init(|| {
            let init = this.init.lock().unwrap_or_else(PoisonError::into_inner).take();
            match init {
                Some(init) => init(),
                None => panic!("gort: a LazyLock was used whose function has panicked"),
            }
        })
    }

    /// As [`force`](Self::force), for the only one who has it.
    ///
    /// ```
    /// use gort::sync::LazyLock;
    ///
    /// let mut list = LazyLock::new(|| vec![1]);
    /// LazyLock::force_mut(&mut list).push(2);
    /// assert_eq!(*list, [1, 2]);
    /// ```
    ///
    /// # Panics
    /// As [`force`](Self::force).
    #[track_caller]
    pub fn force_mut(this: &mut LazyLock<T, F>) -> &mut T {
        LazyLock::force(this);
        this.value.get_mut().expect("it has been made")
    }
}

impl<T, F> LazyLock<T, F> {
    /// The value, if it has been made. Never blocks.
    ///
    /// ```
    /// use gort::sync::LazyLock;
    ///
    /// let mut answer = LazyLock::new(|| 6 * 7);
    /// assert_eq!(LazyLock::get(&answer), None);
    /// assert_eq!(LazyLock::force(&answer), &42);
    /// *LazyLock::get_mut(&mut answer).unwrap() += 1;
    /// assert_eq!(LazyLock::get(&answer), Some(&43));
    /// ```
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        this.value.get()
    }

    /// The value, to be changed, if it has been made.
    pub fn get_mut(this: &mut LazyLock<T, F>) -> Option<&mut T> {
        this.value.get_mut()
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[inline]
    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        LazyLock::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("LazyLock");
        match self.value.get() {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("<uninit>")),
        };
        shown.finish()
    }
}
