//! The commands, a room for each family, and how they are found.

mod connection;
mod hashes;
mod keys;
mod lists;
mod pubsub;
mod server;
mod sets;
mod sorted_sets;
mod strings;
mod wait;

pub(crate) use wait::reply as reply_to_wait;

use crate::error::{Error, QUOTED, Result, quote};
use crate::memory;
use crate::reply::Reply;
use crate::request::Args;
use crate::server::Server;
use crate::session::{Call, Session};
use std::fmt::Write;
use std::sync::Arc;

/// A command: what it is called, what it needs, what it does.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// How many arguments, its name among them; so many or more if negative.
    pub(crate) arity: i32,
    pub(crate) kind: Kind,
    /// The first argument that is a key, the last one (from the end if negative), and the step between them.
    pub(crate) keys: (i32, i32, i32),
    run: fn(&mut Call<'_>) -> Result<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    /// Writes, and may need more memory.
    Grow,
    /// Has to do with subscriptions.
    PubSub,
    /// Has nothing to do with keys.
    Plain,
}

const NO_KEYS: (i32, i32, i32) = (0, 0, 0);
const ONE_KEY: (i32, i32, i32) = (1, 1, 1);
const ALL_KEYS: (i32, i32, i32) = (1, -1, 1);

const fn command(
    name: &'static str,
    arity: i32,
    kind: Kind,
    keys: (i32, i32, i32),
    run: fn(&mut Call<'_>) -> Result<()>,
) -> Command {
    Command { name, arity, kind, keys, run }
}

impl Command {
    fn accepts(&self, arguments: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { arguments >= wanted } else { arguments == wanted }
    }

    fn is_called(&self, name: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name)
    }
}

/// All commands, in the order of their names.
pub(crate) struct Table(Vec<&'static Command>);

impl Table {
    pub(crate) fn new() -> Table {
        let families = [
            connection::COMMANDS,
            hashes::COMMANDS,
            keys::COMMANDS,
            lists::COMMANDS,
            pubsub::COMMANDS,
            server::COMMANDS,
            sets::COMMANDS,
            sorted_sets::COMMANDS,
            strings::COMMANDS,
            wait::COMMANDS,
        ];
        let mut commands: Vec<_> = families.into_iter().flatten().collect();
        commands.sort_by_key(|command| command.name);
        Table(commands)
    }

    pub(crate) fn all(&self) -> &[&'static Command] {
        &self.0
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<&'static Command> {
        // Longer than all names, and on the stack.
        let mut lower = [0; 24];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let found = self.0.binary_search_by(|command| command.name.as_bytes().cmp(lower)).ok()?;
        Some(self.0[found])
    }
}

/// Answers a request, which has a name at least.
///
/// `last` is the command of the request before it: who pipelines often asks for the same again.
pub(crate) fn execute(
    server: &Arc<Server>,
    session: &mut Session,
    args: Args<'_>,
    reply: &mut Reply,
    last: &mut Option<&'static Command>,
) {
    let mark = reply.len();
    let done = find(server, session, args, reply, last).and_then(|command| {
        *last = Some(command);
        (command.run)(&mut Call { server, session, args, reply })
    });
    if let Err(error) = done {
        reply.truncate(mark);
        reply.error(&error);
    }
}

/// The command of a request, if it may be run now.
fn find(
    server: &Server,
    session: &Session,
    args: Args<'_>,
    reply: &Reply,
    last: &Option<&'static Command>,
) -> Result<&'static Command> {
    let command = match *last {
        Some(last) if last.is_called(&args[0]) => last,
        _ => server.commands.find(&args[0]).ok_or_else(|| unknown(args))?,
    };
    if !command.accepts(args.len()) {
        return Err(Error::Arguments(command.name.into()));
    }
    if session.is_subscribed() && !reply.is_resp3() && !pubsub::is_allowed(command) {
        return Err(Error::err(format_args!(
            "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
             allowed in this context",
            command.name
        )));
    }
    if matches!(command.kind, Kind::Grow | Kind::PubSub) && memory::is_full() {
        return Err(Error::OutOfMemory);
    }
    Ok(command)
}

fn unknown(args: Args<'_>) -> Error {
    let mut text = format!("unknown command '{}', with args beginning with: ", quote(&args[0]));
    let limit = text.len() + QUOTED;
    for argument in args.from(1).iter() {
        if text.len() >= limit {
            break;
        }
        write!(text, "'{}' ", quote(argument)).expect("a string takes it");
    }
    Error::err(text)
}

/// Of a command that has those: `CLIENT ID`, for example.
fn unknown_subcommand(call: &Call<'_>, command: &str) -> Error {
    let name = quote(&call.args[1]);
    Error::err(format_args!("unknown subcommand '{name}'. Try {command} HELP."))
}
