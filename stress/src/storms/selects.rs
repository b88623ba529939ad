//! Selects of every make over a few channels, at both ends: each message arrives once.

use super::Storm;
use crate::ledger::{Message, Post};
use crate::random::Random;
use crate::watchdog;
use crate::world::{Round, dawdle};
use gort::chan::{Receiver, Sender, chan};
use gort::select::Select;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

pub(super) const STORM: Storm =
    Storm { name: "selects", about: "random arms, guards, time-outs, default, close", run };

/// Nobody waits longer in a select: the end comes by a count, which wakes nobody.
const TICK: Duration = Duration::from_micros(500);

struct Worker {
    me: usize,
    ends: Vec<(Sender<Message>, Receiver<Message>)>,
    post: Arc<Post>,
    random: Random,
    /// To be sent by this worker.
    left: usize,
    /// Workers who have something to send: the others receive until there are none.
    sending: Arc<AtomicUsize>,
    /// The message that is to go next.
    next: Option<Message>,
    /// Channels may be closed: what is sent then comes back.
    close: bool,
}

impl Worker {
    fn work(mut self) {
        let mut told = false;
        while self.sending.load(SeqCst) > 0 {
            if self.left > 0 && self.next.is_none() {
                self.next = Some(self.post.write(self.me));
            }
            match self.random.below(9) {
                0..3 => self.dynamic(),
                8 => self.standing(),
                3 => self.fixed(),
                4 => self.biased(),
                5 => self.doubled(),
                6 => self.without_select(),
                _ => self.with_default(),
            }
            if self.close && self.random.one_in(2000) {
                let index = self.random.below(self.ends.len());
                self.ends[index].0.close();
            }
            if self.close && self.left > 0 && self.ends.iter().all(|(tx, _)| tx.is_closed()) {
                self.left = 0;
            }
            if self.left == 0 && !told {
                told = true;
                self.next = None;
                self.sending.fetch_sub(1, SeqCst);
            }
            if self.random.one_in(8) {
                dawdle(&mut self.random);
            }
        }
    }

    fn channel(&mut self) -> (Sender<Message>, Receiver<Message>) {
        let index = self.random.below(self.ends.len());
        self.ends[index].clone()
    }

    fn sent(&mut self, result: Result<(), Message>) {
        match result {
            Ok(()) => {
                self.post.sent();
                self.left -= 1;
            }
            Err(message) => {
                self.post.returned(&message);
                self.next = Some(message);
            }
        }
    }

    fn received(&self, message: Option<Message>) {
        match message {
            Some(message) => self.post.received(&message),
            None => assert!(self.close, "only a closed channel ends"),
        }
    }

    /// Any number of arms, put together at run time; the same channel any number of times.
    fn dynamic(&mut self) {
        let channels: Vec<_> = (0..1 + self.random.below(6)).map(|_| self.channel()).collect();
        let sends = self.next.take();
        let at = self.random.below(channels.len());
        let mut select = Select::new();
        if self.random.one_in(4) {
            select = select.biased();
        }
        let sending = sends.map(|message| select.send(&channels[at].0, message));
        let first = usize::from(sending.is_some());
        for (_, rx) in &channels {
            select.recv(rx);
        }
        let removed = self.random.one_in(4) && channels.len() > 1;
        if removed {
            select.remove(first);
        }
        let mut result = None;
        let mut spent = false;
        {
            let chosen = match self.random.below(4) {
                0 => select.try_select().ok(),
                _ => select.select_timeout(TICK.min(self.random.micros(600))).ok(),
            };
            if let Some(operation) = chosen {
                let index = operation.index();
                assert!(!removed || index != first, "a removed arm was chosen");
                if Some(index) == sending {
                    spent = true;
                    result = Some(operation.send(&channels[at].0).map_err(|error| error.0));
                } else if self.random.one_in(50) && !self.close {
                    // Not completed: the message goes back to its channel.
                    drop(operation);
                } else {
                    let message = operation.recv(&channels[index - first].1);
                    self.received(message);
                }
            }
        }
        if let Some(index) = sending.filter(|_| !spent) {
            let message = select.take(index, &channels[at].0).expect("it was not sent");
            self.post.returned(&message);
            self.next = Some(message);
        }
        drop(select);
        if let Some(result) = result {
            self.sent(result);
        }
    }

