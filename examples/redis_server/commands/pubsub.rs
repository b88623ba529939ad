//! Subscribing and publishing.

use super::{Command, Kind::*, NO_KEYS, command, unknown_subcommand};
use crate::error::{Error, Result, quote};
use crate::pubsub::{Mailbox, Topic};
use crate::reply::Reply;
use crate::session::{Call, Next, Subscriptions};
use crate::store::Bytes;
use std::net::Shutdown;

pub(super) const COMMANDS: &[Command] = &[
    command("psubscribe", -2, PubSub, NO_KEYS, |call| subscribe(call, Topic::Pattern)),
    command("publish", 3, PubSub, NO_KEYS, publish),
    command("pubsub", -2, Plain, NO_KEYS, pubsub),
    command("punsubscribe", -1, Plain, NO_KEYS, |call| unsubscribe(call, Topic::Pattern)),
    command("subscribe", -2, PubSub, NO_KEYS, |call| subscribe(call, Topic::Channel)),
    command("unsubscribe", -1, Plain, NO_KEYS, |call| unsubscribe(call, Topic::Channel)),
];

/// Whether a subscriber may use a command for which an answer cannot be mistaken for a message.
pub(super) fn is_allowed(command: &Command) -> bool {
    matches!(
        command.name,
        "subscribe" | "unsubscribe" | "psubscribe" | "punsubscribe" | "ping" | "quit" | "reset"
    )
}

fn word(topic: Topic, channel: &'static str, pattern: &'static str) -> &'static str {
    match topic {
        Topic::Channel => channel,
        Topic::Pattern => pattern,
    }
}

fn confirm(reply: &mut Reply, word: &str, name: Option<&[u8]>, count: usize) {
    reply.out_of_band(3);
    reply.bulk(word);
    reply.bulk_or_null(name);
    reply.count(count);
}

fn subscribe(call: &mut Call<'_>, topic: Topic) -> Result<()> {
    let names = call.args.from(1).iter();
    if topic == Topic::Pattern {
        (1..call.args.len()).try_for_each(|index| call.pattern(index).map(drop))?;
    }
    let subscriptions = match &mut call.session.subscriptions {
        Some(subscriptions) => subscriptions,
        none => {
            let client = call.session.client.clone();
            let (id, config) = (client.id, &call.server.config);
            let (mailbox, messages) = Mailbox::new(id, config, move || {
                // If the socket is no more, so much the better.
                let _: std::io::Result<()> = client.stream.shutdown(Shutdown::Both);
            });
            mailbox.set_resp3(call.reply.is_resp3());
            call.session.next = Next::Deliver(messages);
            none.insert(Subscriptions::new(mailbox))
        }
    };
    for name in names.clone() {
        subscriptions.of(topic).insert(name.into());
        let count = subscriptions.count();
        confirm(call.reply, word(topic, "subscribe", "psubscribe"), Some(name), count);
    }
    // With what has been answered before it.
    let confirmation = call.reply.take();
    call.server.hub.subscribe(topic, names, &subscriptions.mailbox, confirmation);
    call.session.posted = true;
    Ok(())
}

/// From some, or from all.
fn unsubscribe(call: &mut Call<'_>, topic: Topic) -> Result<()> {
    let word = word(topic, "unsubscribe", "punsubscribe");
    let Some(subscriptions) = &mut call.session.subscriptions else {
        // From what one has not subscribed to one may unsubscribe, and is told so.
        let names = call.args.from(1).iter();
        if names.len() == 0 {
            confirm(call.reply, word, None, 0);
        }
        names.for_each(|name| confirm(call.reply, word, Some(name), 0));
        return Ok(());
    };
    let mut names: Vec<Bytes> = call.args.from(1).iter().map(Bytes::from).collect();
    if names.is_empty() {
        names = subscriptions.of(topic).iter().cloned().collect();
    }
    let all = names.iter().map(|name| &**name);
    call.server.hub.unsubscribe(topic, all, &subscriptions.mailbox);
    if names.is_empty() {
        confirm(call.reply, word, None, subscriptions.count());
    }
    for name in names {
        subscriptions.of(topic).remove(&name);
        confirm(call.reply, word, Some(&name), subscriptions.count());
    }
    Ok(())
}

fn publish(call: &mut Call<'_>) -> Result<()> {
    let receivers = call.server.hub.publish(&call.args[1], &call.args[2]);
    call.session.posted |= receivers > 0;
    call.reply.count(receivers);
    Ok(())
}

fn pubsub(call: &mut Call<'_>) -> Result<()> {
    let hub = &call.server.hub;
    match call.args.len() {
        2 | 3 if call.is(1, "CHANNELS") => {
            let pattern = if call.args.len() == 3 { Some(call.pattern(2)?) } else { None };
            let channels = hub.channels(pattern);
            call.reply.array(channels.len());
            channels.iter().for_each(|name| call.reply.bulk(name));
        }
        _ if call.is(1, "NUMSUB") => {
            let names = call.args.from(2).iter();
            call.reply.array(2 * names.len());
            for name in names {
                call.reply.bulk(name);
                call.reply.count(hub.subscribers(name));
            }
        }
        2 if call.is(1, "NUMPAT") => call.reply.count(hub.patterns()),
        _ if call.is(1, "CHANNELS") || call.is(1, "NUMPAT") => {
            let name = quote(&call.args[1]).to_ascii_lowercase();
            return Err(Error::Arguments(format!("pubsub|{name}").into()));
        }
        _ => return Err(unknown_subcommand(call, "PUBSUB")),
    }
    Ok(())
}
