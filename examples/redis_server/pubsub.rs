//! Messages from those who publish to those who have subscribed.
//!
//! A subscriber has a [`Mailbox`], a bounded channel, and a goroutine that writes to its socket what comes
//! there. Who publishes never waits: a subscriber that does not keep up, so that its mailbox overflows, is disconnected.

use crate::config::Config;
use crate::glob;
use crate::reply::{self, Reply};
use gort::chan::{Receiver, Sender, chan};
use gort::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

/// How many messages wait for one subscriber at most. What limits their bytes is in the config.
/// Enough for those that come in a burst before it can write any.
const MAILBOX: usize = 1 << 16;

/// What is sent to a subscriber, as bytes; shared, as others get the same.
pub(crate) type Message = Arc<[u8]>;

pub(crate) struct Mailbox {
    client: u64,
    messages: Sender<Message>,
    /// Bytes that wait here, and how many may.
    waiting: AtomicUsize,
    limit: usize,
    resp3: AtomicBool,
    /// Ends the connection, whatever it is waiting for.
    disconnect: Box<dyn Fn() + Send + Sync>,
}

impl Mailbox {
    /// A mailbox, and where its messages come out.
    pub(crate) fn new(
        client: u64,
        config: &Config,
        disconnect: impl Fn() + Send + Sync + 'static,
    ) -> (Arc<Mailbox>, Receiver<Message>) {
        let (messages, outgoing) = chan(MAILBOX);
        let mailbox = Mailbox {
            client,
            messages,
            waiting: AtomicUsize::new(0),
            limit: config.pubsub_buffer,
            resp3: AtomicBool::new(false),
            disconnect: Box::new(disconnect),
        };
        (Arc::new(mailbox), outgoing)
    }

    /// Which version of the protocol its client speaks.
    pub(crate) fn set_resp3(&self, resp3: bool) {
        self.resp3.store(resp3, Ordering::Relaxed);
    }

    /// Leaves a reply to the client itself, and waits if there are many messages before it. False: it takes more bytes
    /// than may wait, or the client is gone.
    pub(crate) fn send(&self, reply: Vec<u8>) -> bool {
        self.has_room(reply.len()) && self.messages.send(reply.into()).is_ok()
    }

    /// Leaves a message, and never waits; if there is no room for it, the client is disconnected.
    fn post(&self, message: Message) {
        if !self.has_room(message.len()) || self.messages.try_send(message).is_err() {
            self.disconnect();
        }
    }

    fn disconnect(&self) {
        self.messages.close();
        (self.disconnect)();
    }

    fn has_room(&self, len: usize) -> bool {
        self.waiting.fetch_add(len, Ordering::Relaxed) + len <= self.limit
    }

    /// To be called with what has come out.
    pub(crate) fn taken(&self, message: &Message) {
        self.waiting.fetch_sub(message.len(), Ordering::Relaxed);
    }

    /// No more messages; those that are here still come out.
    pub(crate) fn close(&self) {
        self.messages.close();
    }
}

/// By the number of the client.
type Subscribers = HashMap<u64, Arc<Mailbox>>;
type Topics = HashMap<Box<[u8]>, Subscribers>;

/// What can be subscribed to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Channel,
    /// All channels whose names it matches.
    Pattern,
}

/// Who has subscribed to what.
#[derive(Default)]
pub(crate) struct Hub {
    tables: RwLock<Tables>,
}

#[derive(Default)]
struct Tables {
    channels: Topics,
    patterns: Topics,
}

impl Tables {
    fn of(&mut self, topic: Topic) -> &mut Topics {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
        }
    }
}

impl Hub {
    /// Subscribes to `names`, and leaves `confirmation` in the mailbox: no message of theirs comes before it,
    /// and who has seen it misses none.
    pub(crate) fn subscribe<'a>(
        &self,
        topic: Topic,
        names: impl Iterator<Item = &'a [u8]>,
        mailbox: &Arc<Mailbox>,
        confirmation: Vec<u8>,
    ) {
        let mut tables = self.write();
        for name in names {
            let subscribers = tables.of(topic).entry(name.into()).or_default();
            subscribers.insert(mailbox.client, mailbox.clone());
        }
        mailbox.post(confirmation.into());
    }

    pub(crate) fn unsubscribe<'a>(
        &self,
        topic: Topic,
        names: impl Iterator<Item = &'a [u8]>,
        mailbox: &Mailbox,
    ) {
        let mut tables = self.write();
        for name in names {
            if let Entry::Occupied(mut entry) = tables.of(topic).entry(name.into()) {
                entry.get_mut().remove(&mailbox.client);
                if entry.get().is_empty() {
                    entry.remove();
                }
            }
        }
    }

    /// Sends a message to all who have subscribed to `channel`, and says how many they are.
    pub(crate) fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let tables = self.read();
        let mut receivers = 0;
        if let Some(subscribers) = tables.channels.get(channel) {
            receivers += post_to_all(subscribers, &[b"message", channel, payload]);
        }
        for (pattern, subscribers) in &tables.patterns {
            if glob::matches(pattern, channel) {
                receivers += post_to_all(subscribers, &[b"pmessage", pattern, channel, payload]);
            }
        }
        receivers
    }

    /// The channels that somebody has subscribed to.
    pub(crate) fn channels(&self, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let tables = self.read();
        let names = tables.channels.keys();
        names.filter(|name| pattern.is_none_or(|it| glob::matches(it, name))).cloned().collect()
    }

    pub(crate) fn subscribers(&self, channel: &[u8]) -> usize {
        self.read().channels.get(channel).map_or(0, HashMap::len)
    }

    pub(crate) fn patterns(&self) -> usize {
        self.read().patterns.len()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn post_to_all(subscribers: &Subscribers, words: &[&[u8]]) -> usize {
    // At most one of each is made.
    let (mut resp2, mut resp3) = (None, None);
    for mailbox in subscribers.values() {
        let is_resp3 = mailbox.resp3.load(Ordering::Relaxed);
        let message = if is_resp3 { &mut resp3 } else { &mut resp2 };
        match message.get_or_insert_with(|| make(words, is_resp3)) {
            Some(message) => mailbox.post(message.clone()),
            // It is told so, as with a mailbox that is full: by the end.
            None => mailbox.disconnect(),
        }
    }
    subscribers.len()
}

/// `None`: there is no memory for the message.
fn make(words: &[&[u8]], is_resp3: bool) -> Option<Message> {
    let len = words.iter().fold(reply::HEAD, |len, word| len + word.len() + reply::HEAD);
    // It is made, and then copied to where all share it.
    if !reply::may_take(2 * len) {
        return None;
    }
    let mut reply = Reply::message(is_resp3, len);
    reply.out_of_band(words.len());
    words.iter().for_each(|word| reply.bulk(word));
    (!reply.is_over()).then(|| reply.take().into())
}
