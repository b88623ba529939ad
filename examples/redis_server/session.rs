//! What the server knows of a client, and what a command gets to work with.

use crate::error::{Error, Result};
use crate::number::{self, Random};
use crate::pubsub::{Hub, Mailbox, Message, Topic};
use crate::reply::Reply;
use crate::request::Args;
use crate::server::{Client, Server};
use crate::store::{Bytes, Key, Popped, Store, Waiter};
use gort::chan::Receiver;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

const MAX_PATTERN: usize = 1024;

pub(crate) struct Session {
    pub(crate) client: Arc<Client>,
    pub(crate) subscriptions: Option<Subscriptions>,
    pub(crate) random: Random,
    /// What its connection is to do next.
    pub(crate) next: Next,
    /// There are messages that it has left in mailboxes, since it was asked last.
    pub(crate) posted: bool,
}

#[derive(Default)]
pub(crate) enum Next {
    #[default]
    Request,
    /// Wait for an element; the reply is still to come.
    Wait(Wait),
    /// Begin to deliver messages.
    Deliver(Receiver<Message>),
    Close,
}

/// For what a client waits.
pub(crate) struct Wait {
    pub(crate) keys: Vec<Bytes>,
    pub(crate) waiter: Arc<Waiter>,
    pub(crate) popped: Receiver<Popped>,
    pub(crate) deadline: Option<Instant>,
}

/// Of a client that has ever subscribed to something.
pub(crate) struct Subscriptions {
    pub(crate) mailbox: Arc<Mailbox>,
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
}

impl Subscriptions {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Subscriptions {
        Subscriptions { mailbox, channels: BTreeSet::new(), patterns: BTreeSet::new() }
    }

    pub(crate) fn of(&mut self, topic: Topic) -> &mut BTreeSet<Bytes> {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Unsubscribes from everything.
    pub(crate) fn leave(&mut self, hub: &Hub) {
        for topic in [Topic::Channel, Topic::Pattern] {
            let names = std::mem::take(self.of(topic));
            hub.unsubscribe(topic, names.iter().map(|name| &**name), &self.mailbox);
        }
    }
}

impl Session {
    pub(crate) fn new(client: Arc<Client>) -> Session {
        let random = Random::new(client.id);
        Session { client, subscriptions: None, random, next: Next::Request, posted: false }
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.subscriptions.as_ref().is_some_and(|subscriptions| subscriptions.count() > 0)
    }
}

/// One request, with all that a command needs to answer it.
pub(crate) struct Call<'a> {
    pub(crate) server: &'a Arc<Server>,
    pub(crate) session: &'a mut Session,
    pub(crate) args: Args<'a>,
    pub(crate) reply: &'a mut Reply,
}

impl<'a> Call<'a> {
    pub(crate) fn store(&self) -> &'a Store {
        &self.server.store
    }

    /// The argument as a key.
    pub(crate) fn key(&self, index: usize) -> Key<'a> {
        self.store().key(self.args.get(index).expect("the number of arguments has been checked"))
    }

    /// The arguments from `index` on, as keys.
    pub(crate) fn keys(&self, index: usize) -> impl Iterator<Item = Key<'a>> + Clone + use<'a> {
        let store = self.store();
        self.args.from(index).iter().map(|bytes| store.key(bytes))
    }

    pub(crate) fn integer(&self, index: usize) -> Result<i64> {
        number::parse(&self.args[index]).ok_or(Error::NotInteger)
    }

    /// How many; none is a number, too.
    pub(crate) fn count(&self, index: usize) -> Result<usize> {
        let count = number::parse(&self.args[index]).and_then(|count| count.try_into().ok());
        count.ok_or(Error::NotPositive)
    }

    /// A pattern for names. How long it takes to match grows with it.
    pub(crate) fn pattern(&self, index: usize) -> Result<&'a [u8]> {
        let pattern = self.args.get(index).expect("the number of arguments has been checked");
        if pattern.len() > MAX_PATTERN {
            return Err(Error::err("pattern is too long"));
        }
        Ok(pattern)
    }

    /// Whether the argument is this word, in whatever case.
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.args[index].eq_ignore_ascii_case(word.as_bytes())
    }
}
