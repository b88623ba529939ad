//! Lists. What waits for their elements is in `wait`.

use super::{Command, Kind::*, ONE_KEY, command};
use crate::error::{Error, Result};
use crate::session::Call;
use crate::store::{End, List};
use std::ops::Range;

pub(super) const COMMANDS: &[Command] = &[
    command("lindex", 3, Read, ONE_KEY, lindex),
    command("llen", 2, Read, ONE_KEY, llen),
    command("lpop", -2, Write, ONE_KEY, |call| pop(call, End::Front, "lpop")),
    command("lpush", -3, Grow, ONE_KEY, |call| push(call, End::Front)),
    command("lpushx", -3, Grow, ONE_KEY, |call| push_if_known(call, End::Front)),
    command("lrange", 4, Read, ONE_KEY, lrange),
    command("ltrim", 4, Write, ONE_KEY, ltrim),
    command("rpop", -2, Write, ONE_KEY, |call| pop(call, End::Back, "rpop")),
    command("rpush", -3, Grow, ONE_KEY, |call| push(call, End::Back)),
    command("rpushx", -3, Grow, ONE_KEY, |call| push_if_known(call, End::Back)),
];

fn push(call: &mut Call<'_>, end: End) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let list = shard.get_or_create::<List>(key)?;
    call.args.from(2).iter().for_each(|element| end.push(list, element.into()));
    call.reply.count(list.len());
    shard.serve(key);
    Ok(())
}

fn push_if_known(call: &mut Call<'_>, end: End) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let len = shard.get::<List>(key)?.map_or(0, |list| {
        call.args.from(2).iter().for_each(|element| end.push(list, element.into()));
        list.len()
    });
    call.reply.count(len);
    Ok(())
}

fn pop(call: &mut Call<'_>, end: End, name: &'static str) -> Result<()> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(call.count(2)?),
        _ => return Err(Error::Arguments(name.into())),
    };
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    match (shard.get::<List>(key)?, count) {
        (None, None) => call.reply.null(),
        (None, Some(_)) => call.reply.null_array(),
        (Some(list), None) => call.reply.bulk_or_null(end.pop(list)),
        (Some(list), Some(count)) => {
            let count = count.min(list.len());
            call.reply.array(count);
            for _ in 0..count {
                call.reply.bulk_or_null(end.pop(list));
            }
        }
    }
    shard.tidy::<List>(key);
    Ok(())
}

fn llen(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let len = call.store().lock(key).get::<List>(key)?.map_or(0, |list| list.len());
    call.reply.count(len);
    Ok(())
}

fn lindex(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let index = call.integer(2)?;
    let mut shard = call.store().lock(key);
    let element = shard.get::<List>(key)?.and_then(|list| {
        let index = if index < 0 { index + list.len() as i64 } else { index };
        list.get(usize::try_from(index).ok()?)
    });
    call.reply.bulk_or_null(element);
    Ok(())
}

fn lrange(call: &mut Call<'_>) -> Result<()> {
    let (start, stop) = (call.integer(2)?, call.integer(3)?);
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let Some(list) = shard.get::<List>(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let range = range(start, stop, list.len());
    call.reply.array(range.len());
    list.range(range).for_each(|element| call.reply.bulk(element));
    Ok(())
}

fn ltrim(call: &mut Call<'_>) -> Result<()> {
    let (start, stop) = (call.integer(2)?, call.integer(3)?);
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    if let Some(list) = shard.get::<List>(key)? {
        let range = range(start, stop, list.len());
        list.truncate(range.end);
        list.drain(..range.start);
    }
    shard.tidy::<List>(key);
    call.reply.ok();
    Ok(())
}

/// From `start` to `stop`, which is in it; either counts from the end if it is negative.
pub(super) fn range(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let absolute = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = absolute(start).max(0);
    let end = absolute(stop).saturating_add(1).min(len);
    if start < end { start as usize..end as usize } else { 0..0 }
}
