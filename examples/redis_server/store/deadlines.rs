//! When keys expire.

use super::Key;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

/// When a key expires that does not.
pub(crate) const NEVER: Millis = Millis::MAX;

pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as Millis)
}

/// The hashes of keys that expire, in the order in which they do. Exact: what is not to expire any more is taken out at
/// once, or who sets the same deadline time and again could fill the memory. A key's bytes are not here: what
/// is there already may get a deadline however full the memory is.
#[derive(Default)]
pub(super) struct Deadlines {
    /// How many keys have both.
    keys: BTreeMap<(Millis, u64), u32>,
    len: usize,
}

impl Deadlines {
    pub(super) fn change(&mut self, key: Key<'_>, from: Millis, to: Millis) {
        if from == to {
            return;
        }
        if from != NEVER {
            self.remove(from, key.hash);
        }
        if to != NEVER {
            *self.keys.entry((to, key.hash)).or_default() += 1;
            self.len += 1;
        }
    }

    /// Takes out a key that expires by `now`: when it does, and its hash.
    pub(super) fn pop(&mut self, now: Millis) -> Option<(Millis, u64)> {
        let (&(first, hash), _) = self.keys.first_key_value()?;
        if first > now {
            return None;
        }
        self.remove(first, hash);
        Some((first, hash))
    }

    fn remove(&mut self, expires: Millis, hash: u64) {
        if let Entry::Occupied(mut keys) = self.keys.entry((expires, hash)) {
            self.len -= 1;
            match keys.get() {
                1 => drop(keys.remove()),
                _ => *keys.get_mut() -= 1,
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}
