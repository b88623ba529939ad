//! Scopes within scopes, with panics at every place: what is borrowed stays as long as it is used.

use super::Storm;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::world::{OnPurpose, Round, dawdle, panic_on_purpose};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

pub(super) const STORM: Storm =
    Storm { name: "scopes", about: "nested scopes, borrows, panics, leaked handles", run };

/// What a scope lends to its goroutines; it lies in the frame of its owner.
struct Lent {
    canary: [u64; 8],
    running: AtomicUsize,
}

/// Counts a goroutine that runs, from its first instruction to its last destructor.
struct Running<'a>(&'a Lent);

impl<'a> Running<'a> {
    fn new(lent: &'a Lent) -> Self {
        lent.running.fetch_add(1, SeqCst);
        Running(lent)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        assert_eq!(self.0.canary, [0x5ca1_ab1e; 8], "what was lent is gone");
        self.0.running.fetch_sub(1, SeqCst);
    }
}

fn nest(mut random: Random, depth: usize, ledger: &Ledger, panics: bool) -> usize {
    let lent = Lent { canary: [0x5ca1_ab1e; 8], running: AtomicUsize::new(0) };
    let mut cells = [0_usize; 6];
    let count = random.below(cells.len() + 1);
    let panic_inside = panics && random.one_in(8);
    let result = catch_unwind(AssertUnwindSafe(|| {
        gort::scope(|s| {
            let mut handles = Vec::new();
            for cell in &mut cells[..count] {
                let (lent, mut random) = (&lent, random.fork());
                let go_in = depth > 0 && random.one_in(3);
                let (one, two) = (ledger.token(), ledger.token());
                let fate = random.below(4);
                let handle = s.go(move || {
                    let _running = Running::new(lent);
                    let _one = one;
                    dawdle(&mut random);
                    *cell = if go_in { nest(random.fork(), depth - 1, ledger, panics) } else { 1 };
                    dawdle(&mut random);
                    if panics && random.one_in(8) {
                        panic_on_purpose();
                    }
                    two
                });
                match fate {
                    0 => drop(handle),
                    1 => handles.push(handle),
                    2 => drop(handle.join()),
                    _ => {
                        // Through another goroutine of the scope.
                        s.go(move || drop(handle.join()));
                    }
                }
            }
            dawdle(&mut random);
            if panic_inside {
                panic_on_purpose();
            }
            handles.into_iter().for_each(|handle| drop(handle.join()));
        });
    }));
    assert_eq!(lent.running.load(SeqCst), 0, "a scope has returned before its goroutines");
    if let Err(payload) = result {
        let known = payload.is::<OnPurpose>() || payload.is::<&str>();
        assert!(panics && known, "an unknown panic");
    }
    // A write that comes late would show.
    let before = cells;
    dawdle(&mut random);
    assert_eq!(before, cells);
    1 + cells.iter().sum::<usize>()
}

/// The number of goroutines goes to zero and up again, again and again, while the owner comes to wait.
fn through_zero(mut random: Random) {
    for _ in 0..20 {
        let lent = Lent { canary: [0x5ca1_ab1e; 8], running: AtomicUsize::new(0) };
        let started = AtomicUsize::new(0);
        gort::scope(|s| {
            for _ in 0..1 + random.below(3) {
                let before = started.load(SeqCst);
                s.go(|| {
                    let _running = Running::new(&lent);
                    started.fetch_add(1, SeqCst);
                });
                while random.one_in(2) && started.load(SeqCst) == before {
                    gort::yield_now();
                }
                (0..random.below(300)).for_each(|_| std::hint::spin_loop());
            }
            let mut random = random.fork();
            let lent = &lent;
            s.go(move || {
                let _running = Running::new(lent);
                dawdle(&mut random);
            });
        });
        assert_eq!(lent.running.load(SeqCst), 0, "a scope has returned before its goroutines");
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let (first, second) = (round.random.fork(), round.random.fork());
    let panics = round.random.one_in(2);
    let depth = round.random.below(5);
    let ledger = Ledger::default();
    let silence = SilentScopes::new(panics);
    if round.random.one_in(4) {
        // On a plain thread, with the process's runtime.
        nest(first, depth, &ledger, panics);
        through_zero(second);
    } else {
        home.run(|| {
            nest(first, depth, &ledger, panics);
            through_zero(second);
        });
    }
    drop(silence);
    ledger.close();
    home.leave();
}

/// A scope whose goroutines panicked panics with a message of its own, by way of the hook: it must
/// not count as a failure.
struct SilentScopes(bool);

impl SilentScopes {
    fn new(on: bool) -> Self {
        if on {
            crate::watchdog::expect(Some("a goroutine of a scope panicked"));
        }
        SilentScopes(on)
    }
}

impl Drop for SilentScopes {
    fn drop(&mut self) {
        if self.0 {
            crate::watchdog::expect(None);
        }
    }
}
