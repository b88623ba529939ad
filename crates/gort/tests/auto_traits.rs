//! What may go to another thread, and what be shared with one: of all that is public and holds a value of the user's.

use gort::chan::{Receiver, RecvFuture, RecvStream, SendFuture, Sender};
use gort::select::{Select, SelectedOperation};
use gort::sync::{
    LazyLock, MappedMutexGuard, MappedRwLockReadGuard, MappedRwLockWriteGuard, Mutex, MutexGuard,
    OnceLock, Pool, PoolGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, SingleFlight,
};
use gort::{JoinHandle, LockedThread};
use std::cell::Cell;

/// May go to another thread, and not be shared.
type Sent = Cell<u8>;
/// May be shared, and not go to another thread.
type Shared = std::sync::MutexGuard<'static, u8>;

/// Has the type the trait?
macro_rules! has {
    ($type:ty, $trait:ident) => {{
        #[allow(dead_code, reason = "one of the two constants hides the other")]
        trait Not {
            const HAS: bool = false;
        }
        impl<T> Not for T {}
        #[allow(dead_code, reason = "nobody makes one")]
        struct Asked<T>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "as above")]
        impl<T: $trait> Asked<T> {
            const HAS: bool = true;
        }
        <Asked<$type>>::HAS
    }};
}

/// May it be sent, and shared: with a value that is both, that is sent, that is shared?
macro_rules! asked {
    ($($name:ident)::+ $(<$lifetime:lifetime>)?) => {
        [
            [has!($($name)::+<$($lifetime,)? u8>, Send), has!($($name)::+<$($lifetime,)? u8>, Sync)],
            [has!($($name)::+<$($lifetime,)? Sent>, Send), has!($($name)::+<$($lifetime,)? Sent>, Sync)],
            [has!($($name)::+<$($lifetime,)? Shared>, Send), has!($($name)::+<$($lifetime,)? Shared>, Sync)],
        ]
    };
}

const YES: [bool; 2] = [true, true];
const NO: [bool; 2] = [false, false];
const IS_SENT: [bool; 2] = [true, false];
const IS_SHARED: [bool; 2] = [false, true];

/// Values pass through them from one thread to another, one at a time.
#[test]
fn what_hands_values_over() {
    let expected = [YES, YES, NO];
    assert_eq!(asked!(Sender), expected);
    assert_eq!(asked!(Receiver), expected);
    assert_eq!(asked!(SendFuture<'static>), expected);
    assert_eq!(asked!(RecvFuture<'static>), expected);
    assert_eq!(asked!(RecvStream), expected);
    assert_eq!(asked!(JoinHandle), expected);
    assert_eq!(asked!(Mutex), expected);
    assert_eq!(asked!(Pool), expected);
}

/// All have the value at the same time.
#[test]
fn what_shares_values() {
    let expected = [YES, IS_SENT, NO];
    assert_eq!(asked!(RwLock), expected);
    assert_eq!(asked!(OnceLock), expected);
    assert_eq!(asked!(LazyLock), expected);
    type Flight<V> = SingleFlight<u8, V>;
    assert_eq!(asked!(Flight), [YES, NO, NO]);
}

#[test]
fn guards() {
    assert_eq!(asked!(MutexGuard<'static>), [YES, IS_SENT, NO]);
    assert_eq!(asked!(PoolGuard<'static>), [YES, IS_SENT, NO]);
    assert_eq!(asked!(RwLockWriteGuard<'static>), [YES, NO, NO]);
    assert_eq!(asked!(RwLockReadGuard<'static>), [YES, NO, YES]);
    assert_eq!(asked!(MappedRwLockReadGuard<'static>), [YES, NO, YES]);
    assert_eq!(asked!(MappedMutexGuard<'static>), [YES, IS_SENT, IS_SHARED]);
    assert_eq!(asked!(MappedRwLockWriteGuard<'static>), [YES, IS_SENT, IS_SHARED]);
}

#[test]
fn what_belongs_to_a_goroutine() {
    assert_eq!([has!(LockedThread, Send), has!(LockedThread, Sync)], NO);
    assert_eq!([has!(Select<'static>, Send), has!(Select<'static>, Sync)], NO);
    type Selected = SelectedOperation<'static, 'static>;
    assert_eq!([has!(Selected, Send), has!(Selected, Sync)], NO);
}

/// What others point to in them lies in boxes.
#[test]
fn what_may_be_moved_while_it_waits() {
    assert!(has!(JoinHandle<std::marker::PhantomPinned>, Unpin));
    assert!(has!(Select<'static>, Unpin));
}
