//! What is stored: a table of keys in shards, each behind a lock of its own.
//!
//! A goroutine locks the shard of its key, does what its command is about, and gives the shard back
//! before it waits for anything. Goroutines at work on different keys rarely meet.
//!
//! Every command is atomic, as in Redis. One with several keys takes the locks of all their shards, in
//! ascending order, so that two of them never wait for each other.

mod deadlines;
mod keyspace;
mod sorted_set;
mod sweep;
mod value;
mod waiting;

pub(crate) use deadlines::{Millis, NEVER, now};
pub(crate) use keyspace::Keyspace;
pub(crate) use sorted_set::SortedSet;
pub(crate) use sweep::sweep;
pub(crate) use value::{Bytes, End, Hash, List, Set, Value};
pub(crate) use waiting::{Popped, Waiter};

use crate::error::Result;
use gort::sync::{Mutex, MutexGuard};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError};
use value::Kind;

/// As many as a mask has bits.
const SHARDS: usize = u64::BITS as usize;

pub(crate) struct Store {
    shards: Box<[Shard]>,
    /// Seeded, and SipHash, as clients choose the keys.
    hasher: RandomState,
}

/// Apart from its neighbours, which other processors write to.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<Keyspace>);

impl Shard {
    /// A command that panics is a mistake of ours, and should not make a part of the keys unusable.
    fn lock(&self) -> MutexGuard<'_, Keyspace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key, hashed once: for its shard, and for its place there.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    pub(crate) bytes: &'a [u8],
    hash: u64,
}

impl Key<'_> {
    /// By bits that say nothing about the place in a table.
    fn shard(self) -> usize {
        (self.hash >> 48) as usize % SHARDS
    }
}

impl Store {
    pub(crate) fn new() -> Store {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Store { shards, hasher: RandomState::new() }
    }

    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, hash: self.hasher.hash_one(bytes) }
    }

    pub(crate) fn lock(&self, key: Key<'_>) -> MutexGuard<'_, Keyspace> {
        self.shards[key.shard()].lock()
    }

    /// Locks all that is needed for some keys at once.
    pub(crate) fn lock_for<'a>(&self, keys: impl IntoIterator<Item = Key<'a>>) -> Locked<'_> {
        let mask = keys.into_iter().fold(0, |mask, key| mask | 1 << key.shard());
        let shards = self.shards.iter().enumerate();
        let wanted = shards.filter(|(index, _)| mask & 1 << index != 0);
        Locked { mask, guards: wanted.map(|(_, shard)| shard.lock()).collect() }
    }

    /// One shard after the other, each locked while it is looked at.
    pub(crate) fn each_shard(&self) -> impl Iterator<Item = MutexGuard<'_, Keyspace>> {
        self.shards.iter().map(Shard::lock)
    }

    /// Forgets everything, at one moment.
    pub(crate) fn clear(&self) {
        let mut guards: Vec<_> = self.each_shard().collect();
        let old: Vec<_> = guards.iter_mut().map(|keyspace| keyspace.clear()).collect();
        drop(guards);
        // Which takes its time.
        drop(old);
    }

    /// Takes a waiter back from the keys that it was left with.
    pub(crate) fn take_back(&self, keys: &[Bytes], waiter: &Arc<Waiter>) {
        for key in keys.iter().map(|bytes| self.key(bytes)) {
            self.lock(key).wait_no_more(key, waiter);
        }
    }

    pub(crate) fn len(&self) -> usize {
        let guards: Vec<_> = self.each_shard().collect();
        guards.iter().map(|keyspace| keyspace.len()).sum()
    }
}

/// The shards of some keys, all locked.
pub(crate) struct Locked<'a> {
    mask: u64,
    /// Of the shards in the mask, in order.
    guards: Vec<MutexGuard<'a, Keyspace>>,
}

impl Locked<'_> {
    /// The shard of a key, one of those that were asked for.
    pub(crate) fn shard(&mut self, key: Key<'_>) -> &mut Keyspace {
        let index = self.index(key);
        &mut self.guards[index]
    }

    /// The value of a key, one of those that were asked for, for as long as all are locked.
    pub(crate) fn look<T: Kind>(&self, key: Key<'_>) -> Result<Option<&T>> {
        self.guards[self.index(key)].look(key)
    }

    fn index(&self, key: Key<'_>) -> usize {
        let before = self.mask & ((1 << key.shard()) - 1);
        before.count_ones() as usize
    }
}
