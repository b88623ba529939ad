//! The threads of a runtime: machines, made as they are needed and used again, and the monitor.

use super::park::inside;
use super::processor::Processor;
use super::settings::Preempt;
use super::{Machine, Shared};
use crate::clock;
use crate::prim::atomic::Ordering::*;
use crate::tell::tell;
use crate::tls;
use std::collections::HashMap;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::thread;

/// The stack of a machine's thread: the scheduler runs on it, and panic hooks do not.
const SYSTEM_STACK: usize = 512 << 10;

/// A part of a runtime's table of machines.
pub(super) const CHUNK: usize = 64;
pub(super) type Machines = [OnceLock<Box<Machine>>; CHUNK];

/// A runtime's threads that nobody has waited for.
#[derive(Default)]
pub(crate) struct Threads {
    made: u64,
    /// By the numbers of their places; without a handle while the thread is being made, or once it is waited for.
    handles: HashMap<u64, Option<thread::JoinHandle<()>>>,
    /// They do nothing more for the runtime, but destructors of `thread_local!`s may still run there.
    ending: Vec<thread::JoinHandle<()>>,
}

impl Threads {
    fn reserve(&mut self) -> u64 {
        self.made += 1;
        self.handles.insert(self.made, None);
        self.made
    }

    fn enter(&mut self, place: u64, thread: thread::JoinHandle<()>) {
        match self.handles.get_mut(&place) {
            Some(handle) => *handle = Some(thread),
            // It has left by now.
            None => self.ending.push(thread),
        }
    }

    /// The last thing that a thread does.
    fn leave(&mut self, place: u64) {
        self.ending.extend(self.handles.remove(&place).flatten());
    }

    fn take_ending(&mut self) -> Vec<thread::JoinHandle<()>> {
        std::mem::take(&mut self.ending)
    }

    /// Those that nobody waits for yet. `None`: all have ended.
    pub(super) fn take_all(&mut self) -> Option<Vec<thread::JoinHandle<()>>> {
        let mut all = self.take_ending();
        let is_over = all.is_empty() && self.handles.is_empty();
        all.extend(self.handles.values_mut().filter_map(Option::take));
        (!is_over).then_some(all)
    }
}

/// Waits until it has ended.
pub(super) fn wait_for(thread: thread::JoinHandle<()>) {
    // It does not panic: goroutines catch their own.
    let _ = thread.join();
}

