//! Sorted sets: members with a score each.

use super::lists::range;
use super::{Command, Kind::*, ONE_KEY, command};
use crate::error::{Error, Result};
use crate::number;
use crate::session::Call;
use crate::store::{End, SortedSet};

pub(super) const COMMANDS: &[Command] = &[
    command("zadd", -4, Grow, ONE_KEY, zadd),
    command("zcard", 2, Read, ONE_KEY, zcard),
    command("zincrby", 4, Grow, ONE_KEY, zincrby),
    command("zpopmax", -2, Write, ONE_KEY, |call| pop(call, End::Back)),
    command("zpopmin", -2, Write, ONE_KEY, |call| pop(call, End::Front)),
    command("zrange", -4, Read, ONE_KEY, zrange),
    command("zrem", -3, Write, ONE_KEY, zrem),
    command("zscore", 3, Read, ONE_KEY, zscore),
];

/// How `ZADD` goes about it.
#[derive(Default)]
struct Options {
    only_new: bool,
    only_known: bool,
    only_greater: bool,
    only_less: bool,
    /// Count those that are changed, too.
    changed: bool,
    /// Add to the score.
    increment: bool,
}

impl Options {
    /// The options, and where the scores begin.
    fn of(call: &Call<'_>) -> Result<(Options, usize)> {
        let mut options = Options::default();
        let mut index = 2;
        while index < call.args.len() {
            match () {
                _ if call.is(index, "NX") => options.only_new = true,
                _ if call.is(index, "XX") => options.only_known = true,
                _ if call.is(index, "GT") => options.only_greater = true,
                _ if call.is(index, "LT") => options.only_less = true,
                _ if call.is(index, "CH") => options.changed = true,
                _ if call.is(index, "INCR") => options.increment = true,
                _ => break,
            }
            index += 1;
        }
        options.check()?;
        let rest = call.args.len() - index;
        if rest == 0 || !rest.is_multiple_of(2) {
            return Err(Error::Syntax);
        }
        if options.increment && rest > 2 {
            return Err(Error::err("INCR option supports a single increment-element pair"));
        }
        Ok((options, index))
    }

    fn check(&self) -> Result<()> {
        let text = match self {
            Options { only_new: true, only_known: true, .. } => {
                "XX and NX options at the same time are not compatible"
            }
            Options { only_new: true, only_greater: true, .. }
            | Options { only_new: true, only_less: true, .. }
            | Options { only_greater: true, only_less: true, .. } => {
                "GT, LT, and/or NX options at the same time are not compatible"
            }
            _ => return Ok(()),
        };
        Err(Error::err(text))
    }

    /// The new score of a member that had this one; `None`: it stays as it is.
    fn score(&self, before: Option<f64>, given: f64) -> Result<Option<f64>> {
        let Some(before) = before else { return Ok((!self.only_known).then_some(given)) };
        if self.only_new {
            return Ok(None);
        }
        let score = if self.increment { sum(before, given)? } else { given };
        let is_refused = self.only_greater && score <= before || self.only_less && score >= before;
        Ok((!is_refused).then_some(score))
    }
}

fn sum(score: f64, by: f64) -> Result<f64> {
    let sum = score + by;
    if sum.is_nan() {
        return Err(Error::err("resulting score is not a number (NaN)"));
    }
    Ok(sum)
}

fn float(text: &[u8]) -> Result<f64> {
    number::parse_double(text).ok_or(Error::NotFloat)
}

