//! Goroutines for Rust.
extern crate self as gort;

pub mod chan;
mod clock;
#[cfg(not(loom))]
mod goroutine;
#[cfg(not(loom))]
mod join_handle;
#[cfg(not(loom))]
#[macro_use]
mod macros;
mod park;
mod prim;
#[cfg(not(loom))]
mod runtime;
mod sched;
#[cfg(not(loom))]
mod scope;
#[cfg(not(loom))]
mod spawn;
pub mod select;
pub mod sync;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod time;
#[cfg(not(loom))]
mod tls;

#[doc(inline)]
pub use gort_macros::{main, select, select_biased, test};

#[cfg(not(loom))]
pub use goroutine::local::LocalKey;
#[cfg(not(loom))]
pub use goroutine::panic::{PanicInfo, Shutdown, set_panic_handler};
#[cfg(not(loom))]
pub use join_handle::JoinHandle;
#[cfg(not(loom))]
pub use runtime::{
    Builder as RuntimeBuilder, Runtime, ShutdownError, gomaxprocs, num_goroutines, run,
    set_gomaxprocs, spawn_detached,
};
#[cfg(not(loom))]
pub use scope::{Scope, ScopedJoinHandle, scope};
#[cfg(not(loom))]
pub use spawn::{Builder, Goroutine, current, gosched, spawn, try_current, yield_now};
#[cfg(not(loom))]
pub use time::{sleep, sleep_until};

#[macro_export]
macro_rules! goroutine_local {
    () => {};
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr; $($rest:tt)*) => {
        $crate::goroutine_local!($(#[$attribute])* $visibility static $name: $type = $init);
        $crate::goroutine_local!($($rest)*);
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty = $init:expr) => {
        $(#[$attribute])*
        $visibility static $name: $crate::LocalKey<$type> = {
            fn init() -> $type {
                $init
            }
            $crate::LocalKey::new(init)
        };
    };
}
