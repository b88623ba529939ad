//! The command line of a peer's program: `WORKLOAD [key=number ..]`.

use std::process::exit;

/// What to run, and how much of it.
#[derive(Clone, Debug)]
pub struct Args {
    /// The workload's name.
    pub workload: String,
    numbers: Vec<(String, u64)>,
}

impl Args {
    /// Those of this process. Explains itself and leaves if they make no sense.
    pub fn parse() -> Args {
        Args::of(std::env::args().skip(1))
    }

    /// Those in `words`. Explains itself and leaves if they make no sense.
    pub fn of(mut words: impl Iterator<Item = String>) -> Args {
        let Some(workload) = words.next() else { refuse("no workload given") };
        let numbers = words.map(|word| parse_pair(&word).unwrap_or_else(|| refuse(&word)));
        Args { workload, numbers: numbers.collect() }
    }

    /// The number given for `key`, or else `default`.
    pub fn get(&self, key: &str, default: u64) -> u64 {
        self.numbers.iter().find(|(name, _)| name == key).map_or(default, |(_, number)| *number)
    }

    /// How many workers the runtime is to have.
    pub fn workers(&self) -> usize {
        self.get("w", 2) as usize
    }
}

fn parse_pair(word: &str) -> Option<(String, u64)> {
    let (key, number) = word.split_once('=')?;
    Some((key.into(), number.parse().ok()?))
}

fn refuse(what: &str) -> ! {
    eprintln!("{what}\nusage: WORKLOAD [w=WORKERS] [n=NUMBER] [key=number ..]");
    exit(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_given_has_its_default() {
        let args = Args { workload: "ring".into(), numbers: vec![("n".into(), 7)] };
        assert_eq!(args.get("n", 1), 7);
        assert_eq!(args.get("tasks", 1000), 1000);
        assert_eq!(args.workers(), 2);
    }

    #[test]
    fn pairs_are_a_key_and_a_number() {
        assert_eq!(parse_pair("n=20000"), Some(("n".into(), 20_000)));
        assert_eq!(parse_pair("n"), None);
        assert_eq!(parse_pair("n=many"), None);
    }
}
