//! Hashes: fields and their values.

use super::{Command, Kind::*, ONE_KEY, command};
use crate::error::{Error, Result};
use crate::number;
use crate::session::Call;
use crate::store::Hash;

pub(super) const COMMANDS: &[Command] = &[
    command("hdel", -3, Write, ONE_KEY, hdel),
    command("hexists", 3, Read, ONE_KEY, hexists),
    command("hget", 3, Read, ONE_KEY, hget),
    command("hgetall", 2, Read, ONE_KEY, hgetall),
    command("hincrby", 4, Grow, ONE_KEY, hincrby),
    command("hkeys", 2, Read, ONE_KEY, hkeys),
    command("hlen", 2, Read, ONE_KEY, hlen),
    command("hmget", -3, Read, ONE_KEY, hmget),
    command("hmset", -4, Grow, ONE_KEY, hmset),
    command("hset", -4, Grow, ONE_KEY, hset),
    command("hsetnx", 4, Grow, ONE_KEY, hsetnx),
    command("hstrlen", 3, Read, ONE_KEY, hstrlen),
    command("hvals", 2, Read, ONE_KEY, hvals),
];

/// Sets what comes in pairs from the second argument on. Returns how many fields are new.
fn set_all(call: &Call<'_>, name: &'static str) -> Result<usize> {
    if !call.args.len().is_multiple_of(2) {
        return Err(Error::Arguments(name.into()));
    }
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get_or_create::<Hash>(key)?;
    let before = hash.len();
    let fields = call.args.from(2).iter().step_by(2);
    for (field, value) in fields.zip(call.args.from(3).iter().step_by(2)) {
        match hash.get_mut(field) {
            Some(old) => {
                old.clear();
                old.extend_from_slice(value);
            }
            None => {
                hash.insert(field.into(), value.into());
            }
        }
    }
    Ok(hash.len() - before)
}

fn hset(call: &mut Call<'_>) -> Result<()> {
    let new = set_all(call, "hset")?;
    call.reply.count(new);
    Ok(())
}

fn hmset(call: &mut Call<'_>) -> Result<()> {
    set_all(call, "hmset")?;
    call.reply.ok();
    Ok(())
}

fn hsetnx(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get_or_create::<Hash>(key)?;
    let is_new = !hash.contains_key(&call.args[2]);
    if is_new {
        hash.insert(call.args[2].into(), call.args[3].into());
    }
    call.reply.flag(is_new);
    Ok(())
}

fn hincrby(call: &mut Call<'_>) -> Result<()> {
    let by = call.integer(3)?;
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let field = &call.args[2];
    let value = match shard.get::<Hash>(key)?.and_then(|hash| hash.get(field)) {
        Some(text) => {
            number::parse(text).ok_or_else(|| Error::err("hash value is not an integer"))?
        }
        None => 0,
    };
    let value = value.checked_add(by).ok_or(Error::Overflow)?;
    shard.get_or_create::<Hash>(key)?.insert(field.into(), value.to_string().into());
    call.reply.integer(value);
    Ok(())
}

fn hget(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get::<Hash>(key)?;
    call.reply.bulk_or_null(hash.and_then(|hash| hash.get(&call.args[2])));
    Ok(())
}

fn hmget(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get::<Hash>(key)?;
    let fields = call.args.from(2).iter();
    call.reply.array(fields.len());
    for field in fields {
        call.reply.bulk_or_null(hash.as_ref().and_then(|hash| hash.get(field)));
    }
    Ok(())
}

fn hgetall(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get::<Hash>(key)?;
    call.reply.map(hash.as_ref().map_or(0, |hash| hash.len()));
    for (field, value) in hash.into_iter().flatten() {
        call.reply.bulk(field);
        call.reply.bulk(value);
    }
    Ok(())
}

fn hkeys(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get::<Hash>(key)?;
    call.reply.array(hash.as_ref().map_or(0, |hash| hash.len()));
    hash.into_iter().flat_map(|hash| hash.keys()).for_each(|field| call.reply.bulk(field));
    Ok(())
}

fn hvals(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get::<Hash>(key)?;
    call.reply.array(hash.as_ref().map_or(0, |hash| hash.len()));
    hash.into_iter().flat_map(|hash| hash.values()).for_each(|value| call.reply.bulk(value));
    Ok(())
}

fn hdel(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let removed = shard.get::<Hash>(key)?.map_or(0, |hash| {
        call.args.from(2).iter().filter(|&field| hash.swap_remove(field).is_some()).count()
    });
    shard.tidy::<Hash>(key);
    call.reply.count(removed);
    Ok(())
}

fn hlen(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let len = call.store().lock(key).get::<Hash>(key)?.map_or(0, |hash| hash.len());
    call.reply.count(len);
    Ok(())
}

fn hexists(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let hash = shard.get::<Hash>(key)?;
    call.reply.flag(hash.is_some_and(|hash| hash.contains_key(&call.args[2])));
    Ok(())
}

fn hstrlen(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let value = shard.get::<Hash>(key)?.and_then(|hash| hash.get(&call.args[2]));
    call.reply.count(value.map_or(0, Vec::len));
    Ok(())
}
