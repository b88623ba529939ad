//! System calls, by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is made less often by an operation is none of its calls.
const RARELY: f64 = 0.005;

/// How often each is made.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Calls(BTreeMap<String, f64>);

impl Calls {
    pub(crate) fn add(&mut self, name: &str, times: f64) {
        *self.0.entry(name.into()).or_default() += times;
    }

    fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    pub(crate) fn total(&self) -> f64 {
        self.0.values().fold(0.0, |total, times| total + times)
    }

    /// Those of each of `n` operations that have made what is here and not in `less`.
    pub(crate) fn of_each(&self, less: &Calls, n: usize) -> Calls {
        let each = |name: &String| (self.of(name) - less.of(name)) / n as f64;
        let each = self.0.keys().map(|name| (name.clone(), each(name)));
        Calls(each.filter(|(_, times)| *times >= RARELY).collect())
    }

    /// Which are made more or less often in `now`, by more than `some`: the name, how often, and how often now.
    pub(crate) fn moved<'a>(
        &'a self,
        now: &'a Calls,
        some: f64,
    ) -> impl Iterator<Item = (&'a str, f64, f64)> {
        let names: BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        let both = names.into_iter().map(|name| (name.as_str(), self.of(name), now.of(name)));
        both.filter(move |(_, was, is)| (is - was).abs() > some)
    }

    /// The opposite of what `Display` writes. `None`: it is not of that kind.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Option<Calls> {
        let mut calls = Calls::default();
        for word in words {
            let (name, times) = word.split_once('=')?;
            calls.add(name, times.parse().ok()?);
        }
        Some(calls)
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, times)| write!(f, "  {name}={times:.2}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(text: &str) -> Calls {
        Calls::parse(text.split_whitespace()).expect("calls")
    }

    #[test]
    fn of_each_operation() {
        let (less, more) = (calls("read=7 write=200 mmap=43"), calls("read=8 write=400 mmap=42"));
        assert_eq!(more.of_each(&less, 1000), calls("write=0.2"));
        assert_eq!(more.of_each(&more, 1000).total().to_string(), "0");
    }

    #[test]
    fn those_on_one_side_only_have_moved() {
        let (was, is) = (calls("read=1 write=1"), calls("write=1.04 futex=0.5"));
        let moved: Vec<_> = was.moved(&is, 0.05).collect();
        assert_eq!(moved, [("futex", 0.0, 0.5), ("read", 1.0, 0.0)]);
    }

    #[test]
    fn a_word_that_is_none() {
        for word in ["read", "read=often"] {
            assert_eq!(Calls::parse([word].into_iter()), None);
        }
    }
}
