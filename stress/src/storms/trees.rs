//! Random trees of goroutines, started, joined and left to themselves in every way.

use super::Storm;
use crate::ledger::{Ledger, Token};
use crate::random::Random;
use crate::world::{Round, dawdle};
use gort::sync::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

pub(super) const STORM: Storm =
    Storm { name: "trees", about: "random trees: spawn, steal, park, join, detach", run };

#[derive(Clone)]
struct Forest {
    nodes: Arc<AtomicUsize>,
    ledger: Ledger,
    /// Counts those that nobody joins.
    detached: WaitGroup,
    /// Nodes that may still be started.
    left: Arc<AtomicUsize>,
}

/// A result that is to be dropped once, and how many nodes there were in the subtree, as far as they
/// were joined.
type Fruit = (usize, Token);

impl Forest {
    fn grow(&self, mut random: Random, depth: usize) -> Fruit {
        let _held = self.ledger.token();
        self.nodes.fetch_add(1, SeqCst);
        dawdle(&mut random);
        let mut count = 1;
        let mut handles = Vec::new();
        for _ in 0..if depth == 0 { 0 } else { random.below(5) } {
            let take = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
            if take.is_err() {
                break;
            }
            let (forest, seed) = (self.clone(), random.fork());
            let body = move || forest.grow(seed, depth - 1);
            match random.below(8) {
                0 => {
                    self.detached.go(body);
                }
                1 => count += gort::run(body).0,
                2 => count += gort::scope(|s| s.go(body).join().ok().map_or(0, |fruit| fruit.0)),
                3 => {
                    let builder = gort::Builder::new().name("leaf").stack_size(64 << 10);
                    handles.push(builder.spawn(body).expect("a stack"));
                }
                4 => {
                    // Its handle goes first: counted by the group.
                    let (forest, seed) = (self.clone(), random.fork());
                    self.detached.add(1);
                    drop(gort::spawn(move || {
                        let fruit = forest.grow(seed, depth - 1);
                        forest.detached.done();
                        fruit
                    }));
                }
                _ => handles.push(gort::spawn(body)),
            }
            dawdle(&mut random);
        }
        if random.one_in(2) {
            handles.reverse();
        }
        for handle in handles {
            count += handle.join().expect("it does not panic").0;
        }
        (count, self.ledger.token())
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let forest = Forest {
        nodes: Arc::default(),
        ledger: Ledger::default(),
        detached: WaitGroup::new(),
        left: Arc::new(AtomicUsize::new(10 + round.random.below(600))),
    };
    let seed = round.random.fork();
    let depth = 1 + round.random.below(12);
    let (count, token) = home.run(|| forest.grow(seed, depth));
    drop(token);
    forest.detached.wait();
    let nodes = forest.nodes.load(SeqCst);
    assert!(count <= nodes, "{count} of {nodes}");
    // Results that nobody joined are dropped after the group has been told.
    while home.num_goroutines() > 0 {
        std::thread::yield_now();
    }
    forest.ledger.close();
    home.leave();
}
