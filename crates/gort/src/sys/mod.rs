//! What a port supplies.
//!
//! | item | what it is |
//! |---|---|
//! | `MachineThread` | a thread of the runtime's: how it sleeps and is woken, what the kernel knows of it |
//! | `time()`, `rough_time()` | std's clock, in nanoseconds; one that is never ahead of it, and cheap to read |
//! | `register_barrier()`, `barrier_in_all_threads()` | see [`barrier`](crate::sched::barrier) |
//! | `thread_local_storage()` | where the calling thread's `thread_local!`s are, as far as that can be told |
//! | `SIGNAL`, `signals`, `errno()`, `set_errno()` | for preemption in place |
//!
//! Linux has more, for what is built on its descriptors and signals: `descriptors`, `WakeTimer`, the rest of `signals`,
//! and sleeping on any address.

#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod wake_timer;

#[cfg(target_os = "linux")]
pub(crate) mod signals;

#[cfg(not(target_os = "linux"))]
#[path = "no_signals.rs"]
pub(crate) mod signals;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod chosen;

#[cfg(windows)]
#[path = "windows.rs"]
mod chosen;

#[cfg(not(any(target_os = "linux", windows)))]
#[path = "portable.rs"]
mod chosen;

pub(crate) use chosen::*;
#[cfg(target_os = "linux")]
pub(crate) use descriptors::*;
#[cfg(target_os = "linux")]
pub(crate) use wake_timer::WakeTimer;
