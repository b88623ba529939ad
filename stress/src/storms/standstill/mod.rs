//! Random programs that run to a standstill: members with channels, selects, locks, futures and goroutines, most of
//! whom wait without a limit. When nothing happens any more, nobody may wait who could go on, by what is known of what
//! they share. Then something is done from outside (a channel is closed, permits are given), and it goes on until all have ended.

mod contexts;
mod odd;
mod selects;
mod spawning;
mod steps;
mod sync;
mod things;
mod wait;

use super::Storm;
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, shut_down};
use gort::sync::RwLock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;
use steps::{Member, Runtimes, Weather};
use things::Things;
use wait::State;

pub(super) const STORM: Storm =
    Storm { name: "standstill", about: "random programs: nobody waits who could go on", run };

/// So many looks, each after a short sleep, without anything happening are too many.
const LOOKS: usize = 5_000;

fn run(round: &mut Round<'_>) {
    let in_place = round.random.one_in(4);
    let two = round.random.one_in(4);
    let runtimes: Vec<_> =
        (0..1 + usize::from(two)).map(|_| Arc::new(runtime(round, in_place))).collect();
    let threads = round.threads();
    let random = &mut round.random;
    let things = Arc::new(Things::new(random));
    let panics = random.one_in(3);
    let weather = Weather {
        panics,
        bound: !in_place && !panics && random.one_in(4),
        futures: random.one_in(2),
        timed: random.one_in(2),
        sync: random.one_in(2),
        spawns: random.one_in(2),
        odd: random.one_in(2),
    };
    let stops = random.one_in(4);
    let (count, steps) = (2 + random.below(14), 1 + random.below(40));
    watchdog::note(&format!("{count} members, {steps} steps, {weather:?}, stops {stops}"));
    let shared: Runtimes = Arc::new(RwLock::new(runtimes.clone()));
    watchdog::expect(Some("a goroutine of a scope panicked"));
    let mut plain = Vec::new();
    let mut first = Member {
        things: things.clone(),
        runtimes: shared.clone(),
        me: usize::MAX,
        random: random.fork(),
        weather,
        depth: 0,
        rank: 0,
        free: true,
        timed: false,
    };
    for _ in 0..count {
        let (child, _) = first.child().expect("there is room");
        if plain.len() < threads && random.one_in(5) {
            let body = move || _ = catch_unwind(AssertUnwindSafe(|| child.live(steps)));
            plain.push(thread::spawn(body));
        } else {
            let runtime = &runtimes[random.below(runtimes.len())];
            drop(runtime.spawn(move || child.live(steps)));
        }
    }
    let (runtimes, stopping) = watch(&things, &shared, runtimes, random, stops);
    plain.into_iter().for_each(|thread| thread.join().expect("it catches its panics"));
    stopping.into_iter().for_each(|thread| thread.join().expect("no panic"));
    shared.write().expect("no panic").clear();
    // Calls that come after it have what is shared.
    things.contexts[0].1.cancel();
    drop(first);
    for runtime in runtimes {
        patiently("goroutines to be gone", || (runtime.num_goroutines() == 0).then_some(()));
        stop(runtime);
    }
    settle(alone(things));
    watchdog::expect(None);
}

/// Waits for standstills, and does something then, until all have ended. The runtimes that are left, and who stops the others.
fn watch(
    things: &Things,
    shared: &Runtimes,
    runtimes: Vec<Arc<gort::Runtime>>,
    random: &mut Random,
    stops: bool,
) -> (Vec<Arc<gort::Runtime>>, Vec<thread::JoinHandle<()>>) {
    // Processors come and go.
    let changes = random.one_in(3);
    let mut stopping = Vec::new();
    let mut runtimes = runtimes;
    let mut kicks = random.below(60);
    let mut seen = (0, 0);
    loop {
        let steps = things.members.steps.load(SeqCst);
        let states = things.members.all();
        if states.iter().all(|state| matches!(state, State::Ended)) {
            break;
        }
        let could = things.who_could_go_on(&states);
        if seen.0 == steps {
            seen.1 += 1
        } else {
            seen = (steps, 0)
        }
        if !could.is_empty() || things.is_ending() {
            assert!(seen.1 < LOOKS, "these could go on: {}", show(things, &states, &could));
            if let [runtime, ..] = &runtimes[..]
                && changes
                && random.one_in(20)
            {
                runtime.set_processors(1 + random.below(5));
            }
            // A spin would be in the way of others on a small machine.
            thread::sleep(Duration::from_micros(if seen.1 < 20 { 50 } else { 1000 }));
            if !things.is_ending() {
                continue;
            }
        } else {
            seen = (steps, 0);
        }
        watchdog::progress();
        if kicks > 0 {
            kicks -= 1;
            kick(things, random);
            continue;
        }
        if !things.ending.swap(true, SeqCst) && stops {
            shared.write().expect("no panic").clear();
            for runtime in runtimes.drain(..) {
                stopping.push(thread::spawn(move || stop(runtime)));
            }
        }
        end(things, &states);
        thread::sleep(Duration::from_micros(100));
    }
    (runtimes, stopping)
}

