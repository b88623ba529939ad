//! One shard: its keys, when they expire, and who waits for them.

use super::deadlines::Deadlines;
use super::value::{Kind, List};
use super::{Bytes, Key, Millis, NEVER, Value, Waiter, now};
use crate::error::{Error, Result};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

#[derive(Default)]
pub(crate) struct Keyspace {
    table: HashTable<Entry>,
    deadlines: Deadlines,
    /// Who waits for an element of the list with this key, the one who came first in front.
    waiting: HashMap<Bytes, VecDeque<Arc<Waiter>>>,
}

pub(crate) struct Entry {
    key: Bytes,
    hash: u64,
    expires: Millis,
    pub(crate) value: Value,
}

impl Entry {
    fn new(key: Key<'_>, value: Value) -> Entry {
        Entry { key: key.bytes.into(), hash: key.hash, expires: NEVER, value }
    }

    fn is(&self, key: Key<'_>) -> bool {
        self.hash == key.hash && *self.key == *key.bytes
    }

    fn is_over(&self) -> bool {
        self.expires != NEVER && self.expires <= now()
    }

    pub(crate) fn expires(&self) -> Millis {
        self.expires
    }
}

impl Keyspace {
    /// What is stored with a key; what has expired is not.
    pub(crate) fn find(&mut self, key: Key<'_>) -> Option<&mut Entry> {
        let entry = self.table.find_entry(key.hash, |entry| entry.is(key)).ok()?;
        if !entry.get().is_over() {
            return Some(entry.into_mut());
        }
        let (entry, _) = entry.remove();
        self.deadlines.change(key, entry.expires, NEVER);
        None
    }

    /// The value of a key, if it is of the right type.
    pub(crate) fn get<T: Kind>(&mut self, key: Key<'_>) -> Result<Option<&mut T>> {
        match self.find(key) {
            Some(entry) => T::of(&mut entry.value).map(Some).ok_or(Error::WrongType),
            None => Ok(None),
        }
    }

    /// As [`get`](Self::get), but only to look at: what has expired stays where it is.
    pub(super) fn look<T: Kind>(&self, key: Key<'_>) -> Result<Option<&T>> {
        match self.table.find(key.hash, |entry| entry.is(key)) {
            Some(entry) if !entry.is_over() => {
                T::look(&entry.value).map(Some).ok_or(Error::WrongType)
            }
            _ => Ok(None),
        }
    }

    /// As [`get`](Self::get), with an empty value for a key that is not there. Whoever may leave it empty calls
    /// [`tidy`](Self::tidy).
    pub(crate) fn get_or_create<T: Kind>(&mut self, key: Key<'_>) -> Result<&mut T> {
        let entry = match self.slot(key) {
            Slot::Vacant(vacant) => vacant.insert(Entry::new(key, T::create())).into_mut(),
            Slot::Occupied(occupied) => occupied.into_mut(),
        };
        T::of(&mut entry.value).ok_or(Error::WrongType)
    }

    /// Stores a string, in the place of whatever is there. That is returned, as it may take long to free.
    pub(crate) fn set(&mut self, key: Key<'_>, string: &[u8], expires: Millis) -> Option<Value> {
        let (entry, old) = match self.slot(key) {
            Slot::Vacant(vacant) => {
                let entry = Entry::new(key, Value::String(string.into()));
                (vacant.insert(entry).into_mut(), None)
            }
            Slot::Occupied(occupied) => {
                let entry = occupied.into_mut();
                let old = match &mut entry.value {
                    // The memory that is there will do, if it is not much too large.
                    Value::String(old) if old.capacity() / 2 <= string.len() => {
                        old.clear();
                        old.extend_from_slice(string);
                        None
                    }
                    old => Some(std::mem::replace(old, Value::String(string.into()))),
                };
                (entry, old)
            }
        };
        let before = std::mem::replace(&mut entry.expires, expires);
        self.deadlines.change(key, before, expires);
        old
    }

