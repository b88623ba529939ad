//! Receivers that time sends to: `after`, `at`, `tick` and `never`.

mod chan_world;
mod support;

use chan_world::{World, join_all};
use gort::chan::{RecvTimeoutError, TryRecvError, after, at, never, tick};
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(3600);

in_all_worlds! {
    after_fires_once_and_not_too_early
    at_fires_at_its_time
    a_tick_comes_with_every_period
    ticks_that_are_late_are_dropped_and_the_phase_is_kept
    of_many_receivers_one_gets_the_message
    a_closed_timer_is_silent
}

fn after_fires_once_and_not_too_early(world: World) {
    world.run(|| {
        assert_eq!(
            after(Duration::MAX).recv_timeout(Duration::ZERO),
            Err(RecvTimeoutError::Timeout)
        );
        let start = Instant::now();
        let timer = after(TIME);
        assert_eq!(timer.capacity(), 1);
        let due = timer.recv().unwrap();
        assert!(due >= start + TIME && due <= Instant::now());
        assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(timer.recv_timeout(TIME), Err(RecvTimeoutError::Timeout));
        assert!(!timer.is_closed());

        let timer = after(Duration::ZERO);
        assert_eq!((timer.len(), timer.is_full(), timer.is_empty()), (1, true, false));
        assert!(timer.try_recv().is_ok());
        assert_eq!((timer.len(), timer.is_full(), timer.is_empty()), (0, false, true));
    });
}

fn at_fires_at_its_time(world: World) {
    world.run(|| {
        let time = Instant::now() + TIME;
        let due = at(time).recv().unwrap();
        assert!(Instant::now() >= time);
        assert_eq!(due, time);
        let past = Instant::now().checked_sub(Duration::from_millis(1)).unwrap_or(time);
        assert!(at(past).try_recv().is_ok());
    });
}

fn a_tick_comes_with_every_period(world: World) {
    world.run(|| {
        let start = Instant::now();
        let ticks = tick(TIME);
        if let Ok(early) = ticks.try_recv() {
            // It is not: this thread was kept from running meanwhile.
            assert!(early >= start + TIME && Instant::now() >= early);
        }
        let times: Vec<_> =
            ticks.iter().take(4).inspect(|due| assert!(Instant::now() >= *due)).collect();
        assert!(times[0] >= start + TIME);
        for pair in times.windows(2) {
            let periods = (pair[1] - pair[0]).as_nanos() / TIME.as_nanos();
            assert!(periods >= 1);
            assert_eq!((pair[1] - pair[0]).as_nanos() % TIME.as_nanos(), 0);
        }
    });
}

fn ticks_that_are_late_are_dropped_and_the_phase_is_kept(world: World) {
    world.run(|| {
        let ticks = tick(TIME);
        gort::sleep(TIME * 4 + TIME / 2);
        assert_eq!(ticks.len(), 1);
        let before = Instant::now();
        let first = ticks.recv().unwrap();
        let second = ticks.recv().unwrap();
        // Those in between are gone: the second was not due yet when the first was received.
        assert!(first < before && second > before);
        assert!(second - first >= TIME * 4);
        assert_eq!((second - first).as_nanos() % TIME.as_nanos(), 0);
    });
}

fn of_many_receivers_one_gets_the_message(world: World) {
    world.run(move || {
        let timer = after(TIME);
        let receivers = world.spawn_all(5, |_| {
            let timer = timer.clone();
            Box::new(move || timer.recv())
        });
        // The losers wait on, until it is closed.
        let (done, count) = gort::chan::chan(5);
        let waiters: Vec<_> = receivers
            .into_iter()
            .map(|receiver| {
                let done = done.clone();
                world.spawn(move || done.send(receiver.join()).unwrap())
            })
            .collect();
        assert!(count.recv().unwrap().is_some());
        timer.close();
        for _ in 0..4 {
            assert_eq!(count.recv(), Some(None));
        }
        join_all(waiters);
    });
}

fn a_closed_timer_is_silent(world: World) {
    world.run(move || {
        let timer = after(Duration::ZERO);
        timer.close();
        assert_eq!((timer.len(), timer.recv()), (0, None));
        let ticks = tick(LONG);
        let receiver = {
            let ticks = ticks.clone();
            world.spawn(move || ticks.recv())
        };
        ticks.close();
        assert_eq!(receiver.join(), None);
        assert_eq!(never::<()>().try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn what_is_too_far_away_never_comes() {
    for timer in [after(Duration::MAX), tick(Duration::MAX), after(LONG)] {
        assert_eq!(timer.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
        assert!(timer.is_empty());
    }
}

#[test]
#[should_panic = "the period of a tick must not be zero"]
fn a_period_of_zero_is_refused() {
    tick(Duration::ZERO);
}

#[test]
fn timers_are_arms_of_a_select() {
    for world in [World::Threads, World::Goroutines(1)] {
        world.run(|| {
            let start = Instant::now();
            let (timer, later, silent) = (after(TIME), after(LONG), never::<()>());
            let first = gort::select! {
                recv(silent) -> _ => 0,
                recv(timer) -> due => {
                    assert!(due.unwrap() >= start + TIME);
                    1
                }
                recv(later) -> _ => 2,
            };
            assert_eq!(first, 1);
            // It has fired; now the select's own timeout is the first.
            let second = gort::select! {
                recv(timer) -> _ => 1,
                recv(later) -> _ => 2,
                after(TIME) => 3,
            };
            assert_eq!(second, 3);
            assert!(start.elapsed() >= TIME * 2);
            // One that is due wins over waiting.
            let due = after(Duration::ZERO);
            let third = gort::select! {
                recv(due) -> _ => 1,
                after(Duration::ZERO) => 2,
                default => 3,
            };
            assert_eq!(third, 1);
        });
    }
}

#[test]
fn two_selects_on_one_timer_share_its_message() {
    for world in [World::Threads, World::Goroutines(2)] {
        world.run(move || {
            let timer = after(TIME);
            let winners = world.spawn_all(3, |_| {
                let timer = timer.clone();
                Box::new(move || {
                    gort::select! {
                        recv(timer) -> due => u32::from(due.is_some()),
                        after(TIME * 5) => 0,
                    }
                })
            });
            assert_eq!(join_all(winners).into_iter().sum::<u32>(), 1);
        });
    }
}
