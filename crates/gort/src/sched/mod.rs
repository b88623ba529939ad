//! The scheduler: goroutines on machines that hold processors, after Go's G, M and P.
//!
//! ```text
//!                        goroutines that are ready
//!    ┌───────────────┐   ┌──────────────────────────┐   ┌──────────────┐
//!    │ machine 0     │   │ processor 0              │   │ global queue │
//!    │  thread       ├───┤  next, ring of 256       │   └──────────────┘
//!    │  system stack │   │  timers, idle workers    │   from other threads, and
//!    └───────┬───────┘   └──────────────────────────┘   what rings have no room for
//!            │ runs                  ▲
//!    ┌───────┴───────┐               │ steals half of the ring
//!    │ goroutine     │   ┌───────────┴──────────────┐
//!    │  on a worker's│   │ processor 1 (machine 1)  │
//!    │  stack        │   └──────────────────────────┘
//!    └───────────────┘
//! ```
//!
//! | room | what happens there |
//! |---|---|
//! | [`spawn`](mod@spawn) | a closure becomes a goroutine, in its processor's `next` slot |
//! | [`park`](mod@park) | park, ready and yield: what a running goroutine asks for |
//! | [`machine`](mod@machine) | the thread that runs goroutines; the switch from one to the next, and the post-switch step |
//! | [`worker`](mod@worker), [`workers`](mod@workers) | stacks, and the loop on each that runs goroutines; where idle ones are kept |
//! | [`spare`](mod@spare) | who waits for a stack when there are no more |
//! | [`find`](mod@find) | what runs next; stealing |
//! | [`idle`](mod@idle), [`doze`](mod@doze) | going to sleep and being woken: the protocol, and its application |
//! | [`polling`](mod@polling), [`sleeper`](mod@sleeper) | who waits for sockets; how a machine sleeps |
//! | [`monitor`](mod@monitor), [`hold`](mod@hold), [`barrier`](mod@barrier), [`bell`](mod@bell) | who looks after processors whose goroutine does not come back, and takes them |
//! | [`crowd`](mod@crowd), [`watch`](mod@watch) | what changes where many compute without a processor; who is the monitor |
//! | [`pace`](mod@pace), [`enough`](mod@enough) | is what waits worth another machine |
//! | [`kernel_slice`](mod@kernel_slice) | how soon the kernel runs a machine |
//! | [`home`](mod@home), [`homebound`](mod@homebound) | who may go on where; telling of who waits long for that |
//! | [`audit`](mod@audit) | who blocks with values of the thread's |
//! | [`preempt`](mod@preempt) | yielding in place, by a signal |
//! | [`blocking`](mod@blocking) | giving the processor up for a call that blocks |
//! | [`run_queue`](mod@run_queue), [`global`](mod@global), [`timer`](mod@timer), [`list`](mod@list) | what waits to be run |
//! | [`later`](mod@later) | goroutines that start at a time, or when somebody says so |
//! | [`processor`](mod@processor), [`shared`](mod@shared), [`settings`](mod@settings) | what a processor and what the runtime holds |
//! | [`threads`](mod@threads) | machines' threads |
//! | [`tidy`](mod@tidy), [`shutdown`](mod@shutdown) | giving memory back; the end |
//!
//! # The way of a goroutine
//!
//! A spawn takes a record from the processor's stock, puts the closure into it and the record into
//! the `next` slot; who was there goes to the ring. When the spawner parks, the machine picks the new
//! one, takes the warmest idle worker (or a fresh stack) and switches to it; if the one that was
//! there has *ended*, its worker runs the new one in its loop, without a switch. To wait, the
//! goroutine arms its park word, hands out tickets (see [`crate::park::word`]), and leaves for whatever
//! its processor has next, directly; the scheduler's own stack is for when there is nothing. The one
//! that is switched to commits the wait of the one before: only then can that be made ready. Who
//! claims it puts it into *its* processor's `next` slot, so that a message is read where it was written.
//!
//! # Fairness
//!
//! `next` inherits the time slice, so two that keep waking each other are put behind the ring when
//! 10 ms are over. Operations on channels count down to a look at the clock every 256, so a
//! goroutine that never blocks yields, too. At every 61st pick the global queue goes first, or the ring, in turn: where others are
//! woken from outside, or bound ones started, all the time, each of those begins a slice, and none would ever be over. Whose place is
//! a `next` slot, and who has come into the global queue as there is no processor with such a slot, takes turns with the others
//! there ([`global`](mod@global)). A
//! goroutine that calls nothing of gort loses its processor to others that wait ([`monitor`](mod@monitor)).
//!
//! # Measured
//!
//! Of what a yield costs on one processor the switch is an eighth (2.2 of 19.0 ns in `docs/performance.md`, 17.5 of 144.7
//! instructions in `gates/expected.txt`), and the compare-and-swap on the
//! ring's head about as much; the rest is loads and stores that hit the cache. The clock costs more than
//! everything else together, and so is looked at every 256 operations, and while there are timers at every
//! eighth pick where goroutines come and go quickly. Waking a sleeping machine costs the waker 1 to 4 µs, so readying a
//! goroutine that the waker's own processor will run next wakes nobody. `cargo run --release -p
//! harness -- table` in `bench/` prints the figures beside those of other runtimes.
//!
//! # Rejected
//!
//! - *A lock held over the switch* instead of the park word's commit (Go's `gopark` with an unlock
//!   function): one compare-and-swap less for a park, but each primitive then knows of the switch,
//!   and select has to hold all of its channels' locks at once.
//! - *A flag in the goroutine that readiers spin on* until its registers are saved: a readier's
//!   thread waits for another that the kernel may have put aside.
//! - *Freeing records when goroutines end*: everything that keeps a ticket, timers above all, would
//!   have to take it back first.
//! - *A queue of its own for new goroutines*, run newest first, as work-stealing pools have it: fewer
//!   stacks are live at a time, but a steady stream of spawns starves the oldest.
#[cfg(not(loom))]
mod audit;
pub(crate) mod barrier;
mod bell;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod crowd;
#[cfg(not(loom))]
mod doze;
#[cfg(not(loom))]
mod enough;
#[cfg(not(loom))]
mod find;
#[cfg(not(loom))]
mod global;
mod hold;
#[cfg(not(loom))]
mod home;
#[cfg(not(loom))]
mod homebound;
mod idle;
#[cfg(not(loom))]
mod kernel_slice;
#[cfg(not(loom))]
mod later;
mod list;
#[cfg(not(loom))]
mod machine;
#[cfg(not(loom))]
mod monitor;
#[cfg(not(loom))]
mod pace;
#[cfg(not(loom))]
mod park;
#[cfg(not(loom))]
mod pinned;
#[cfg(not(loom))]
mod polling;
#[cfg(all(test, loom))]
mod polling_models;
#[cfg(not(loom))]
pub(crate) mod preempt;
#[cfg(not(loom))]
mod processor;
mod run_queue;
#[cfg(not(loom))]
mod settings;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod shutdown;
mod sleeper;
mod spare;
#[cfg(not(loom))]
mod spawn;
#[cfg(not(loom))]
mod threads;
#[cfg(not(loom))]
mod tidy;
mod timer;
#[cfg(not(loom))]
mod watch;
#[cfg(not(loom))]
mod worker;
#[cfg(not(loom))]
mod workers;

#[cfg(not(loom))]
pub(crate) use blocking::blocking;
#[cfg(not(loom))]
pub(crate) use home::Migration;
#[cfg(not(loom))]
pub(crate) use kernel_slice::as_a_plain_thread;
#[cfg(not(loom))]
pub(crate) use later::{Claimed, Later};
#[cfg(not(loom))]
pub(crate) use machine::Machine;
#[cfg(not(loom))]
pub(crate) use park::{
    Locker, checkpoint, current_goroutine, inside, is_in_shutdown, lock_thread, park,
    processor_hint, resume_goroutine, shielded, unlock_thread, unwind_for_shutdown, yield_now,
};
#[cfg(not(loom))]
pub(crate) use processor::Processor;
#[cfg(not(loom))]
pub(crate) use settings::Settings;
#[cfg(not(loom))]
pub use settings::{Preempt, Stats};
#[cfg(not(loom))]
pub(crate) use shared::{MAX_PROCESSORS, Shared};
#[cfg(not(loom))]
pub(crate) use spawn::{Attributes, spawn_local};
