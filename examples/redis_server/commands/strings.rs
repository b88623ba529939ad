//! Strings, and numbers in them.

use super::{ALL_KEYS, Command, Kind::*, ONE_KEY, command};
use crate::error::{Error, Result};
use crate::number;
use crate::session::Call;
use crate::store::{Millis, NEVER, now};

pub(super) const COMMANDS: &[Command] = &[
    command("append", 3, Grow, ONE_KEY, append),
    command("decr", 2, Grow, ONE_KEY, |call| add(call, -1)),
    command("decrby", 3, Grow, ONE_KEY, decrby),
    command("get", 2, Read, ONE_KEY, get),
    command("getdel", 2, Write, ONE_KEY, getdel),
    command("getset", 3, Grow, ONE_KEY, getset),
    command("incr", 2, Grow, ONE_KEY, |call| add(call, 1)),
    command("incrby", 3, Grow, ONE_KEY, |call| add(call, call.integer(2)?)),
    command("mget", -2, Read, ALL_KEYS, mget),
    command("mset", -3, Grow, (1, -1, 2), mset),
    command("psetex", 4, Grow, ONE_KEY, |call| setex(call, "psetex", 1)),
    command("set", -3, Grow, ONE_KEY, set),
    command("setex", 4, Grow, ONE_KEY, |call| setex(call, "setex", 1000)),
    command("setnx", 3, Grow, ONE_KEY, setnx),
    command("strlen", 2, Read, ONE_KEY, strlen),
];

fn get(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    call.reply.bulk_or_null(shard.get::<Vec<u8>>(key)?);
    Ok(())
}

/// What `SET` may be told beyond key and value.
#[derive(Default)]
struct Options {
    expires: Option<Millis>,
    keep_expiry: bool,
    /// Answer with what was there.
    get: bool,
    /// Only if the key is not there; only if it is.
    only_new: bool,
    only_known: bool,
}

impl Options {
    fn of(call: &Call<'_>) -> Result<Options> {
        let mut options = Options::default();
        let mut index = 3;
        while index < call.args.len() {
            let is = |word| call.is(index, word);
            let has_expiry = options.expires.is_some() || options.keep_expiry;
            // Milliseconds of the unit, and whether it is a time of day.
            let unit = match () {
                _ if is("EX") => Some((1000, false)),
                _ if is("PX") => Some((1, false)),
                _ if is("EXAT") => Some((1000, true)),
                _ if is("PXAT") => Some((1, true)),
                _ => None,
            };
            match unit {
                Some((unit, absolute)) if !has_expiry && index + 1 < call.args.len() => {
                    index += 1;
                    let time = call.integer(index)?;
                    options.expires = Some(expiry(time, unit, absolute, "set")?);
                }
                Some(_) => return Err(Error::Syntax),
                None if is("NX") && !options.only_known => options.only_new = true,
                None if is("XX") && !options.only_new => options.only_known = true,
                None if is("GET") => options.get = true,
                None if is("KEEPTTL") && options.expires.is_none() => options.keep_expiry = true,
                None => return Err(Error::Syntax),
            }
            index += 1;
        }
        Ok(options)
    }
}

/// When something expires that is set to in `time` units of so many milliseconds.
fn expiry(time: i64, unit: i64, absolute: bool, command: &'static str) -> Result<Millis> {
    let invalid = || Error::ExpireTime(command);
    let time = time.checked_mul(unit).filter(|&time| time > 0).ok_or_else(invalid)?;
    let base = if absolute { 0 } else { now() as i64 };
    Ok(time.checked_add(base).ok_or_else(invalid)? as Millis)
}