    /// Removes a key. Its value is returned, as it may take long to free.
    pub(crate) fn remove(&mut self, key: Key<'_>) -> Option<Value> {
        self.find(key)?;
        let entry = self.table.find_entry(key.hash, |entry| entry.is(key)).ok()?;
        let (entry, _) = entry.remove();
        self.deadlines.change(key, entry.expires, NEVER);
        Some(entry.value)
    }

    /// Removes a collection that has no elements left.
    pub(crate) fn tidy<T: Kind>(&mut self, key: Key<'_>) {
        if let Ok(Some(value)) = self.get::<T>(key)
            && value.has_no_elements()
        {
            self.remove(key);
        }
    }

    /// Sets when a key expires. False: there is no such key.
    pub(crate) fn expire(&mut self, key: Key<'_>, expires: Millis) -> bool {
        let Some(entry) = self.find(key) else { return false };
        let before = std::mem::replace(&mut entry.expires, expires);
        self.deadlines.change(key, before, expires);
        true
    }

    /// Removes up to `limit` keys that have expired, and returns their values.
    pub(crate) fn remove_expired(&mut self, limit: usize) -> Vec<Value> {
        let now = now();
        let expired = std::iter::from_fn(|| {
            let (expires, hash) = self.deadlines.pop(now)?;
            // Should two keys have the same of both, it does not matter which is the first.
            let is_it = |entry: &Entry| entry.expires == expires && entry.hash == hash;
            Some(self.table.find_entry(hash, is_it).ok()?.remove().0.value)
        });
        expired.take(limit).collect()
    }

    /// Those that have not expired.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        let now = now();
        self.table.iter().filter(move |entry| entry.expires > now).map(|entry| &entry.key[..])
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many keys expire some time.
    pub(crate) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    /// Forgets all keys, but not who waits. What is returned may take long to free.
    pub(crate) fn clear(&mut self) -> impl Sized + use<> {
        (std::mem::take(&mut self.table), std::mem::take(&mut self.deadlines))
    }

    /// Leaves a waiter with a key.
    pub(crate) fn wait_for(&mut self, key: Key<'_>, waiter: Arc<Waiter>) {
        self.waiting.entry(key.bytes.into()).or_default().push_back(waiter);
    }

    /// Takes a waiter back, if it is still there.
    pub(crate) fn wait_no_more(&mut self, key: Key<'_>, waiter: &Arc<Waiter>) {
        self.change_queue(key, |queue| queue.retain(|other| !Arc::ptr_eq(other, waiter)));
    }

    fn change_queue(&mut self, key: Key<'_>, change: impl FnOnce(&mut VecDeque<Arc<Waiter>>)) {
        if let Some(queue) = self.waiting.get_mut(key.bytes) {
            change(queue);
            if queue.is_empty() {
                self.waiting.remove(key.bytes);
            }
        }
    }

    /// Hands over elements that have been pushed, as long as there are any and somebody waits for them.
    pub(crate) fn serve(&mut self, key: Key<'_>) {
        if self.waiting.is_empty() {
            return;
        }
        while let Some(waiter) = self.waiting.get(key.bytes).and_then(VecDeque::front).cloned()
            && let Ok(Some(list)) = self.get::<List>(key)
            && !list.is_empty()
        {
            if waiter.claim() {
                let element = waiter.end.pop(list).expect("it is not empty");
                waiter.hand_over((key.bytes.into(), element));
            }
            self.change_queue(key, |queue| drop(queue.pop_front()));
        }
        self.tidy::<List>(key);
    }

    /// Where a key is, or would be. What has expired is not there.
    fn slot(&mut self, key: Key<'_>) -> Slot<'_, Entry> {
        if self.expiring() > 0 {
            self.find(key);
        }
        self.table.entry(key.hash, |entry| entry.is(key), |entry| entry.hash)
    }
}
