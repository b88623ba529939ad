//! Locks, semaphores, conditions, notifications, barriers, with waits that are given up at all moments, by
//! goroutines that are shut down, panic, or go on: who is in is in alone, and nothing is lost.

use super::Storm;
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, dawdle, panic_on_purpose, shut_down};
use gort::context::{Context, background, with_cancel, with_timeout};
use gort::sync::{Barrier, Condvar, Mutex, Notify, OnceLock, RwLock, Semaphore};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

pub(super) const STORM: Storm =
    Storm { name: "locks", about: "all of sync, waits given up at all moments, shutdowns", run };

/// Counts those who are in a place; it is left also by unwinding.
struct Inside<'a>(&'a AtomicIsize, isize);

impl<'a> Inside<'a> {
    #[track_caller]
    fn enter(place: &'a AtomicIsize, weight: isize, most: isize) -> Inside<'a> {
        let now = place.fetch_add(weight, SeqCst) + weight;
        assert!((1..=most).contains(&now), "{now} of {most} are in");
        Inside(place, weight)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, SeqCst);
    }
}

struct Town {
    mutex: Mutex<u64>,
    in_mutex: AtomicIsize,
    turns: AtomicUsize,
    rw_lock: RwLock<u64>,
    in_rw_lock: AtomicIsize,
    size: usize,
    semaphore: Semaphore,
    in_semaphore: AtomicIsize,
    tokens: Mutex<usize>,
    changed: Condvar,
    made: AtomicUsize,
    taken: AtomicUsize,
    barrier: Barrier,
    through: AtomicUsize,
    leaders: AtomicUsize,
    notify: Notify,
    notified: AtomicUsize,
    heard: AtomicUsize,
    once: OnceLock<u64>,
}

const READERS: isize = 1 << 20;

/// Until when to wait.
enum Limit {
    Never,
    Time(Duration),
    Context(Context),
}

impl Limit {
    fn random(random: &mut Random, ctx: &Context) -> Limit {
        match random.below(4) {
            0 | 1 => Limit::Never,
            2 => Limit::Time(random.micros(100)),
            _ if random.one_in(2) => Limit::Context(with_timeout(ctx, random.micros(100)).0),
            _ => {
                // Somebody else cancels it, in a moment.
                let (ctx, cancel) = with_cancel(ctx);
                let mut random = random.fork();
                gort::spawn_detached(move || {
                    dawdle(&mut random);
                    cancel.cancel();
                });
                Limit::Context(ctx)
            }
        }
    }

    /// For waits that nobody may end.
    fn some(random: &mut Random, ctx: &Context) -> Limit {
        match Limit::random(random, ctx) {
            Limit::Never => Limit::Time(random.micros(100)),
            limit => limit,
        }
    }
}

