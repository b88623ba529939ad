//! One connection: a goroutine that reads requests, answers them, and writes the answers.
//!
//! ```text
//! socket ──> Input ──parse──> Args ──execute──> Reply ──> socket
//! ```
//! All requests that have come are answered before the answers are written, with one call. Replies
//! beyond what is good to keep are written at once; if the client does not take them the goroutine waits, and
//! reads no more requests meanwhile.
//!
//! There is a second goroutine in two cases. While the first waits for an element of a list, another reads
//! from the socket: so a client that goes away is noticed, and no element is lost on it. For a subscriber,
//! another writes to the socket what comes to its mailbox, the replies among it.

use crate::commands::{self, Command};
use crate::error::Error;
use crate::input::{Ended, Input};
use crate::pubsub::{Mailbox, Message};
use crate::reply::Reply;
use crate::request::{Malformed, Parser};
use crate::server::{Client, Server};
use crate::session::{Next, Session, Wait};
use gort::JoinHandle;
use gort::chan::Receiver;
use gort::net::TcpStream;
use std::io::{self, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Replies are written when they are so long, though there are more requests to answer.
const WRITE_AT: usize = 64 << 10;
/// What buffers keep for the next requests, however long these have been.
const KEEP: usize = 16 << 10;

pub(crate) struct Connection {
    server: Arc<Server>,
    client: Arc<Client>,
    input: Input,
    parser: Parser,
    reply: Reply,
    session: Session,
    last: Option<&'static Command>,
    delivery: Option<JoinHandle<()>>,
}

/// A connection ends with what is to be told to the client, if anything.
type Result<T, E = Option<Error>> = std::result::Result<T, E>;

impl From<Ended> for Option<Error> {
    fn from(ended: Ended) -> Option<Error> {
        match ended {
            Ended::Closed | Ended::TimedOut | Ended::Failed => None,
            Ended::TooLong => Some(Error::err("Protocol error: too big request")),
            Ended::OutOfMemory => Some(Error::OutOfMemory),
        }
    }
}

impl From<Malformed> for Option<Error> {
    fn from(malformed: Malformed) -> Option<Error> {
        Some(Error::err(malformed))
    }
}

impl Connection {
    pub(crate) fn new(server: Arc<Server>, client: Arc<Client>) -> Connection {
        let config = &server.config;
        Connection {
            input: Input::new(config.query_buffer),
            parser: Parser::new(config.request),
            reply: Reply::new(config.output_buffer),
            session: Session::new(client.clone()),
            last: None,
            delivery: None,
            client,
            server,
        }
    }

    /// Serves the client until it goes, or has to.
    pub(crate) fn run(mut self) {
        let Err(error) = self.serve();
        if let Some(error) = &error {
            self.reply.error(error);
        }
        // What has been answered is written, if the client is still there to take it.
        let written: Result<()> = self.write();
        if let Some(mut subscriptions) = self.session.subscriptions.take() {
            subscriptions.leave(&self.server.hub);
            subscriptions.mailbox.close();
        }
        if let Some(delivery) = self.delivery.take() {
            // Its panic has been reported.
            let _ = delivery.join();
        }
        if written.is_ok() && (error.is_some() || self.server.clients.is_stopping()) {
            self.part();
        }
    }

    /// Closes our end, and passes over what the client has still sent: with bytes unread the connection would be
    /// reset, and what was answered, or was wrong, perhaps never told.
    fn part(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(10);
        let (clients, stream) = (&self.server.clients, &self.client.stream);
        if stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        loop {
            let stops = clients.is_stopping();
            let patience = if stops { self.server.config.patience_at_stop() } else { PATIENCE };
            if stream.set_read_deadline(Some(Instant::now() + patience)).is_err() {
                return;
            }
            // Whoever stops the server first says so, and then sets the deadline. Then there is another one.
            if clients.is_stopping() == stops {
                // What is there of a request that was too long would leave no room.
                self.input.clear();
                while let Ok(()) = self.input.fill(stream) {
                    self.input.clear();
                }
            }
            if clients.is_stopping() == stops {
                return;
            }
        }
    }

    fn serve(&mut self) -> Result<std::convert::Infallible> {
        let config = &self.server.config;
        self.client.stream.set_write_timeout(config.write_timeout).map_err(|_| None)?;
        self.start_to_read()?;
        loop {
            self.answer()?;
            self.write()?;
            if std::mem::take(&mut self.session.posted) {
                // Who always has another request would keep those from their sockets who deliver.
                gort::yield_now();
            }
            match std::mem::take(&mut self.session.next) {
                Next::Request => self.read()?,
                Next::Wait(wait) => self.wait(wait)?,
                Next::Deliver(messages) => self.deliver(messages)?,
                Next::Close => return Err(None),
            }
        }
    }

    /// Waits for more of what the client sends. When the server stops: no longer than a moment, but what has come is read.
    fn read(&mut self) -> Result<()> {
        const MOMENT: Duration = Duration::from_millis(1);
        // It may be over before the thread gets to read, or the server sets the deadline only after us.
        const ATTEMPTS: usize = 3;
        let stream = &self.client.stream;
        let mut read = self.input.fill(stream);
        for _ in 0..ATTEMPTS {
            if !matches!(read, Err(Ended::TimedOut)) || !self.server.clients.is_stopping() {
                break;
            }
            // The deadline had passed, so that nothing was read.
            stream.set_read_deadline(Some(Instant::now() + MOMENT)).map_err(|_| None)?;
            read = self.input.fill(stream);
        }
        Ok(read?)
    }

    /// Answers all requests that have come, or those up to one after which there is something else to do.
    fn answer(&mut self) -> Result<()> {
        let mut answered = 0;
        while matches!(self.session.next, Next::Request) {
            let input = self.input.bytes();
            let Some(len) = self.parser.parse(input)? else { break };
            let args = self.parser.args(input);
            if args.len() > 0 {
                answered += 1;
                let (server, session) = (&self.server, &mut self.session);
                commands::execute(server, session, args, &mut self.reply, &mut self.last);
            }
            self.input.consume(len);
            self.parser.shrink(KEEP);
            if self.reply.len() > WRITE_AT || self.reply.is_over() {
                self.write()?;
            }
        }
        self.server.commands_done.fetch_add(answered, Relaxed);
        Ok(())
    }

    /// Writes the replies, or passes them on to who does.
    fn write(&mut self) -> Result<()> {
        if self.reply.is_over() {
            // A part of a reply would be taken for something else.
            return Err(None);
        }
        if self.reply.len() == 0 {
            return Ok(());
        }
        let written = match &self.session.subscriptions {
            Some(subscriptions) => subscriptions.mailbox.send(self.reply.take()),
            None => (&self.client.stream).write_all(self.reply.bytes()).is_ok(),
        };
        self.reply.clear(KEEP);
        if written { Ok(()) } else { Err(None) }
    }

    /// Waits for an element, with an eye on the client.
    fn wait(&mut self, wait: Wait) -> Result<()> {
        let stream = &self.client.stream;
        // Who waits may be quiet for as long as it takes. If this fails, so does reading.
        let _: io::Result<()> = stream.set_read_timeout(None);
        self.server.blocked.fetch_add(1, Relaxed);
        let input = &mut self.input;
        let (popped, watched) = gort::scope(|scope| {
            let watch = scope.go(|| {
                loop {
                    if let Err(ended) = input.fill(stream) {
                        wait.waiter.cancel();
                        return ended;
                    }
                }
            });
            let popped = wait.waiter.wait(&wait.popped, wait.deadline);
            // The watch is over, at once.
            let _: io::Result<()> = stream.set_read_deadline(Some(Instant::now()));
            (popped, watch.join())
        });
        self.server.blocked.fetch_sub(1, Relaxed);
        self.server.store.take_back(&wait.keys, &wait.waiter);
        let goes_on = match watched {
            // One for which there is no element when the server stops hears that by the end.
            Ok(Ended::TimedOut) if popped.is_some() || !self.server.clients.is_stopping() => {
                self.start_to_read()
            }
            Ok(ended) => Err(ended.into()),
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // That there is no element is an answer only to one that goes on.
        if popped.is_some() || goes_on.is_ok() {
            commands::reply_to_wait(&mut self.reply, popped);
        }
        goes_on
    }

    /// Has reading wait for a request for as long as the config says; not at all if the server stops.
    fn start_to_read(&mut self) -> Result<()> {
        let stream = &self.client.stream;
        let idle = if self.delivery.is_some() { None } else { self.server.config.idle };
        stream.set_read_timeout(idle).map_err(|_| None)?;
        stream.set_read_deadline(None).map_err(|_| None)?;
        // Looked at last: whoever stops the server first says so, and then sets the deadline.
        if self.server.clients.is_stopping() {
            stream.set_read_deadline(Some(Instant::now())).map_err(|_| None)?;
        }
        Ok(())
    }

    /// From now on all that is written goes through the mailbox of a subscriber.
    fn deliver(&mut self, messages: Receiver<Message>) -> Result<()> {
        let subscriptions = self.session.subscriptions.as_ref().expect("it has just subscribed");
        let (client, mailbox) = (self.client.clone(), subscriptions.mailbox.clone());
        let delivery = gort::spawn(move || deliver(&client.stream, &mailbox, &messages));
        self.delivery = Some(delivery);
        self.start_to_read()
    }
}

/// Writes what comes to a mailbox until it is closed and empty, or the client gone.
fn deliver(mut stream: &TcpStream, mailbox: &Mailbox, messages: &Receiver<Message>) {
    let mut batch = Vec::new();
    while let Some(message) = messages.recv() {
        let mut next = Some(message);
        let mut large = None;
        while let Some(message) = next.take() {
            mailbox.taken(&message);
            if message.len() > WRITE_AT {
                // Others have it, too: it is not copied.
                large = Some(message);
            } else {
                batch.extend_from_slice(&message);
                next = if batch.len() < WRITE_AT { messages.try_recv().ok() } else { None };
            }
        }
        let large = large.as_deref().unwrap_or_default();
        if stream.write_all(&batch).and_then(|()| stream.write_all(large)).is_err() {
            mailbox.close();
            // Whoever reads notices it by that.
            let _: io::Result<()> = stream.shutdown(Shutdown::Both);
            return;
        }
        batch.clear();
        batch.shrink_to(KEEP);
    }
}
