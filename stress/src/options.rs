//! The command line.

use crate::storms::{self, Storm};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const HELP: &str = "\
gort-stress [OPTIONS] [STORM ...]

Runs storms against gort (all, unless some are named) and checks what must always be true.

  --seed N         where everything random comes from; printed, as it is taken from the clock else
  --seconds S      how long each storm lasts, at least one round (2)
  --processors P   processors of the runtimes; 1 to 4 at random, unless given
  --threads T      plain threads that take part (4)
  --slice MICROS   the time slice of most runtimes (50)
  --round K        only the round with this number of each storm, again and again
  --stall S        seconds without progress after which the process is aborted (20)
  --list           names the storms
  --help           this
";

pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) processors: Option<usize>,
    pub(crate) threads: usize,
    pub(crate) slice: Duration,
    pub(crate) round: Option<u64>,
    pub(crate) stall: Duration,
    pub(crate) storms: Vec<&'static Storm>,
}

pub(crate) enum Wish {
    Run(Options),
    List,
    Help,
}

pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Wish, String> {
    let mut options = Options {
        seed: SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64),
        seconds: 2.0,
        processors: None,
        threads: 4,
        slice: Duration::from_micros(50),
        round: None,
        stall: Duration::from_secs(20),
        storms: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => return Ok(Wish::Help),
            "--list" => return Ok(Wish::List),
            "--seed" => options.seed = number(&argument, arguments.next())?,
            "--seconds" => options.seconds = number(&argument, arguments.next())?,
            "--processors" => options.processors = Some(number(&argument, arguments.next())?),
            "--threads" => options.threads = number(&argument, arguments.next())?,
            "--slice" => {
                let micros = number(&argument, arguments.next())?;
                options.slice = Duration::from_micros(micros);
            }
            "--round" => options.round = Some(number(&argument, arguments.next())?),
            "--stall" => options.stall = Duration::from_secs(number(&argument, arguments.next())?),
            name => {
                let storm = storms::ALL.iter().find(|storm| storm.name == name);
                let storm = storm.ok_or_else(|| format!("there is no storm or option {name:?}"))?;
                options.storms.push(storm);
            }
        }
    }
    if options.storms.is_empty() {
        options.storms = storms::ALL.iter().collect();
    }
    if !(0.0..=1e6).contains(&options.seconds) {
        return Err(format!("--seconds {} is out of bounds", options.seconds));
    }
    if options.slice.is_zero() {
        return Err("--slice takes one microsecond or more".into());
    }
    if options.processors.is_some_and(|processors| !(1..=1024).contains(&processors)) {
        return Err("--processors takes 1 to 1024".into());
    }
    Ok(Wish::Run(options))
}

fn number<T: FromStr>(option: &str, value: Option<String>) -> Result<T, String> {
    let value = value.ok_or_else(|| format!("{option} takes a number"))?;
    value.parse().map_err(|_| format!("{option} takes a number, not {value:?}"))
}
