//! What the storms are given: random numbers, runtimes, threads.

use crate::options::Options;
use crate::random::Random;
use crate::watchdog;
use gort::Runtime;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long the shutdown of a runtime may take before it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// One storm.
pub(crate) struct World {
    seed: u64,
    processors: Option<usize>,
    threads: usize,
    slice: Duration,
    /// One runtime that lasts as long as the storm: most rounds run in it.
    lasting: Arc<Runtime>,
}

/// One round of a storm.
pub(crate) struct Round<'a> {
    pub(crate) random: Random,
    world: &'a World,
}

/// A runtime for a round.
pub(crate) enum Home {
    Lasting(Arc<Runtime>),
    Fresh(Runtime),
}

impl std::ops::Deref for Home {
    type Target = Runtime;
    fn deref(&self) -> &Runtime {
        match self {
            Home::Lasting(runtime) => runtime,
            Home::Fresh(runtime) => runtime,
        }
    }
}

impl Home {
    /// The round is over.
    #[track_caller]
    pub(crate) fn leave(self) {
        if let Home::Fresh(runtime) = self {
            shut_down(runtime);
        }
    }
}

#[track_caller]
pub(crate) fn shut_down(runtime: Runtime) {
    if let Err(error) = runtime.shutdown(PATIENCE) {
        panic!("{error}");
    }
}

impl World {
    pub(crate) fn new(storm: &str, options: &Options) -> World {
        let name = storm.bytes().fold(options.seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let processors = options.processors.unwrap_or(2);
        let builder = Runtime::builder().processors(processors).name(storm);
        let lasting = builder.time_slice(options.slice).build();
        World {
            seed: name,
            processors: options.processors,
            threads: options.threads,
            slice: options.slice,
            lasting: Arc::new(lasting.expect("a runtime")),
        }
    }

    pub(crate) fn round(&self, number: u64) -> Round<'_> {
        let mut random = Random::new(self.seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        Round { random, world: self }
    }

    /// The end of the storm: nothing may be left in its runtime.
    pub(crate) fn finish(self) {
        let runtime = Arc::into_inner(self.lasting).expect("a storm has kept the runtime");
        shut_down(runtime);
    }
}

impl Round<'_> {
    /// The storm's runtime, or at times one of the round's own.
    pub(crate) fn home(&mut self) -> Home {
        if !self.random.one_in(4) {
            return Home::Lasting(self.world.lasting.clone());
        }
        Home::Fresh(self.runtime())
    }

    /// A new runtime.
    pub(crate) fn runtime(&mut self) -> Runtime {
        let processors = self.processors();
        watchdog::note(&format!("{processors} processors"));
        let slice =
            if self.random.one_in(2) { self.world.slice } else { Duration::from_millis(10) };
        let builder = Runtime::builder().processors(processors).name("fresh").time_slice(slice);
        builder.build().expect("a runtime")
    }

    pub(crate) fn processors(&mut self) -> usize {
        let random = 1 + self.random.below(4);
        self.world.processors.unwrap_or(random)
    }

    /// How many plain threads may take part.
    pub(crate) fn threads(&self) -> usize {
        self.world.threads
    }
}

/// Unwinds without calling the panic hook: a panic on purpose.
pub(crate) fn panic_on_purpose() -> ! {
    std::panic::resume_unwind(Box::new(OnPurpose))
}

/// The payload of a panic on purpose.
pub(crate) struct OnPurpose;

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// A short stretch of something: nothing, yields, a sleep, computing, now and then for longer than a time
/// slice, or with the thread asleep.
pub(crate) fn dawdle(random: &mut Random) {
    if random.one_in(32) {
        return match random.below(3) {
            0 => compute(random.micros(200)),
            1 => thread::sleep(random.micros(100)),
            _ => gort::blocking(|| thread::sleep(random.micros(100))),
        };
    }
    match random.below(8) {
        0..3 => {}
        3 => gort::yield_now(),
        4 => (0..random.below(5)).for_each(|_| gort::yield_now()),
        5 => gort::sleep(random.micros(100)),
        6 => (0..random.below(2000)).for_each(|_| std::hint::spin_loop()),
        _ => thread::yield_now(),
    }
}