/// What was sent has arrived, and what was made is dropped.
fn settle(things: Things) {
    for channel in &things.channels {
        channel.rx.try_iter().for_each(|message| things.post.received(&message));
    }
    let exact = !things.unknown.load(SeqCst);
    let (post, ledger) = (things.post.clone(), things.ledger.clone());
    drop(things);
    post.close_with(exact);
    patiently("tokens to be dropped", || ledger.is_closed().then_some(()));
    ledger.close();
}

/// A runtime with settings of any kind.
fn runtime(round: &mut Round<'_>, in_place: bool) -> gort::Runtime {
    let processors = round.processors();
    let random = &mut round.random;
    if random.one_in(2) {
        return round.runtime();
    }
    let slice = random.pick(&[5, 50, 500, 10_000]);
    let (migrate, small, polls, way) =
        (!random.one_in(4), random.one_in(4), random.one_in(2), random.below(4));
    let way = if way == 1 && !in_place { 2 } else { way };
    watchdog::note(&format!(
        "{processors} processors, slice {slice}, migrate {migrate}, small {small}, preempt {way}"
    ));
    let mut builder = gort::Runtime::builder().processors(processors).name("set");
    builder = builder.time_slice(Duration::from_micros(slice)).migrate(migrate).poller(polls);
    if small {
        builder = builder.max_threads(processors + 1 + random.below(3));
    }
    builder = match way {
        0 => builder.preempt(gort::Preempt::Off),
        // SAFETY: its goroutines hold no locks of std's that others of them wait for, and in such rounds nothing of their
        // threads'.
        1 => unsafe { builder.preempt_in_place() },
        _ => builder,
    };
    builder.build().expect("a runtime")
}

/// Looks again and again.
#[track_caller]
fn patiently<R>(what: &str, mut look: impl FnMut() -> Option<R>) -> R {
    for looks in 0..LOOKS {
        if let Some(result) = look() {
            return result;
        }
        thread::sleep(Duration::from_micros(if looks < 20 { 50 } else { 1000 }));
    }
    panic!("waited in vain for {what}");
}

/// Others have had it for a moment.
#[track_caller]
fn alone<T>(shared: Arc<T>) -> T {
    patiently("others to let go", || (Arc::strong_count(&shared) == 1).then_some(()));
    Arc::into_inner(shared).expect("it is the last")
}

fn stop(runtime: Arc<gort::Runtime>) {
    shut_down(alone(runtime));
}

fn show(things: &Things, states: &[State], could: &[usize]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (me, state) in states.iter().enumerate() {
        if matches!(state, State::Ended) {
            continue;
        }
        let mark = if could.contains(&me) { '*' } else { ' ' };
        let _ = writeln!(text, "{mark} {me}: {state:?}");
    }
    for (at, channel) in things.channels.iter().enumerate() {
        let (tx, idle) = (&channel.tx, channel.idle_futures.load(SeqCst));
        let _ = writeln!(
            text,
            "channel {at}: {} of {}, closed {}, idle {idle}",
            tx.len(),
            tx.capacity(),
            tx.is_closed()
        );
    }
    text
}

/// Something is done from outside.
fn kick(things: &Things, random: &mut Random) {
    let channel = &things.channels[random.below(things.channels.len())];
    match random.below(9) {
        0 if random.one_in(4) => channel.tx.close(),
        1 => {
            if let Ok(message) = channel.rx.try_recv() {
                things.post.received(&message);
            }
        }
        2 => {
            things.written.fetch_add(1, SeqCst);
            let message = things.post.write(0);
            match channel.tx.try_send(message) {
                Ok(()) => things.post.sent(),
                Err(error) => things.post.returned(&error.into_inner()),
            }
        }
        3 => things.semaphores[random.below(things.semaphores.len())].release(1),
        4 => {
            let bell = &things.bells[random.below(things.bells.len())];
            bell.signals.sent.fetch_add(1, SeqCst);
            bell.notify.notify_one();
        }
        5 => things.locks[random.below(things.locks.len())].condvar.notify_one(),
        6 => things.alarms[random.below(things.alarms.len())].set(Some(random.micros(300))),
        7 if random.one_in(3) => things.contexts[random.below(things.contexts.len())].1.cancel(),
        _ => {}
    }
}

/// All that can end a wait is done.
fn end(things: &Things, states: &[State]) {
    things.contexts[0].1.cancel();
    things.channels.iter().for_each(|channel| channel.tx.close());
    things.semaphores.iter().for_each(|semaphore| semaphore.release(1));
    things.bells.iter().for_each(|bell| bell.notify.notify_all());
    for lock in &things.locks {
        lock.condvar.notify_all();
    }
    things.alarms.iter().for_each(|alarm| alarm.set(Some(Duration::ZERO)));
    for (at, (barrier, size)) in things.barriers.iter().enumerate() {
        let waits = |state: &State| {
            matches!(state, State::Waits(_, what)
                if what.iter().any(|what| matches!(what, wait::For::Barrier(other) if *other == at)))
        };
        if states.iter().any(waits) {
            thread::scope(|s| {
                (1..*size)
                    .for_each(|_| _ = s.spawn(|| barrier.wait_timeout(Duration::from_millis(1))));
            });
        }
    }
}