fn set(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    if call.args.len() == 3 {
        let old = call.store().lock(key).set(key, &call.args[2], NEVER);
        drop(old);
        call.reply.ok();
        return Ok(());
    }
    let options = Options::of(call)?;
    let mut shard = call.store().lock(key);
    if options.get {
        call.reply.bulk_or_null(shard.get::<Vec<u8>>(key)?);
    }
    let before = shard.find(key).map(|entry| entry.expires());
    let blocked = if before.is_some() { options.only_new } else { options.only_known };
    let old = if blocked {
        None
    } else {
        let kept = if options.keep_expiry { before } else { None };
        shard.set(key, &call.args[2], options.expires.or(kept).unwrap_or(NEVER))
    };
    drop(shard);
    drop(old);
    match (options.get, blocked) {
        (true, _) => {}
        (false, true) => call.reply.null(),
        (false, false) => call.reply.ok(),
    }
    Ok(())
}

fn setex(call: &mut Call<'_>, name: &'static str, unit: i64) -> Result<()> {
    let expires = expiry(call.integer(2)?, unit, false, name)?;
    let key = call.key(1);
    let old = call.store().lock(key).set(key, &call.args[3], expires);
    drop(old);
    call.reply.ok();
    Ok(())
}

fn setnx(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let is_new = shard.find(key).is_none();
    if is_new {
        shard.set(key, &call.args[2], NEVER);
    }
    call.reply.flag(is_new);
    Ok(())
}

fn getset(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    call.reply.bulk_or_null(shard.get::<Vec<u8>>(key)?);
    let old = shard.set(key, &call.args[2], NEVER);
    drop(shard);
    drop(old);
    Ok(())
}

fn getdel(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    call.reply.bulk_or_null(shard.get::<Vec<u8>>(key)?);
    let removed = shard.remove(key);
    drop(shard);
    drop(removed);
    Ok(())
}

fn append(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let tail = &call.args[2];
    let mut shard = call.store().lock(key);
    if let Some(string) = shard.get::<Vec<u8>>(key)?
        && tail.len() > call.server.config.request.bulk.saturating_sub(string.len())
    {
        return Err(Error::err("string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    let string = shard.get_or_create::<Vec<u8>>(key)?;
    string.extend_from_slice(tail);
    call.reply.count(string.len());
    Ok(())
}

fn strlen(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let len = call.store().lock(key).get::<Vec<u8>>(key)?.map_or(0, |string| string.len());
    call.reply.count(len);
    Ok(())
}

fn decrby(call: &mut Call<'_>) -> Result<()> {
    match call.integer(2)?.checked_neg() {
        Some(by) => add(call, by),
        None => Err(Error::err("decrement would overflow")),
    }
}

fn add(call: &mut Call<'_>, by: i64) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let string = shard.get::<Vec<u8>>(key)?;
    let value = match &string {
        Some(string) => number::parse(string).ok_or(Error::NotInteger)?,
        None => 0,
    };
    let value = value.checked_add(by).ok_or(Error::Overflow)?;
    let mut text = [0; 20];
    let digits = number::format(value, &mut text);
    match string {
        Some(string) => {
            string.clear();
            string.extend_from_slice(&text[digits]);
        }
        None => {
            shard.set(key, &text[digits], NEVER);
        }
    }
    call.reply.integer(value);
    Ok(())
}

fn mget(call: &mut Call<'_>) -> Result<()> {
    let keys = call.keys(1);
    let mut shards = call.store().lock_for(keys.clone());
    call.reply.array(call.args.len() - 1);
    for key in keys {
        // What is no string is as good as nothing.
        call.reply.bulk_or_null(shards.shard(key).get::<Vec<u8>>(key).unwrap_or(None));
    }
    Ok(())
}

fn mset(call: &mut Call<'_>) -> Result<()> {
    if call.args.len().is_multiple_of(2) {
        return Err(Error::Arguments("mset".into()));
    }
    let keys = call.keys(1).step_by(2);
    let values = call.args.from(2).iter().step_by(2);
    let mut shards = call.store().lock_for(keys.clone());
    let pairs = keys.zip(values);
    let old: Vec<_> =
        pairs.filter_map(|(key, value)| shards.shard(key).set(key, value, NEVER)).collect();
    drop(shards);
    drop(old);
    call.reply.ok();
    Ok(())
}
