//! What a port supplies.
//!
//! | item | what it is |
//! |---|---|
//! | `MachineThread` | a machine's thread: how it sleeps and is woken, what the kernel knows of it |
//! | `prepare_machine_thread()` | settings of a thread of the runtime's |
//! | `rough_time()` | a clock that is cheap to read, in step with std's |
//! | `register_barrier()`, `barrier_in_all_threads()` | see [`barrier`](crate::sched::barrier) |
//! | `thread_local_storage()` | where the calling thread's `thread_local!`s are, as far as that can be told |
//! | `SIGNAL`, `install_handler()`, `errno()`, `set_errno()` | for preemption in place |

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