    /// So many arms that they stay with their channels from one run to the next. In between some are added and removed, and
    /// the worker does other things.
    fn standing(&mut self) {
        let channels: Vec<_> = (0..6).map(|_| self.channel()).collect();
        let mut arms: Vec<_> =
            (0..17 + self.random.below(8)).map(|index| Some(index % 6)).collect();
        let mut select = Select::new();
        for channel in arms.iter().flatten() {
            select.recv(&channels[*channel].1);
        }
        for _ in 0..1 + self.random.below(12) {
            let index = self.random.below(arms.len());
            match self.random.below(8) {
                0 if arms[index].take().is_some() => select.remove(index),
                1 => {
                    let channel = self.random.below(6);
                    assert_eq!(select.recv(&channels[channel].1), arms.len());
                    arms.push(Some(channel));
                }
                2 => self.without_select(),
                _ => {}
            }
            let timeout = TICK.min(self.random.micros(600));
            let Ok(operation) = select.select_timeout(timeout) else { continue };
            let channel = arms[operation.index()].expect("a removed arm was chosen");
            if self.random.one_in(50) && !self.close {
                // Not completed: the message goes back to its channel.
                drop(operation);
            } else {
                let message = operation.recv(&channels[channel].1);
                self.received(message);
            }
        }
    }

    /// Arms of both kinds, with guards.
    fn fixed(&mut self) {
        let Some(message) = self.next.take() else { return self.fixed_receiving() };
        let ((_, a), (_, b), (c, _)) = (self.channel(), self.channel(), self.channel());
        let (on, off) = (self.random.one_in(2), self.random.one_in(4));
        let timeout = TICK.min(self.random.micros(600));
        let mut result = None;
        gort::select! {
            recv(a) -> message, if !off => self.received(message),
            recv(b) -> message, if on => self.received(message),
            send(c, message) -> sent => result = Some(sent.map_err(|error| error.0)),
            after(timeout) => {}
        }
        // A message that was not sent is dropped by the select: written off.
        match result {
            Some(result) => self.sent(result),
            None => self.left -= 1,
        }
    }

    fn fixed_receiving(&mut self) {
        let ((_, a), (_, b), (_, c)) = (self.channel(), self.channel(), self.channel());
        let on = self.random.one_in(2);
        let timeout = TICK.min(self.random.micros(600));
        gort::select! {
            recv(a) -> message => self.received(message),
            recv(b) -> message, if on => self.received(message),
            after(timeout) => {}
            recv(c) -> message => self.received(message),
        }
    }

    fn biased(&mut self) {
        let ((_, a), (_, b)) = (self.channel(), self.channel());
        gort::select_biased! {
            recv(a) -> message => self.received(message),
            recv(b) -> message => self.received(message),
            after(TICK) => {}
        }
    }

    /// The same channel in several arms.
    fn doubled(&mut self) {
        let (_, a) = self.channel();
        gort::select! {
            recv(a) -> message => self.received(message),
            recv(a) -> message => self.received(message),
            recv(a) -> message => self.received(message),
            after(TICK) => {}
        }
    }

    fn with_default(&mut self) {
        let ((_, a), (_, b)) = (self.channel(), self.channel());
        gort::select! {
            recv(a) -> message => self.received(message),
            recv(b) -> message => self.received(message),
            default => gort::yield_now(),
        }
    }

    fn without_select(&mut self) {
        let (tx, rx) = self.channel();
        if let Some(message) = self.next.take() {
            let result = tx.send_timeout(message, TICK).map_err(|error| error.into_inner());
            self.sent(result);
        } else if let Ok(message) = rx.recv_timeout(TICK) {
            self.received(Some(message));
        }
    }
}

fn run(round: &mut Round<'_>) {
    let home = round.home();
    let threads = round.threads();
    let random = &mut round.random;
    let channels = 1 + random.below(5);
    let workers = 2 + random.below(8);
    let count = 1 + random.below(100);
    let close = random.one_in(3);
    let ends: Vec<_> = (0..channels).map(|_| chan(random.pick(&[0, 0, 0, 1, 2, 8]))).collect();
    watchdog::note(&format!(
        "{channels} channels, {workers} workers, {count} messages each, close {close}"
    ));
    let post = Post::new(workers * (count + 1) * 2);
    let sending = Arc::new(AtomicUsize::new(workers));
    let mut handles = Vec::new();
    let mut plain = Vec::new();
    for me in 0..workers {
        let worker = Worker {
            me,
            ends: ends.clone(),
            post: post.clone(),
            random: random.fork(),
            left: count,
            sending: sending.clone(),
            next: None,
            close,
        };
        if me < threads && random.one_in(4) {
            plain.push(thread::spawn(move || worker.work()));
        } else {
            handles.push(home.spawn(move || worker.work()));
        }
    }
    handles.into_iter().for_each(|handle| handle.join().expect("no panic"));
    plain.into_iter().for_each(|thread| thread.join().expect("no panic"));
    // What is left over in the buffers was sent, and is received now.
    for (tx, rx) in &ends {
        tx.close();
        while let Some(message) = rx.recv() {
            post.received(&message);
        }
    }
    drop(ends);
    post.close(true);
    home.leave();
}
