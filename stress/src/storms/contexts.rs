//! Trees of contexts, cancelled in random order by many, while others derive from them, wait for them and have
//! functions called: all below what is cancelled ends, nothing else does, each function is called once or
//! stopped, and nothing is left.

use super::Storm;
use crate::ledger::{Ledger, Token};
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, dawdle};
use gort::context::{self, Cancel, Context};
use gort::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

pub(super) const STORM: Storm =
    Storm { name: "contexts", about: "trees that are cancelled, waited for, called after", run };

/// Longer than a storm takes.
const LONG: Duration = Duration::from_secs(3600);

struct Leaf {
    context: Context,
    cancel: Cancel,
    /// Is it cut off from what is above it?
    apart: bool,
}

struct Forest {
    root: Context,
    leaves: Mutex<Vec<Arc<Leaf>>>,
    ledger: Ledger,
    called: AtomicUsize,
    stopped: AtomicUsize,
    set: AtomicUsize,
}

fn token_of(context: &Context) -> Option<&Token> {
    context.value::<Token>()
}

impl Forest {
    fn pick(&self, random: &mut Random) -> Option<Arc<Leaf>> {
        let leaves = self.leaves.lock().expect("no panic");
        (!leaves.is_empty()).then(|| leaves[random.below(leaves.len())].clone())
    }

    fn grow(&self, random: &mut Random) {
        let parent = self.pick(random);
        let base = parent.as_ref().map_or(&self.root, |leaf| &leaf.context);
        let mut apart = parent.as_ref().is_some_and(|leaf| leaf.apart);
        let base = match random.below(6) {
            0 => context::with_value(base, self.ledger.token()),
            1 if random.one_in(4) => {
                apart = true;
                context::without_cancel(base)
            }
            _ => base.clone(),
        };
        let (context, cancel) = match random.below(3) {
            0 => context::with_timeout(&base, LONG),
            1 => context::with_timeout(&base, random.micros(2000)),
            _ => context::with_cancel(&base),
        };
        let leaf = Arc::new(Leaf { context, cancel, apart });
        self.leaves.lock().expect("no panic").push(leaf);
    }

    fn step(self: &Arc<Self>, random: &mut Random) {
        match random.below(8) {
            0..3 => self.grow(random),
            3 => {
                if let Some(leaf) = self.pick(random) {
                    leaf.cancel.cancel();
                    assert!(leaf.context.is_done() && leaf.context.done().recv().is_none());
                }
            }
            4 => {
                let mut leaves = self.leaves.lock().expect("no panic");
                if !leaves.is_empty() {
                    let place = random.below(leaves.len());
                    let leaf = leaves.swap_remove(place);
                    drop(leaves);
                    drop(leaf);
                }
            }
            5 => {
                let Some(leaf) = self.pick(random) else { return };
                self.set.fetch_add(1, SeqCst);
                let (forest, token) = (self.clone(), self.ledger.token());
                let call = context::after_func(&leaf.context, move || {
                    drop(token);
                    forest.called.fetch_add(1, SeqCst);
                });
                dawdle(random);
                if random.one_in(2) {
                    self.stopped.fetch_add(usize::from(call.stop()), SeqCst);
                } else {
                    leaf.cancel.cancel();
                }
            }
            6 => {
                let Some(leaf) = self.pick(random) else { return };
                let time = random.micros(200);
                gort::select! {
                    recv(leaf.context.done()) -> _ => assert!(leaf.context.err().is_some()),
                    after(time) => {},
                }
            }
            _ => {
                if let Some(leaf) = self.pick(random) {
                    let alive = token_of(&leaf.context).is_none_or(|t| !t.ledger().is_closed());
                    assert!(alive, "a value is there as long as its context");
                }
            }
        }
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let threads = round.threads();
    let random = &mut round.random;
    let (members, steps) = (1 + random.below(10), 1 + random.below(200));
    watchdog::note(&format!("{members} members, {steps} steps"));
    let ledger = Ledger::default();
    let (root, cancel) = context::with_cancel(&context::background());
    let forest = Arc::new(Forest {
        root,
        leaves: Mutex::new(Vec::new()),
        ledger: ledger.clone(),
        called: AtomicUsize::new(0),
        stopped: AtomicUsize::new(0),
        set: AtomicUsize::new(0),
    });
    let member = |mut random: Random| {
        let forest = forest.clone();
        move || (0..steps).for_each(|_| forest.step(&mut random))
    };
    let mut plain = Vec::new();
    let mut handles = Vec::new();
    for _ in 0..members {
        let seed = random.fork();
        if plain.len() < threads && random.one_in(5) {
            plain.push(thread::spawn(member(seed)));
        } else {
            handles.push(home.spawn(member(seed)));
        }
    }
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    cancel.cancel();
    let leaves = std::mem::take(&mut *forest.leaves.lock().expect("no panic"));
    for leaf in &leaves {
        assert!(leaf.apart || leaf.context.is_done(), "all below the root has ended");
        leaf.cancel.cancel();
    }
    drop(leaves);
    // Those that a context that is gone would have called are dropped with it; the others are on their way, and so
    // may be the last of a context, with its value.
    while Arc::strong_count(&forest) > 1 || !ledger.is_closed() {
        thread::yield_now();
    }
    let (called, stopped) = (forest.called.load(SeqCst), forest.stopped.load(SeqCst));
    assert!(called + stopped <= forest.set.load(SeqCst), "a function was called after a stop");
    drop(forest);
    ledger.close();
    home.leave();
}
