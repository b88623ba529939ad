//! About the server.

use super::{Command, Kind, Kind::*, NO_KEYS, command, unknown_subcommand};
use crate::error::{Error, Result};
use crate::memory;
use crate::reply::Reply;
use crate::session::Call;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of Redis whose words and replies these are.
pub(super) const REDIS_VERSION: &str = "7.0.15";

pub(super) const COMMANDS: &[Command] = &[
    command("command", -1, Plain, NO_KEYS, commands),
    command("config", -2, Plain, NO_KEYS, config),
    command("info", -1, Plain, NO_KEYS, info),
    command("time", 1, Plain, NO_KEYS, time),
];

fn time(call: &mut Call<'_>) -> Result<()> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    call.reply.array(2);
    call.reply.bulk(since.as_secs().to_string());
    call.reply.bulk(since.subsec_micros().to_string());
    Ok(())
}

fn config(call: &mut Call<'_>) -> Result<()> {
    if call.is(1, "GET") {
        if call.args.len() < 3 {
            return Err(Error::Arguments("config|get".into()));
        }
        (2..call.args.len()).try_for_each(|index| call.pattern(index).map(drop))?;
        let settings = call.server.config.matching(call.args.from(2).iter());
        call.reply.map(settings.len());
        for (name, value) in settings {
            call.reply.bulk(name);
            call.reply.bulk(value);
        }
        return Ok(());
    }
    if call.is(1, "SET") {
        return Err(Error::err("CONFIG SET is not supported: options are set on the command line"));
    }
    Err(unknown_subcommand(call, "CONFIG"))
}

fn commands(call: &mut Call<'_>) -> Result<()> {
    let table = &call.server.commands;
    if call.args.len() == 1 {
        call.reply.array(table.all().len());
        table.all().iter().for_each(|command| describe(command, call.reply));
        return Ok(());
    }
    match call.args.len() {
        2 if call.is(1, "COUNT") => call.reply.count(table.all().len()),
        2 if call.is(1, "LIST") => {
            call.reply.array(table.all().len());
            table.all().iter().for_each(|command| call.reply.bulk(command.name));
        }
        _ if call.is(1, "INFO") => {
            let names = call.args.from(2).iter();
            call.reply.array(names.len());
            for name in names {
                match table.find(name) {
                    Some(command) => describe(command, call.reply),
                    None => call.reply.null_array(),
                }
            }
        }
        // There are none here.
        _ if call.is(1, "DOCS") => call.reply.map(0),
        _ => return Err(unknown_subcommand(call, "COMMAND")),
    }
    Ok(())
}

/// Its name, arity, flags and keys, and four lists that are empty here.
fn describe(command: &Command, reply: &mut Reply) {
    let flags: &[&str] = match command.kind {
        Kind::Read => &["readonly"],
        Kind::Write => &["write"],
        Kind::Grow => &["write", "denyoom"],
        Kind::PubSub => &["pubsub", "denyoom"],
        Kind::Plain => &[],
    };
    let (first, last, step) = command.keys;
    reply.array(10);
    reply.bulk(command.name);
    reply.integer(command.arity.into());
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    [first, last, step].into_iter().for_each(|number| reply.integer(number.into()));
    (0..4).for_each(|_| reply.array(0));
}

fn info(call: &mut Call<'_>) -> Result<()> {
    let wanted = call.args.from(1);
    let is_wanted = |name| {
        let words = [name, "all", "default", "everything"];
        let is_one = |it: &[u8]| words.iter().any(|word| it.eq_ignore_ascii_case(word.as_bytes()));
        wanted.len() == 0 || wanted.iter().any(is_one)
    };
    let mut text = String::new();
    for (name, section) in SECTIONS {
        if !is_wanted(name) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        write!(text, "# {name}\r\n").expect("a string takes it");
        for (key, value) in section(call) {
            write!(text, "{key}:{value}\r\n").expect("a string takes it");
        }
    }
    call.reply.verbatim(&text);
    Ok(())
}

type Lines = Vec<(&'static str, String)>;
type Section = fn(&Call<'_>) -> Lines;

const SECTIONS: [(&str, Section); 5] = [
    ("Server", server_section),
    ("Clients", clients_section),
    ("Memory", memory_section),
    ("Stats", stats_section),
    ("Keyspace", keyspace_section),
];

fn server_section(call: &Call<'_>) -> Lines {
    vec![
        ("redis_version", REDIS_VERSION.into()),
        ("redis_mode", "standalone".into()),
        ("server_name", "gort's example redis_server, in memory only".into()),
        ("process_id", std::process::id().to_string()),
        ("tcp_port", call.server.config.port.to_string()),
        ("uptime_in_seconds", call.server.started.elapsed().as_secs().to_string()),
        ("goroutines", gort::num_goroutines().to_string()),
        ("processors", gort::gomaxprocs().to_string()),
    ]
}

fn clients_section(call: &Call<'_>) -> Lines {
    let connected = call.server.clients.len().to_string();
    vec![
        ("connected_clients", connected),
        ("blocked_clients", call.server.blocked.load(Relaxed).to_string()),
        ("maxclients", call.server.config.clients.to_string()),
    ]
}

fn memory_section(call: &Call<'_>) -> Lines {
    vec![
        ("used_memory", memory::used().to_string()),
        ("maxmemory", call.server.config.memory.to_string()),
        ("maxmemory_policy", "noeviction".into()),
    ]
}

fn stats_section(call: &Call<'_>) -> Lines {
    let clients = &call.server.clients;
    vec![
        ("total_connections_received", clients.total().to_string()),
        ("total_commands_processed", call.server.commands_done.load(Relaxed).to_string()),
        ("rejected_connections", clients.rejected.load(Relaxed).to_string()),
        ("pubsub_patterns", call.server.hub.patterns().to_string()),
    ]
}

fn keyspace_section(call: &Call<'_>) -> Lines {
    let counts = call.store().each_shard().map(|shard| (shard.len(), shard.expiring()));
    let (keys, expires) = counts.fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1));
    if keys == 0 { Vec::new() } else { vec![("db0", format!("keys={keys},expires={expires}"))] }
}
