//! The threads of a runtime: machines, made as they are needed and used again, and the monitor.

use super::processor::Processor;
use super::settings::Preempt;
use super::{Machine, Shared};
use crate::clock;
use crate::prim::atomic::Ordering::*;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::thread;

/// The stack of a machine's thread: the scheduler runs on it, and panic hooks do not.
const SYSTEM_STACK: usize = 512 << 10;

/// A part of a runtime's table of machines.
pub(super) const CHUNK: usize = 64;
pub(super) type Machines = [OnceLock<Box<Machine>>; CHUNK];

impl Shared {
    /// Shows that threads are to be had: the monitor, and one machine, which goes to sleep.
    pub(crate) fn start_first_threads(&self) -> io::Result<()> {
        self.start_monitor()?;
        let processor = self.idle.take_processor().expect("a new runtime's are idle");
        self.new_machine(processor, false).inspect_err(|_| self.idle.add_processor(processor))
    }

    /// Starts one more thread that takes turns at being the monitor.
    pub(super) fn start_monitor(&self) -> io::Result<()> {
        let shared = self.this.upgrade().expect("a runtime with threads is alive");
        // Who ends the runtime waits for those that were started under the lock before.
        let mut registry = self.registry();
        let thread = thread::Builder::new()
            .name(format!("{}-monitor", self.name))
            .stack_size(SYSTEM_STACK)
            .spawn(move || shared.watch.main(&shared))?;
        registry.monitors.retain(|other| !other.is_finished());
        registry.monitors.push(thread);
        Ok(())
    }

    /// May the monitor take processors away?
    pub(crate) fn takes_processors(&self) -> bool {
        self.preempt != Preempt::Off
    }

    /// Is there a machine to be had for a processor?
    pub(crate) fn can_run_another(&self) -> bool {
        self.running.load(Relaxed) < self.most_threads || self.idle.has_machine()
    }

    /// How many blocking calls may be under way.
    pub(crate) fn most_calls(&self) -> usize {
        self.most_threads.saturating_sub(self.active_processors()).max(1)
    }

    /// Starts a thread that begins by running `processor`. False: there is none to be had. That is
    /// told on standard error; the next attempts are made at intervals.
    pub(crate) fn try_new_machine(&self, processor: &'static Processor, searching: bool) -> bool {
        const INTERVAL: u64 = 10_000_000;
        let again_at = self.threads_again_at.load(Relaxed);
        if again_at != 0 && clock::now() < again_at {
            return false;
        }
        if self.running.load(Relaxed) >= self.most_threads {
            return false;
        }
        match self.new_machine(processor, searching) {
            Ok(()) => {
                self.threads_again_at.store(0, Relaxed);
                true
            }
            Err(error) => {
                if self.threads_again_at.swap(clock::now() + INTERVAL, Relaxed) == 0 {
                    eprintln!("gort: a thread to run goroutines on cannot be had: {error}");
                }
                false
            }
        }
    }

    /// Starts a thread that begins by running `processor`.
    fn new_machine(&self, processor: &'static Processor, searching: bool) -> io::Result<()> {
        let shared = self.this.upgrade().expect("a runtime that schedules is alive");
        let mut registry = self.registry();
        let number = registry.vacant.pop().unwrap_or(registry.machines);
        registry.machines = registry.machines.max(number + 1);
        let chunk = self.machines.get(number / CHUNK).ok_or(io::ErrorKind::OutOfMemory)?;
        let chunk = chunk.get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
        let machine = chunk[number % CHUNK]
            .get_or_init(|| Box::new(Machine::new(NonNull::from(self), number as u32)));
        machine.set_processor(Some(processor));
        machine.searching.set(searching);
        struct Send<T>(T);
        // SAFETY: the machine's cells are touched by its thread alone from here on.
        unsafe impl<T> std::marker::Send for Send<T> {}
        let for_thread = Send(ptr::from_ref(machine));
        let thread = thread::Builder::new()
            .name(format!("{}-{number}", self.name))
            .stack_size(SYSTEM_STACK)
            .spawn(move || {
                let Send(machine) = { for_thread };
                // SAFETY: the machine stays as long as `shared` lives.
                unsafe { &*machine }.main();
                shared.machine_has_ended(number);
            });
        let thread = thread.inspect_err(|_| {
            machine.set_processor(None);
            registry.vacant.push(number);
        })?;
        self.running.fetch_add(1, Relaxed);
        registry.threads.insert(number, thread);
        Ok(())
    }

    pub(crate) fn machine_at(&self, number: u32) -> Option<&'static Machine> {
        let number = number as usize;
        let machine = self.machines.get(number / CHUNK)?.get()?[number % CHUNK].get()?;
        Some(machine.as_static())
    }

    /// The last thing that a machine's thread does.
    fn machine_has_ended(&self, number: usize) {
        self.running.fetch_sub(1, Relaxed);
        let mut registry = self.registry();
        registry.vacant.push(number);
        // Nobody joins it, unless the runtime ends and has taken the handle already.
        registry.threads.remove(&number);
    }
}
