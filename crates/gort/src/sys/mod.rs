//! What a port supplies.
//!
//! | item | what it is |
//! |---|---|
//! | `MachineThread` | a thread of the runtime's: how it sleeps, is woken and is interrupted, what the kernel knows of it |
//! | `time()`, `rough_time()` | std's clock, in nanoseconds; one that is never ahead of it, and cheap to read |
//! | `register_barrier()`, `barrier_in_all_threads()` | see [`barrier`](crate::sched::barrier) |
//! | `thread_local_storage()` | where the calling thread's `thread_local!`s are, as far as that can be told |
//! | `SIGNAL`, `signals`, `errno()`, `set_errno()` | for preemption in place, on Unix; on Windows `MachineThread` does without a signal |
//! | `IS_IN_PROGRAM` | is the system's allocator part of the program's own text? |
//! | `Descriptor`, `OwnsDescriptor`, `OwnedSocket`, `descriptor_of()`, `borrowed!` | what sockets are to the system, and how std's traits lend them out |
//! | `Polled`, `READING`, `FORGETS_WHEN_TOLD`, `WakeTimer` | what the poller is asked for, and what it cannot do itself |
//! | `new_socket()`, `accept()`, `receive()`, `send()`, `close_in_place()`, `is_under_way()`, `trouble_of()` | operations on sockets, and what their errors mean |
//! | `borrowed_file!`, `file_handle!`, `standard_stream!`, `OwnedFile`, `read_at()`, `read_input()` and others | files, pipes, the process's own streams |
//! | `Origin`, `call_in_forked_children()` | which process something was made in: this one, or one that this was forked off |
//! | `open_process()`, `ProcessWatch` | how the end of a process is noticed |
//! | `wait_on_address()`, `wake_one()` | what the thread that passes signals on sleeps on |
//!
//! Two folders make a port: `unix` with `linux` or `portable` (macOS); `windows` alone.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod no_wake_timer;
#[cfg(not(target_os = "linux"))]
mod plain_stream;
#[cfg(all(unix, not(target_os = "linux")))]
mod portable;
#[cfg(unix)]
mod unix;
#[cfg(all(test, not(loom), not(feature = "threads"), not(debug_assertions)))]
mod wait_with;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) use portable::*;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(all(test, not(loom), not(feature = "threads"), not(debug_assertions)))]
pub(crate) use wait_with::wait_with;
#[cfg(windows)]
pub(crate) use windows::*;

/// What an error of `accept` is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// It is gone, and the next may be good.
    OfTheConnection,
    OfTheListener,
    /// Of descriptors, memory or rights; it may pass.
    Shortage,
}

/// What happens on a signal, besides what users do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Disposition {
    Default,
    Ignore,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::MachineThread;
    use crate::prim::Lock;
    use std::sync::atomic::{AtomicBool, Ordering::*};
    use std::thread;
    use std::time::{Duration, Instant};

    /// `prim::give_way`: or a thread that the kernel prefers to the holder's would keep that one from the CPU.
    #[test]
    fn who_waits_for_a_lock_for_long_sleeps() {
        let lock = Lock::new(());
        let waiting = MachineThread::default();
        let has_begun = AtomicBool::new(false);
        thread::scope(|scope| {
            let held = lock.lock();
            scope.spawn(|| {
                waiting.begin();
                has_begun.store(true, Release);
                drop(lock.lock());
            });
            let start = Instant::now();
            // `None`, once it has begun: it cannot be told here.
            while !has_begun.load(Acquire) || waiting.sleeps() == Some(false) {
                assert!(start.elapsed() < Duration::from_secs(60), "it does not sleep");
            }
            drop(held);
        });
    }
}