/// The guard, if it was had in time; poisoned or not.
fn had<G>(result: Result<G, TryLockError<G>>) -> Option<G> {
    match result {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Town {
    fn use_mutex(&self, random: &mut Random, limit: Limit) {
        let guard = match limit {
            Limit::Never => Some(self.mutex.lock().unwrap_or_else(PoisonError::into_inner)),
            Limit::Time(time) => had(self.mutex.lock_timeout(time)),
            Limit::Context(ctx) => had(self.mutex.lock_context(&ctx)),
        };
        let Some(mut guard) = guard else { return };
        let _inside = Inside::enter(&self.in_mutex, 1, 1);
        *guard += 1;
        self.turns.fetch_add(1, SeqCst);
        if random.one_in(4) {
            dawdle(random);
        }
    }

    fn read(&self, random: &mut Random, limit: Limit) {
        let guard = match limit {
            Limit::Never => Some(self.rw_lock.read().unwrap_or_else(PoisonError::into_inner)),
            Limit::Time(time) => had(self.rw_lock.read_timeout(time)),
            Limit::Context(ctx) => had(self.rw_lock.read_context(&ctx)),
        };
        let Some(guard) = guard else { return };
        let _inside = Inside::enter(&self.in_rw_lock, 1, READERS - 1);
        let before = *guard;
        dawdle(random);
        assert_eq!(before, *guard, "somebody writes beside a reader");
    }

    fn write(&self, random: &mut Random, limit: Limit) {
        let guard = match limit {
            Limit::Never => Some(self.rw_lock.write().unwrap_or_else(PoisonError::into_inner)),
            Limit::Time(time) => had(self.rw_lock.write_timeout(time)),
            Limit::Context(ctx) => had(self.rw_lock.write_context(&ctx)),
        };
        let Some(mut guard) = guard else { return };
        let _inside = Inside::enter(&self.in_rw_lock, READERS, READERS);
        *guard += 1;
        if random.one_in(2) {
            dawdle(random);
        }
    }

    fn acquire(&self, random: &mut Random, limit: Limit) {
        let n = 1 + random.below(self.size);
        let permit = match limit {
            Limit::Never => Some(self.semaphore.acquire(n)),
            Limit::Time(time) => self.semaphore.acquire_timeout(n, time).ok(),
            Limit::Context(ctx) => self.semaphore.acquire_context(n, &ctx).ok(),
        };
        let Some(_permit) = permit else { return };
        let _inside = Inside::enter(&self.in_semaphore, n as isize, self.size as isize);
        dawdle(random);
    }

    fn make_tokens(&self, random: &mut Random) {
        let count = 1 + random.below(3);
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) += count;
        self.made.fetch_add(count, SeqCst);
        if count == 1 { self.changed.notify_one() } else { self.changed.notify_all() }
    }

    fn take_token(&self, limit: Limit) {
        let guard = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let none = |tokens: &mut usize| *tokens == 0;
        let waited = match limit {
            Limit::Never => unreachable!("nobody may make a token"),
            Limit::Time(time) => {
                let waited = self.changed.wait_timeout_while(guard, time, none);
                waited.map(|(guard, result)| (guard, !result.timed_out())).ok()
            }
            Limit::Context(ctx) => {
                let waited = self.changed.wait_context_while(guard, &ctx, none);
                waited.map(|(guard, result)| (guard, result.is_ok())).ok()
            }
        };
        if let Some((mut tokens, true)) = waited {
            *tokens -= 1;
            self.taken.fetch_add(1, SeqCst);
        }
    }

    fn meet(&self, limit: Limit) {
        let met = match limit {
            Limit::Never => unreachable!("nobody may come"),
            Limit::Time(time) => self.barrier.wait_timeout(time).ok(),
            Limit::Context(ctx) => self.barrier.wait_context(&ctx).ok(),
        };
        if let Some(result) = met {
            self.through.fetch_add(1, SeqCst);
            self.leaders.fetch_add(usize::from(result.is_leader()), SeqCst);
        }
    }

    fn listen(&self, limit: Limit) {
        let heard = match limit {
            Limit::Never => unreachable!("nobody may notify"),
            Limit::Time(time) => self.notify.wait_timeout(time).is_ok(),
            Limit::Context(ctx) => self.notify.wait_context(&ctx).is_ok(),
        };
        self.heard.fetch_add(usize::from(heard), SeqCst);
    }

    fn step(&self, random: &mut Random, ctx: &Context) {
        let limit = Limit::random(random, ctx);
        match random.below(9) {
            0 | 1 => self.use_mutex(random, limit),
            2 => self.read(random, limit),
            3 => self.write(random, limit),
            4 => self.acquire(random, limit),
            5 if random.one_in(2) => self.make_tokens(random),
            5 => self.take_token(Limit::some(random, ctx)),
            6 => self.meet(Limit::some(random, ctx)),
            7 if random.one_in(2) => {
                self.notified.fetch_add(1, SeqCst);
                self.notify.notify_one();
            }
            7 => self.listen(Limit::some(random, ctx)),
            _ => {
                let value = self.once.get_or_init(|| {
                    dawdle(random);
                    42
                });
                assert_eq!(*value, 42);
            }
        }
    }

    /// Nobody is left; what was given is there.
    fn check(&self, was_cut: bool) {
        assert!(had(self.mutex.try_lock()).is_some(), "nobody has the mutex");
        assert!(had(self.rw_lock.try_write()).is_some(), "nobody has the lock");
        let turns = *self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is cut short between the two counts once.
        assert!(turns == self.turns.load(SeqCst) as u64, "a turn was lost");
        assert_eq!(self.semaphore.available(), self.size, "all permits are there");
        assert!(self.semaphore.try_acquire(self.size).is_some(), "nobody waits for them");
        if was_cut {
            return;
        }
        let tokens = *self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(tokens, self.made.load(SeqCst) - self.taken.load(SeqCst));
        assert_eq!(self.through.load(SeqCst), 2 * self.leaders.load(SeqCst));
        assert!(self.heard.load(SeqCst) <= self.notified.load(SeqCst));
        assert!(self.barrier.wait_timeout(Duration::ZERO).is_err(), "nobody is at the barrier");
    }
}

fn run(round: &mut Round<'_>) {
    let cut = round.random.one_in(6);
    let fresh = cut.then(|| round.runtime());
    let home = if cut { None } else { Some(round.home()) };
    let threads = round.threads();
    let random = &mut round.random;
    let size = 1 + random.below(4);
    let (members, steps) = (2 + random.below(20), 1 + random.below(100));
    let panics = random.one_in(4);
    watchdog::note(&format!("{members} members, {steps} steps, cut {cut}, panics {panics}"));
    let town = Arc::new(Town {
        mutex: Mutex::new(0),
        in_mutex: AtomicIsize::new(0),
        turns: AtomicUsize::new(0),
        rw_lock: RwLock::new(0),
        in_rw_lock: AtomicIsize::new(0),
        size,
        semaphore: Semaphore::new(size),
        in_semaphore: AtomicIsize::new(0),
        tokens: Mutex::new(0),
        changed: Condvar::new(),
        made: AtomicUsize::new(0),
        taken: AtomicUsize::new(0),
        barrier: Barrier::new(2),
        through: AtomicUsize::new(0),
        leaders: AtomicUsize::new(0),
        notify: Notify::new(),
        notified: AtomicUsize::new(0),
        heard: AtomicUsize::new(0),
        once: OnceLock::new(),
    });
    let member = |mut random: Random| {
        let town = town.clone();
        move || {
            let (ctx, cancel) = with_cancel(&background());
            for _ in 0..steps {
                if panics && random.one_in(20) {
                    let thrown = catch_unwind(AssertUnwindSafe(|| {
                        let _guard = town.mutex.lock();
                        panic_on_purpose();
                    }));
                    // The end of the runtime is no panic on purpose.
                    if let Err(payload) = thrown
                        && !payload.is::<crate::world::OnPurpose>()
                    {
                        std::panic::resume_unwind(payload);
                    }
                }
                town.step(&mut random, &ctx);
            }
            cancel.cancel();
        }
    };
    let mut plain = Vec::new();
    let mut handles = Vec::new();
    for _ in 0..members {
        let seed = random.fork();
        if plain.len() < threads && random.one_in(5) {
            plain.push(thread::spawn(member(seed)));
        } else if let Some(home) = &home {
            handles.push(home.spawn(member(seed)));
        } else if let Some(fresh) = &fresh {
            drop(fresh.spawn(member(seed)));
        }
    }
    if let Some(fresh) = fresh {
        thread::sleep(random.micros(2000));
        shut_down(fresh);
    }
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    town.check(cut);
    if let Some(home) = home {
        home.leave();
    }
}
