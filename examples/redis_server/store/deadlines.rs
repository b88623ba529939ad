//! When keys expire.

use super::{Bytes, Key};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

/// When a key expires that does not.
pub(crate) const NEVER: Millis = Millis::MAX;

pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as Millis)
}

/// The keys that expire, in the order in which they do. Exact: what is not to expire any more is taken out at
/// once, or who sets the same deadline time and again could fill the memory.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Millis, u64, Bytes)>);

impl Deadlines {
    pub(super) fn change(&mut self, key: Key<'_>, from: Millis, to: Millis) {
        if from == to {
            return;
        }
        if from != NEVER {
            self.0.remove(&(from, key.hash, key.bytes.into()));
        }
        if to != NEVER {
            self.0.insert((to, key.hash, key.bytes.into()));
        }
    }

    /// Takes out a key that expires by `now`: its hash, and its bytes.
    pub(super) fn pop(&mut self, now: Millis) -> Option<(u64, Bytes)> {
        let (first, ..) = self.0.first()?;
        if *first > now {
            return None;
        }
        self.0.pop_first().map(|(_, hash, key)| (hash, key))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
