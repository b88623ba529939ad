//! Waiting for an element of one of several lists.

use super::{Command, Kind::*, command};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::session::{Call, Next, Wait};
use crate::store::{End, Key, List, Popped, Waiter};
use crate::{memory, number};
use std::collections::HashSet;
use std::time::{Duration, Instant};

const KEYS_THEN_TIMEOUT: (i32, i32, i32) = (1, -2, 1);

pub(super) const COMMANDS: &[Command] = &[
    command("blpop", -3, Write, KEYS_THEN_TIMEOUT, |call| pop(call, End::Front)),
    command("brpop", -3, Write, KEYS_THEN_TIMEOUT, |call| pop(call, End::Back)),
];

/// Takes an element at once, or has the connection wait for one. That there is none, and that we wait, is one
/// moment for whoever pushes: all the shards are locked.
fn pop(call: &mut Call<'_>, end: End) -> Result<()> {
    let last = call.args.len() - 1;
    let deadline = deadline(&call.args[last])?;
    let keys = call.keys(1).take(last - 1);
    let mut shards = call.store().lock_for(keys.clone());
    for key in keys.clone() {
        let shard = shards.shard(key);
        if let Some(list) = shard.get::<List>(key)? {
            let element = end.pop(list).expect("no list is empty");
            shard.tidy::<List>(key);
            reply(call.reply, Some((key.bytes.into(), element)));
            return Ok(());
        }
    }
    if memory::is_full() {
        // Who waits takes some of it.
        return Err(Error::OutOfMemory);
    }
    let (waiter, popped) = Waiter::new(end);
    // Each once, or taking one's place back would take as long for each of them as there are.
    let mut seen = HashSet::new();
    let keys = keys.filter(|key| seen.insert(key.bytes));
    let wait_for = |key: Key<'_>| {
        shards.shard(key).wait_for(key, waiter.clone());
        key.bytes.into()
    };
    let keys = keys.map(wait_for).collect();
    call.session.next = Next::Wait(Wait { keys, waiter, popped, deadline });
    Ok(())
}

/// What is answered when the wait is over.
pub(crate) fn reply(reply: &mut Reply, popped: Option<Popped>) {
    match popped {
        Some((key, element)) => {
            reply.array(2);
            reply.bulk(key);
            reply.bulk(element);
        }
        None => reply.null_array(),
    }
}

/// `None`: never.
fn deadline(seconds: &[u8]) -> Result<Option<Instant>> {
    let seconds = number::parse_double(seconds)
        .ok_or_else(|| Error::err("timeout is not a float or out of range"))?;
    if seconds < 0.0 {
        return Err(Error::err("timeout is negative"));
    }
    if seconds == 0.0 {
        return Ok(None);
    }
    let timeout = Duration::try_from_secs_f64(seconds).ok();
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    deadline.map(Some).ok_or_else(|| Error::err("timeout is out of range"))
}
