//! Counting what is made and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU8, AtomicUsize, Ordering::SeqCst};

/// Tokens made and not dropped. Each token sits in a box, so that a double drop is found by the
/// allocator or a sanitizer, too.
#[derive(Clone, Default, Debug)]
pub(crate) struct Ledger(Arc<AtomicIsize>);

#[derive(Debug)]
pub(crate) struct Token {
    ledger: Ledger,
    alive: Box<AtomicBool>,
}

impl Ledger {
    pub(crate) fn token(&self) -> Token {
        self.0.fetch_add(1, SeqCst);
        Token { ledger: self.clone(), alive: Box::new(AtomicBool::new(true)) }
    }

    /// All tokens must have been dropped, each once.
    #[track_caller]
    pub(crate) fn close(&self) {
        let left = self.0.load(SeqCst);
        assert_eq!(left, 0, "tokens left (or, if negative, dropped twice)");
    }
}

impl Ledger {
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(SeqCst) <= 0
    }
}

impl Token {
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        assert!(self.alive.swap(false, SeqCst), "a token was dropped twice");
        self.ledger.0.fetch_sub(1, SeqCst);
    }
}

/// Messages with numbers, each of which is to arrive at most once.
pub(crate) struct Post {
    ledger: Ledger,
    received: Box<[AtomicU8]>,
    next: AtomicUsize,
    sent: AtomicUsize,
    arrived: AtomicUsize,
}

/// A message. What sits in it is dropped exactly once, wherever it ends.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) number: usize,
    pub(crate) sender: usize,
    _token: Token,
}

impl Post {
    /// For at most so many messages.
    pub(crate) fn new(most: usize) -> Arc<Post> {
        Arc::new(Post {
            ledger: Ledger::default(),
            received: (0..most).map(|_| AtomicU8::new(0)).collect(),
            next: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            arrived: AtomicUsize::new(0),
        })
    }

    /// A new message; its number is higher than those before it.
    pub(crate) fn write(&self, sender: usize) -> Message {
        Message { number: self.next.fetch_add(1, SeqCst), sender, _token: self.ledger.token() }
    }

    /// A send has succeeded.
    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, SeqCst);
    }

    #[track_caller]
    pub(crate) fn received(&self, message: &Message) {
        let before = self.received[message.number].fetch_add(1, SeqCst);
        assert_eq!(before, 0, "message {} arrived twice", message.number);
        self.arrived.fetch_add(1, SeqCst);
    }

    /// A message came back: it must not have arrived.
    #[track_caller]
    pub(crate) fn returned(&self, message: &Message) {
        let arrived = self.received[message.number].load(SeqCst);
        assert_eq!(arrived, 0, "message {} arrived and came back", message.number);
    }

    pub(crate) fn count_sent(&self) -> usize {
        self.sent.load(SeqCst)
    }

    pub(crate) fn count_arrived(&self) -> usize {
        self.arrived.load(SeqCst)
    }

    /// As `close`; of some it is not known whether they were sent.
    #[track_caller]
    pub(crate) fn close_with(&self, exact: bool) {
        self.ledger.close();
        if exact {
            self.close(true);
        }
    }

    /// The end: all channels are gone. `all`: whatever was sent must have arrived.
    #[track_caller]
    pub(crate) fn close(&self, all: bool) {
        self.ledger.close();
        let (sent, arrived) = (self.count_sent(), self.count_arrived());
        if all {
            assert_eq!(arrived, sent, "arrived and sent");
        } else {
            assert!(arrived <= sent, "{arrived} arrived of {sent} sent");
        }
    }
}
