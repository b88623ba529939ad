//! A goroutine's closure and, later, its result: in the record if they are small, else in a box.

use super::{Goroutine, HAS_RESULT};
use gort_context::pass_discard;
use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a panic carries.
pub(crate) type Panicked = Box<dyn Any + Send + 'static>;

const WORDS: usize = 6;

/// Room for a small closure or result, or for the pointer to a boxed one.
#[repr(C, align(8))]
pub(crate) struct Payload([MaybeUninit<u64>; WORDS]);

impl Payload {
    pub(crate) const fn empty() -> Payload {
        Payload([MaybeUninit::uninit(); WORDS])
    }
}

pub(super) const fn fits<V>() -> bool {
    size_of::<V>() <= size_of::<Payload>() && align_of::<V>() <= align_of::<Payload>()
}

/// Writes `value` into an empty payload.
///
/// # Safety
/// `payload` is valid for writing and holds nothing.
#[inline(always)]
unsafe fn store<V>(payload: *mut Payload, value: V) {
    if fits::<V>() {
        // SAFETY: it fits in size and alignment, and nothing is overwritten.
        unsafe { payload.cast::<V>().write(value) }
    } else {
        // SAFETY: a box's pointer fits.
        unsafe { payload.cast::<*mut V>().write(Box::into_raw(Box::new(value))) }
    }
}

/// Leaves the result.
///
/// # Safety
/// The goroutine is the caller's own, or has never run, and its payload holds nothing.
#[inline(always)]
unsafe fn leave<V>(goroutine: &Goroutine, result: V) {
    goroutine.set_flag(HAS_RESULT, true);
    // SAFETY: by this function's contract; no wait has a place there any more.
    unsafe { store(goroutine.payload(), result) }
}

/// Takes the value out again.
///
/// # Safety
/// The payload holds a `V`, put there by [`store`]; it is empty afterwards.
#[inline(always)]
pub(crate) unsafe fn take<V>(payload: *mut Payload) -> V {
    if fits::<V>() {
        // SAFETY: by this function's contract.
        unsafe { payload.cast::<V>().read() }
    } else {
        // SAFETY: by this function's contract it holds the pointer of a leaked box.
        let raw = unsafe { payload.cast::<*mut V>().read() };
        // SAFETY: as above.
        *unsafe { Box::from_raw(raw) }
    }
}

/// What the scheduler does with a payload whose types it does not know.
pub(crate) struct Vtable {
    /// Runs the closure, catches its panic and leaves the result if somebody may want it. Returns
    /// what it panicked with if nobody can: the handle has the panic otherwise.
    pub(crate) run: unsafe fn(&Goroutine) -> Result<(), Panicked>,
    /// Drops the closure of a goroutine that never runs; leaves a result for the handle.
    pub(crate) abandon: unsafe fn(&Goroutine) -> Result<(), Panicked>,
    /// Drops a result that nobody has taken; returns what it panicked with.
    pub(crate) drop_result: unsafe fn(&Goroutine) -> Result<(), Panicked>,
}

impl Vtable {
    pub(crate) const NONE: &'static Vtable =
        &Vtable { run: nothing, abandon: nothing, drop_result: nothing_to_drop };
}

unsafe fn nothing(_: &Goroutine) -> Result<(), Panicked> {
    unreachable!("a vacant record does not run")
}

unsafe fn nothing_to_drop(_: &Goroutine) -> Result<(), Panicked> {
    Ok(())
}

/// A goroutine whose result a [`JoinHandle`](super::join) takes.
struct Joined<F, T>(std::marker::PhantomData<(F, T)>);

impl<F: FnOnce() -> T, T> Joined<F, T> {
    const VTABLE: Vtable =
        Vtable { run: Self::run, abandon: Self::abandon, drop_result: Self::drop_result };

    /// # Safety
    /// The goroutine's payload holds an `F`, and the caller owns the goroutine.
    unsafe fn run(goroutine: &Goroutine) -> Result<(), Panicked> {
        // SAFETY: by this function's contract.
        let closure = unsafe { take::<F>(goroutine.payload()) };
        let result = catch_unwind(AssertUnwindSafe(closure)).map_err(pass_discard);
        if let Err(payload) = &result {
            super::panic::has_panicked(goroutine, payload);
        }
        // SAFETY: the closure has been taken out.
        unsafe { leave(goroutine, result) };
        Ok(())
    }

    /// # Safety
    /// As for `run`.
    unsafe fn abandon(goroutine: &Goroutine) -> Result<(), Panicked> {
        // SAFETY: by this function's contract.
        let closure = unsafe { take::<F>(goroutine.payload()) };
        let result = catch_unwind(AssertUnwindSafe(|| drop(closure)));
        let result: Result<T, Panicked> =
            Err(result.err().unwrap_or_else(|| Box::new(super::panic::Shutdown)));
        // SAFETY: the closure has been taken out.
        unsafe { leave(goroutine, result) };
        Ok(())
    }

    /// # Safety
    /// The payload holds the result.
    unsafe fn drop_result(goroutine: &Goroutine) -> Result<(), Panicked> {
        // SAFETY: by this function's contract.
        let result = unsafe { take::<Result<T, Panicked>>(goroutine.payload()) };
        // A result whose destructor panics must not take the scheduler down.
        let value = result?;
        catch_unwind(AssertUnwindSafe(|| drop(value))).map_err(pass_discard)
    }
}

/// A goroutine that nobody joins.
struct Detached<F, T>(std::marker::PhantomData<(F, T)>);

impl<F: FnOnce() -> T, T> Detached<F, T> {
    const VTABLE: Vtable =
        Vtable { run: Self::run, abandon: Self::abandon, drop_result: nothing_to_drop };

    /// # Safety
    /// The goroutine's payload holds an `F`, and the caller owns the goroutine.
    unsafe fn run(goroutine: &Goroutine) -> Result<(), Panicked> {
        // SAFETY: by this function's contract.
        let closure = unsafe { take::<F>(goroutine.payload()) };
        let result = catch_unwind(AssertUnwindSafe(|| drop(closure()))).map_err(pass_discard);
        if let Err(payload) = &result {
            super::panic::has_panicked(goroutine, payload);
        }
        result
    }

    /// # Safety
    /// As for `run`.
    unsafe fn abandon(goroutine: &Goroutine) -> Result<(), Panicked> {
        // SAFETY: by this function's contract.
        let closure = unsafe { take::<F>(goroutine.payload()) };
        catch_unwind(AssertUnwindSafe(|| drop(closure)))
    }
}

/// Puts a closure whose result is to be joined into a record.
///
/// # Safety
/// The caller owns the record, which is vacant. What the closure borrows outlives the goroutine.
#[inline(always)]
pub(crate) unsafe fn put_joined<F: FnOnce() -> T, T>(goroutine: &Goroutine, closure: F) {
    goroutine.set_vtable(&Joined::<F, T>::VTABLE);
    // SAFETY: a vacant record's payload holds nothing.
    unsafe { store(goroutine.payload(), closure) }
}

/// As [`put_joined`], with nobody to take the result.
///
/// # Safety
/// As for [`put_joined`].
#[inline(always)]
pub(crate) unsafe fn put_detached<F: FnOnce() -> T, T>(goroutine: &Goroutine, closure: F) {
    goroutine.set_vtable(&Detached::<F, T>::VTABLE);
    // SAFETY: a vacant record's payload holds nothing.
    unsafe { store(goroutine.payload(), closure) }
}
