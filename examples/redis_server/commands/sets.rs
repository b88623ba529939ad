//! Sets.

use super::{ALL_KEYS, Command, Kind::*, ONE_KEY, command};
use crate::error::{Error, Result};
use crate::reply;
use crate::session::Call;
use crate::store::Set;
use indexmap::IndexSet;

pub(super) const COMMANDS: &[Command] = &[
    command("sadd", -3, Grow, ONE_KEY, sadd),
    command("scard", 2, Read, ONE_KEY, scard),
    command("sdiff", -2, Read, ALL_KEYS, |call| combine(call, Combination::Difference)),
    command("sinter", -2, Read, ALL_KEYS, |call| combine(call, Combination::Intersection)),
    command("sismember", 3, Read, ONE_KEY, sismember),
    command("smembers", 2, Read, ONE_KEY, smembers),
    command("spop", -2, Write, ONE_KEY, spop),
    command("srandmember", -2, Read, ONE_KEY, srandmember),
    command("srem", -3, Write, ONE_KEY, srem),
    command("sunion", -2, Read, ALL_KEYS, |call| combine(call, Combination::Union)),
];

fn sadd(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let set = shard.get_or_create::<Set>(key)?;
    let before = set.len();
    for member in call.args.from(2).iter() {
        if !set.contains(member) {
            set.insert(member.into());
        }
    }
    call.reply.count(set.len() - before);
    Ok(())
}

fn srem(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let removed = shard.get::<Set>(key)?.map_or(0, |set| {
        call.args.from(2).iter().filter(|&member| set.swap_remove(member)).count()
    });
    shard.tidy::<Set>(key);
    call.reply.count(removed);
    Ok(())
}

fn sismember(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let set = shard.get::<Set>(key)?;
    call.reply.flag(set.is_some_and(|set| set.contains(&call.args[2])));
    Ok(())
}

fn scard(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let len = call.store().lock(key).get::<Set>(key)?.map_or(0, |set| set.len());
    call.reply.count(len);
    Ok(())
}

fn smembers(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let set = shard.get::<Set>(key)?;
    call.reply.set(set.as_ref().map_or(0, |set| set.len()));
    set.iter().flat_map(|set| set.iter()).for_each(|member| call.reply.bulk(member));
    Ok(())
}

fn spop(call: &mut Call<'_>) -> Result<()> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(call.count(2)?),
        _ => return Err(Error::Syntax),
    };
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let random = &mut call.session.random;
    let mut pop = |set: &mut Set| set.swap_remove_index(random.below(set.len()));
    match (shard.get::<Set>(key)?, count) {
        (None, None) => call.reply.null(),
        (None, Some(_)) => call.reply.set(0),
        (Some(set), None) => call.reply.bulk_or_null(pop(set)),
        (Some(set), Some(count)) => {
            let count = count.min(set.len());
            call.reply.set(count);
            for _ in 0..count {
                call.reply.bulk_or_null(pop(set));
            }
        }
    }
    shard.tidy::<Set>(key);
    Ok(())
}

/// Different members, or, for a negative count, so many that may be the same.
fn srandmember(call: &mut Call<'_>) -> Result<()> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(call.integer(2)?),
        _ => return Err(Error::Syntax),
    };
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let random = &mut call.session.random;
    match (shard.get::<Set>(key)?, count) {
        (None, None) => call.reply.null(),
        (None, Some(_)) => call.reply.array(0),
        (Some(set), None) => call.reply.bulk_or_null(set.get_index(random.below(set.len()))),
        (Some(set), Some(count @ 0..)) => {
            // Those to tell of go to the end, one after the other.
            let count = set.len().min(count as usize);
            for taken in 0..count {
                let left = set.len() - taken;
                set.swap_indices(random.below(left), left - 1);
            }
            call.reply.array(count);
            set.iter().rev().take(count).for_each(|member| call.reply.bulk(member));
        }
        (Some(set), Some(count)) => {
            let count = count.unsigned_abs() as usize;
            call.reply.array(count);
            for _ in 0..count {
                if call.reply.is_over() {
                    break;
                }
                call.reply.bulk_or_null(set.get_index(random.below(set.len())));
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Combination {
    Union,
    Intersection,
    /// Of the first and all others.
    Difference,
}

fn combine(call: &mut Call<'_>, combination: Combination) -> Result<()> {
    /// Bytes that a member takes in the result, at most.
    const EACH: usize = 64;
    let keys = call.keys(1);
    let shards = call.store().lock_for(keys.clone());
    let empty = Set::default();
    let mut result: Option<Members<'_>> = None;
    for key in keys {
        let set = shards.look::<Set>(key)?.unwrap_or(&empty);
        let most = combination.most(result.as_ref().map(Members::len), set.len());
        if !reply::may_take(most * EACH) {
            return Err(Error::OutOfMemory);
        }
        result = Some(match result {
            None => set.iter().map(|member| &**member).collect(),
            Some(so_far) => combination.of(so_far, set),
        });
    }
    let result = result.unwrap_or_default();
    call.reply.set(result.len());
    result.iter().for_each(|member| call.reply.bulk(member));
    Ok(())
}

/// Members of sets that are locked: they are not copied but into the reply.
type Members<'a> = IndexSet<&'a [u8]>;

impl Combination {
    fn of<'a>(self, mut so_far: Members<'a>, other: &'a Set) -> Members<'a> {
        match self {
            Combination::Union => so_far.extend(other.iter().map(|member| &**member)),
            Combination::Intersection => so_far.retain(|member| other.contains(*member)),
            Combination::Difference => so_far.retain(|member| !other.contains(*member)),
        }
        so_far
    }

    /// How many members there may be after one more set.
    fn most(self, so_far: Option<usize>, other: usize) -> usize {
        match (self, so_far) {
            (_, None) => other,
            (Combination::Union, Some(so_far)) => so_far + other,
            (_, Some(so_far)) => so_far,
        }
    }
}
