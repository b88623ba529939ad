//! About the connection itself.

use super::{Command, Kind::*, NO_KEYS, command, unknown_subcommand};
use crate::error::{Error, Result, quote};
use crate::session::{Call, Next};

pub(super) const COMMANDS: &[Command] = &[
    command("client", -2, Plain, NO_KEYS, client),
    command("echo", 2, Plain, NO_KEYS, echo),
    command("hello", -1, Plain, NO_KEYS, hello),
    // What a browser sends that some page has aim at us; the body would be commands.
    command("host:", -1, Plain, NO_KEYS, hang_up),
    command("ping", -1, Plain, NO_KEYS, ping),
    command("post", -1, Plain, NO_KEYS, hang_up),
    command("quit", -1, Plain, NO_KEYS, quit),
    command("reset", 1, Plain, NO_KEYS, reset),
    command("select", 2, Plain, NO_KEYS, select),
];

const MAX_NAME: usize = 256;

fn ping(call: &mut Call<'_>) -> Result<()> {
    let payload = match call.args.len() {
        1 => None,
        2 => call.args.get(1),
        _ => return Err(Error::Arguments("ping".into())),
    };
    if call.session.is_subscribed() && !call.reply.is_resp3() {
        // It should look like what else comes.
        call.reply.array(2);
        call.reply.bulk("pong");
        call.reply.bulk(payload.unwrap_or_default());
        return Ok(());
    }
    match payload {
        Some(payload) => call.reply.bulk(payload),
        None => call.reply.simple("PONG"),
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Result<()> {
    call.reply.bulk(&call.args[1]);
    Ok(())
}

fn quit(call: &mut Call<'_>) -> Result<()> {
    call.reply.ok();
    call.session.next = Next::Close;
    Ok(())
}

fn hang_up(call: &mut Call<'_>) -> Result<()> {
    call.session.next = Next::Close;
    Ok(())
}

/// There is one database.
fn select(call: &mut Call<'_>) -> Result<()> {
    if call.integer(1)? != 0 {
        return Err(Error::err("DB index is out of range"));
    }
    call.reply.ok();
    Ok(())
}

/// Back to what a new connection is like.
fn reset(call: &mut Call<'_>) -> Result<()> {
    if let Some(subscriptions) = &mut call.session.subscriptions {
        subscriptions.leave(&call.server.hub);
    }
    speak(call, false);
    call.session.client.set_name(b"");
    call.reply.simple("RESET");
    Ok(())
}

/// Changes the version of the protocol.
fn speak(call: &mut Call<'_>, resp3: bool) {
    call.reply.set_resp3(resp3);
    if let Some(subscriptions) = &call.session.subscriptions {
        subscriptions.mailbox.set_resp3(resp3);
    }
}

fn hello(call: &mut Call<'_>) -> Result<()> {
    let mut resp3 = call.reply.is_resp3();
    if call.args.len() > 1 {
        resp3 = match call.integer(1) {
            Ok(2) => false,
            Ok(3) => true,
            Ok(_) => return Err(Error::Other("NOPROTO unsupported protocol version".into())),
            Err(_) => {
                let text = "Protocol version is not an integer or out of range";
                return Err(Error::err(text));
            }
        };
    }
    let mut name = None;
    let mut index = 2;
    while index < call.args.len() {
        match call.args.len() - index {
            3.. if call.is(index, "AUTH") => {
                // The one user there is needs no password, and so may have any.
                if !call.is(index + 1, "default") {
                    let text = "WRONGPASS invalid username-password pair or user is disabled.";
                    return Err(Error::Other(text.into()));
                }
                index += 1;
            }
            2.. if call.is(index, "SETNAME") => name = Some(checked_name(call, index + 1)?),
            _ => {
                let option = quote(&call.args[index]);
                return Err(Error::err(format_args!("Syntax error in HELLO option '{option}'")));
            }
        }
        index += 2;
    }
    if let Some(name) = name {
        call.session.client.set_name(name);
    }
    speak(call, resp3);
    let id = call.session.client.id;
    let reply = &mut *call.reply;
    reply.map(7);
    for (key, value) in [("server", "redis"), ("version", super::server::REDIS_VERSION)] {
        reply.bulk(key);
        reply.bulk(value);
    }
    reply.bulk("proto");
    reply.integer(if resp3 { 3 } else { 2 });
    reply.bulk("id");
    reply.integer(id as i64);
    for (key, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(key);
        reply.bulk(value);
    }
    reply.bulk("modules");
    reply.array(0);
    Ok(())
}

/// A name has no blanks, as it is shown in lines of words. It is kept however full the memory is, so it is short.
fn checked_name<'a>(call: &Call<'a>, index: usize) -> Result<&'a [u8]> {
    let name = call.args.get(index).unwrap_or_default();
    if name.len() > MAX_NAME {
        return Err(Error::err("Client names cannot be longer than 256 bytes."));
    }
    if name.iter().all(u8::is_ascii_graphic) {
        return Ok(name);
    }
    Err(Error::err("Client names cannot contain spaces, newlines or special characters."))
}

fn client(call: &mut Call<'_>) -> Result<()> {
    let name = call.args[1].to_ascii_lowercase();
    let arguments = match &name[..] {
        b"setname" => 3,
        b"setinfo" => 4,
        b"id" | b"getname" | b"info" | b"list" => 2,
        _ => return Err(unknown_subcommand(call, "CLIENT")),
    };
    if call.args.len() != arguments {
        let name = String::from_utf8_lossy(&name);
        return Err(Error::Arguments(format!("client|{name}").into()));
    }
    let client = &call.session.client;
    match &name[..] {
        b"id" => call.reply.integer(client.id as i64),
        b"getname" => {
            let name = client.name();
            call.reply.bulk_or_null((!name.is_empty()).then_some(name));
        }
        b"setname" => {
            client.set_name(checked_name(call, 2)?);
            call.reply.ok();
        }
        b"info" => call.reply.verbatim(&(client.describe() + "\n")),
        b"list" => {
            let clients = call.server.clients.all();
            let lines: String = clients.iter().map(|client| client.describe() + "\n").collect();
            call.reply.verbatim(&lines);
        }
        // What libraries tell of themselves; there is nothing here to show it in.
        _ => call.reply.ok(),
    }
    Ok(())
}