fn zadd(call: &mut Call<'_>) -> Result<()> {
    let (options, first) = Options::of(call)?;
    let pairs =
        call.args.from(first).iter().step_by(2).zip(call.args.from(first + 1).iter().step_by(2));
    // All or none: nothing is added if one of the scores is no number.
    for (score, _) in pairs.clone() {
        float(score)?;
    }
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let set = shard.get_or_create::<SortedSet>(key)?;
    let (mut added, mut changed) = (0, 0);
    let mut done = Ok(None);
    for (score, member) in pairs {
        let before = set.score(member);
        done = float(score).and_then(|given| options.score(before, given));
        if let Ok(Some(score)) = done {
            set.insert(member, score);
            added += usize::from(before.is_none());
            changed += usize::from(before.is_some_and(|before| before != score));
        }
    }
    shard.tidy::<SortedSet>(key);
    match (options.increment, done?) {
        (true, Some(score)) => call.reply.double(score),
        (true, None) => call.reply.null(),
        (false, _) => call.reply.count(if options.changed { added + changed } else { added }),
    }
    Ok(())
}

fn zincrby(call: &mut Call<'_>) -> Result<()> {
    let by = float(&call.args[2])?;
    let key = call.key(1);
    let member = &call.args[3];
    let mut shard = call.store().lock(key);
    let before = shard.get::<SortedSet>(key)?.and_then(|set| set.score(member));
    let score = sum(before.unwrap_or(0.0), by)?;
    shard.get_or_create::<SortedSet>(key)?.insert(member, score);
    call.reply.double(score);
    Ok(())
}

fn zcard(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let len = call.store().lock(key).get::<SortedSet>(key)?.map_or(0, |set| set.len());
    call.reply.count(len);
    Ok(())
}

fn zscore(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    match shard.get::<SortedSet>(key)?.and_then(|set| set.score(&call.args[2])) {
        Some(score) => call.reply.double(score),
        None => call.reply.null(),
    }
    Ok(())
}

fn zrem(call: &mut Call<'_>) -> Result<()> {
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let removed = shard
        .get::<SortedSet>(key)?
        .map_or(0, |set| call.args.from(2).iter().filter(|&member| set.remove(member)).count());
    shard.tidy::<SortedSet>(key);
    call.reply.count(removed);
    Ok(())
}

fn pop(call: &mut Call<'_>, end: End) -> Result<()> {
    let count = match call.args.len() {
        2 => None,
        3 => Some(call.count(2)?),
        _ => return Err(Error::Syntax),
    };
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let Some(set) = shard.get::<SortedSet>(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let len = count.unwrap_or(1).min(set.len());
    // The third version has a pair for each, if it was told how many.
    let in_pairs = call.reply.is_resp3() && count.is_some();
    call.reply.array(if in_pairs { len } else { 2 * len });
    for (member, score) in std::iter::from_fn(|| set.pop(end)).take(len) {
        if in_pairs {
            call.reply.array(2);
        }
        call.reply.bulk(&*member);
        call.reply.double(score);
    }
    shard.tidy::<SortedSet>(key);
    Ok(())
}

/// By ranks only, not by scores or names.
fn zrange(call: &mut Call<'_>) -> Result<()> {
    let (start, stop) = (call.integer(2)?, call.integer(3)?);
    let (mut with_scores, mut reversed) = (false, false);
    for index in 4..call.args.len() {
        match () {
            _ if call.is(index, "WITHSCORES") => with_scores = true,
            _ if call.is(index, "REV") => reversed = true,
            _ => return Err(Error::Syntax),
        }
    }
    let key = call.key(1);
    let mut shard = call.store().lock(key);
    let Some(set) = shard.get::<SortedSet>(key)? else {
        call.reply.array(0);
        return Ok(());
    };
    let range = range(start, stop, set.len());
    let in_pairs = with_scores && call.reply.is_resp3();
    let words = if with_scores && !in_pairs { 2 } else { 1 };
    call.reply.array(words * range.len());
    let mut emit = |(member, score): (&[u8], f64)| {
        if in_pairs {
            call.reply.array(2);
        }
        call.reply.bulk(member);
        if with_scores {
            call.reply.double(score);
        }
    };
    let (skip, len) = (range.start, range.len());
    if reversed {
        set.iter().rev().skip(skip).take(len).for_each(&mut emit);
    } else {
        set.iter().skip(skip).take(len).for_each(&mut emit);
    }
    Ok(())
}
