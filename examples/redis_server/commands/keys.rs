//! Keys, whatever they hold.

use super::{ALL_KEYS, Command, Kind::*, NO_KEYS, ONE_KEY, command};
use crate::error::{Error, Result, quote};
use crate::glob;
use crate::session::Call;
use crate::store::{Millis, NEVER, now};

pub(super) const COMMANDS: &[Command] = &[
    command("dbsize", 1, Read, NO_KEYS, dbsize),
    command("del", -2, Write, ALL_KEYS, del),
    command("exists", -2, Read, ALL_KEYS, exists),
    command("expire", -3, Write, ONE_KEY, |call| expire(call, "expire", 1000, false)),
    command("expireat", -3, Write, ONE_KEY, |call| expire(call, "expireat", 1000, true)),
    command("flushall", -1, Write, NO_KEYS, flush),
    command("flushdb", -1, Write, NO_KEYS, flush),
    command("keys", 2, Read, NO_KEYS, keys),
    command("persist", 2, Write, ONE_KEY, persist),
    command("pexpire", -3, Write, ONE_KEY, |call| expire(call, "pexpire", 1, false)),
    command("pexpireat", -3, Write, ONE_KEY, |call| expire(call, "pexpireat", 1, true)),
    command("pttl", 2, Read, ONE_KEY, |call| ttl(call, 1)),
    command("ttl", 2, Read, ONE_KEY, |call| ttl(call, 1000)),
    command("type", 2, Read, ONE_KEY, type_of),
    command("unlink", -2, Write, ALL_KEYS, del),
];

fn del(call: &mut Call<'_>) -> Result<()> {
    let keys = call.keys(1);
    let mut shards = call.store().lock_for(keys.clone());
    let removed: Vec<_> = keys.filter_map(|key| shards.shard(key).remove(key)).collect();
    drop(shards);
    call.reply.count(removed.len());
    Ok(())
}

fn exists(call: &mut Call<'_>) -> Result<()> {
    let keys = call.keys(1);
    let mut shards = call.store().lock_for(keys.clone());
    let known = keys.filter(|&key| shards.shard(key).find(key).is_some()).count();
    call.reply.count(known);
    Ok(())
}

fn type_of(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    call.reply.simple(shard.find(key).map_or("none", |entry| entry.value.type_name()));
    Ok(())
}

/// On which conditions a key gets its new expiry.
#[derive(Default)]
struct Conditions {
    only_new: bool,
    only_known: bool,
    only_later: bool,
    only_sooner: bool,
}

impl Conditions {
    fn of(call: &Call<'_>) -> Result<Conditions> {
        let mut only = Conditions::default();
        for (index, word) in call.args.iter().enumerate().skip(3) {
            match () {
                _ if call.is(index, "NX") => only.only_new = true,
                _ if call.is(index, "XX") => only.only_known = true,
                _ if call.is(index, "GT") => only.only_later = true,
                _ if call.is(index, "LT") => only.only_sooner = true,
                _ => return Err(Error::err(format_args!("Unsupported option {}", quote(word)))),
            }
        }
        if only.only_new && (only.only_known || only.only_later || only.only_sooner) {
            let text = "NX and XX, GT or LT options at the same time are not compatible";
            return Err(Error::err(text));
        }
        if only.only_later && only.only_sooner {
            return Err(Error::err("GT and LT options at the same time are not compatible"));
        }
        Ok(only)
    }

    fn allow(&self, before: Millis, after: Millis) -> bool {
        !(self.only_new && before != NEVER
            || self.only_known && before == NEVER
            || self.only_later && after <= before
            || self.only_sooner && after >= before)
    }
}

fn expire(call: &mut Call<'_>, name: &'static str, unit: i64, absolute: bool) -> Result<()> {
    let only = Conditions::of(call)?;
    let base = if absolute { 0 } else { now() as i64 };
    let expires = call.integer(2)?.checked_mul(unit).and_then(|time| time.checked_add(base));
    // In the past is now.
    let expires = expires.ok_or(Error::ExpireTime(name))?.max(0) as Millis;
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let allowed = shard.find(key).is_some_and(|entry| only.allow(entry.expires(), expires));
    if allowed {
        shard.expire(key, expires);
        // Which removes it, if that was in the past.
        shard.find(key);
    }
    call.reply.flag(allowed);
    Ok(())
}

fn ttl(call: &mut Call<'_>, unit: u64) -> Result<()> {
    let key = call.key(1);
    let expires = call.store().lock(key).find(key).map(|entry| entry.expires());
    call.reply.integer(match expires {
        None => -2,
        Some(NEVER) => -1,
        // Rounded.
        Some(expires) => ((expires.saturating_sub(now()) + unit / 2) / unit) as i64,
    });
    Ok(())
}

fn persist(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let expires = shard.find(key).is_some_and(|entry| entry.expires() != NEVER);
    if expires {
        shard.expire(key, NEVER);
    }
    call.reply.flag(expires);
    Ok(())
}

/// Shard by shard: what comes and goes meanwhile may be told of or not.
fn keys(call: &mut Call<'_>) -> Result<()> {
    let pattern = call.pattern(1)?;
    let mark = call.reply.len();
    let mut count = 0;
    for shard in call.store().each_shard() {
        for key in shard.keys().filter(|key| glob::matches(pattern, key)) {
            call.reply.bulk(key);
            count += 1;
        }
    }
    call.reply.array_from(mark, count);
    Ok(())
}

fn dbsize(call: &mut Call<'_>) -> Result<()> {
    call.reply.count(call.store().len());
    Ok(())
}

fn flush(call: &mut Call<'_>) -> Result<()> {
    match call.args.len() {
        1 => {}
        2 if call.is(1, "ASYNC") || call.is(1, "SYNC") => {}
        _ => return Err(Error::Syntax),
    }
    call.store().clear();
    call.reply.ok();
    Ok(())
}