impl Shared {
    /// Shows that threads are to be had: the monitor, and one machine, which goes to sleep.
    pub(crate) fn start_first_threads(&self) -> io::Result<()> {
        let _inside = inside();
        let refused = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("a thread of the runtime's cannot be had: {error}"),
            )
        };
        self.start_monitor().map_err(refused)?;
        let processor = self.idle.take_processor().expect("a new runtime's are idle");
        let number = self.take_number().expect("a new runtime has no machines");
        let started = self.new_machine(number, processor, false).map_err(refused);
        started.inspect_err(|_| self.idle.add_processor(processor))
    }

    /// Starts one more thread that takes turns at being the monitor.
    pub(super) fn start_monitor(&self) -> io::Result<()> {
        self.start_thread(format!("{}-monitor", self.name), |shared| shared.watch.main(shared))
    }

    /// Starts a thread of the runtime's.
    fn start_thread(
        &self,
        name: String,
        main: impl FnOnce(&Shared) + Send + 'static,
    ) -> io::Result<()> {
        let started = self.start_and_enter(name, main);
        // The C library's name of a thread is its thread pointer. Left here, it would come with what the caller makes
        // to goroutines' stacks, and look like a pointer into that thread's storage (see `home`).
        gort_context::wipe_below();
        started
    }

    /// Not under the lock: the kernel may let others run for a long time, who need it, before it comes back from
    /// there. The thread has a place in the registry before there is one, so that who ends the runtime knows of it.
    fn start_and_enter(
        &self,
        name: String,
        main: impl FnOnce(&Shared) + Send + 'static,
    ) -> io::Result<()> {
        let shared = self.this.upgrade().expect("a runtime with threads is alive");
        let place = self.registry().threads.reserve();
        let thread = thread::Builder::new().name(name).stack_size(SYSTEM_STACK).spawn(move || {
            tls::set_owner(&shared);
            main(&shared);
            // Those that have ended before, as nobody who runs goroutines may wait for destructors that may wait for goroutines.
            // This thread has nothing that others need any more.
            let ended = shared.registry().threads.take_ending();
            ended.into_iter().for_each(wait_for);
            shared.registry().threads.leave(place);
        });
        let mut registry = self.registry();
        match thread {
            Ok(thread) => registry.threads.enter(place, thread),
            Err(error) => {
                registry.threads.leave(place);
                return Err(error);
            }
        }
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

    /// The opposite, also if the last attempt to start a thread for one has failed.
    pub(super) fn lacks_threads(&self) -> bool {
        let can_start = self.threads_again_at.load(Relaxed) == 0;
        !(self.can_run_another() && (can_start || self.idle.has_machine()))
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
        let Some(number) = self.take_number() else { return false };
        match self.new_machine(number, processor, searching) {
            Ok(()) => {
                self.threads_again_at.store(0, Relaxed);
                true
            }
            Err(error) => {
                if self.threads_again_at.swap(clock::now() + INTERVAL, Relaxed) == 0 {
                    tell(format_args!("a thread to run goroutines on cannot be had: {error}"));
                }
                false
            }
        }
    }

    /// Starts a thread for the machine with that number, which begins by running `processor`.
    fn new_machine(
        &self,
        number: usize,
        processor: &'static Processor,
        searching: bool,
    ) -> io::Result<()> {
        let chunk = &self.machines[number / CHUNK];
        let chunk = chunk.get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
        let machine = chunk[number % CHUNK]
            .get_or_init(|| Box::new(Machine::new(NonNull::from(self), number as u32)));
        machine.set_processor(Some(processor));
        machine.searching.set(searching);
        struct Send<T>(T);
        // SAFETY: the machine's cells are touched by its thread alone from here on.
        unsafe impl<T> std::marker::Send for Send<T> {}
        let for_thread = Send(ptr::from_ref(machine));
        let started = self.start_thread(format!("{}-{number}", self.name), move |shared| {
            let Send(machine) = { for_thread };
            // SAFETY: the machine stays as long as `shared` lives.
            unsafe { &*machine }.main();
            shared.give_back_number(number);
        });
        started.inspect_err(|_| {
            machine.set_processor(None);
            self.give_back_number(number);
        })
    }

    /// The number of a machine without a thread, for one that is to have one; below the most threads that there may be, as `running`
    /// and the vacant numbers change together.
    fn take_number(&self) -> Option<usize> {
        if self.running.load(Relaxed) >= self.most_threads {
            return None;
        }
        let mut registry = self.registry();
        // Others may have been faster.
        if self.running.load(Relaxed) >= self.most_threads {
            return None;
        }
        self.running.fetch_add(1, Relaxed);
        let number = registry.vacant.pop().unwrap_or(registry.machines);
        registry.machines = registry.machines.max(number + 1);
        Some(number)
    }

    fn give_back_number(&self, number: usize) {
        let mut registry = self.registry();
        registry.vacant.push(number);
        self.running.fetch_sub(1, Relaxed);
    }

    pub(crate) fn machine_at(&self, number: u32) -> Option<&'static Machine> {
        let number = number as usize;
        let machine = self.machines.get(number / CHUNK)?.get()?[number % CHUNK].get()?;
        Some(machine.as_static())
    }

    /// All that were ever made.
    pub(super) fn machines(&self) -> impl Iterator<Item = &'static Machine> {
        (0..).map_while(|number| self.machine_at(number))
    }
}
