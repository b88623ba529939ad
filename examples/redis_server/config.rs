//! Settings: what the command line may set, and `CONFIG GET` tells. Names and units are those of Redis.

use crate::glob;
use crate::request::Limits;
use std::fmt::Write;
use std::time::Duration;

const MIB: usize = 1 << 20;
/// Spans of requests are kept in 32 bits.
const MAX_REQUEST: usize = 1 << 30;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) bind: String,
    pub(crate) port: u16,
    /// Processors, in gort's sense.
    pub(crate) threads: usize,
    /// Connections at once.
    pub(crate) clients: usize,
    /// After so long without a request a connection is closed.
    pub(crate) idle: Option<Duration>,
    /// After so long in which a client takes nothing of its reply its connection is closed.
    pub(crate) write_timeout: Option<Duration>,
    /// How long connections may take to end when the server is told to stop.
    pub(crate) shutdown: Option<Duration>,
    /// Arguments of a request, bytes of an argument.
    pub(crate) request: Limits,
    /// Bytes of a request, with those behind it that have come already.
    pub(crate) query_buffer: usize,
    /// Bytes of the reply to one request.
    pub(crate) output_buffer: usize,
    /// Bytes of messages that wait for one subscriber.
    pub(crate) pubsub_buffer: usize,
    /// Bytes of everything. With more than that in use, nothing is stored any more.
    pub(crate) memory: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bind: "127.0.0.1".into(),
            port: 6379,
            threads: 1,
            clients: 10_000,
            idle: Some(Duration::from_secs(300)),
            write_timeout: Some(Duration::from_secs(60)),
            shutdown: Some(Duration::from_secs(10)),
            request: Limits { arguments: 1 << 20, bulk: 64 * MIB },
            query_buffer: 80 * MIB,
            output_buffer: 256 * MIB,
            pubsub_buffer: 32 * MIB,
            memory: 1024 * MIB,
        }
    }
}

/// The place of a setting, by what may be there.
enum Value<'a> {
    Text(&'a mut String),
    Port(&'a mut u16),
    Count(&'a mut usize),
    /// Up to so many.
    Bytes(&'a mut usize, usize),
    Seconds(&'a mut Option<Duration>),
}

impl Value<'_> {
    /// `None`: the text is no such value.
    fn set(self, text: &str) -> Option<()> {
        match self {
            Value::Text(place) => *place = text.into(),
            Value::Port(place) => *place = text.parse().ok()?,
            Value::Count(place) => *place = positive(text)?,
            Value::Bytes(place, limit) => *place = bytes(text).filter(|it| *it <= limit)?,
            Value::Seconds(place) => {
                let seconds = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
                *place = (!seconds.is_zero()).then_some(seconds);
            }
        }
        Some(())
    }

    fn show(self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Port(port) => port.to_string(),
            Value::Count(number) | Value::Bytes(number, _) => number.to_string(),
            Value::Seconds(duration) => duration.unwrap_or_default().as_secs_f64().to_string(),
        }
    }
}

struct Setting {
    name: &'static str,
    about: &'static str,
    value: fn(&mut Config) -> Value<'_>,
}

const fn setting(
    name: &'static str,
    about: &'static str,
    value: fn(&mut Config) -> Value<'_>,
) -> Setting {
    Setting { name, about, value }
}

const SETTINGS: &[Setting] = &[
    setting("bind", "the address to listen at", |config| Value::Text(&mut config.bind)),
    setting("port", "the port to listen at; 0: any that is free", |config| {
        Value::Port(&mut config.port)
    }),
    setting("io-threads", "so many goroutines run at the same time", |config| {
        Value::Count(&mut config.threads)
    }),
    setting("maxclients", "connections at once", |config| Value::Count(&mut config.clients)),
    setting("timeout", "seconds without a request that end a connection; 0: never", |config| {
        Value::Seconds(&mut config.idle)
    }),
    setting("write-timeout", "seconds for which a reply may be left unread; 0: any", |config| {
        Value::Seconds(&mut config.write_timeout)
    }),
    setting("shutdown-timeout", "seconds that connections get to end at the stop", |config| {
        Value::Seconds(&mut config.shutdown)
    }),
    setting("proto-max-multibulk-len", "arguments of a request", |config| {
        Value::Count(&mut config.request.arguments)
    }),
    setting("proto-max-bulk-len", "bytes of an argument", |config| {
        Value::Bytes(&mut config.request.bulk, MAX_REQUEST / 2)
    }),
    setting("client-query-buffer-limit", "bytes of a request", |config| {
        Value::Bytes(&mut config.query_buffer, MAX_REQUEST)
    }),
    setting("client-output-buffer-limit", "bytes of a reply", |config| {
        Value::Bytes(&mut config.output_buffer, usize::MAX)
    }),
    setting("pubsub-output-buffer-limit", "bytes that wait for a subscriber", |config| {
        Value::Bytes(&mut config.pubsub_buffer, usize::MAX)
    }),
    setting("maxmemory", "bytes of all; with more in use nothing is stored", |config| {
        Value::Bytes(&mut config.memory, usize::MAX)
    }),
];

/// What clients ask for, and what is the same here always: nothing is ever written to a disk.
const FIXED: &[(&str, &str)] = &[
    ("appendonly", "no"),
    ("save", ""),
    ("databases", "1"),
    ("maxmemory-policy", "noeviction"),
    ("requirepass", ""),
];

impl Config {
    /// Takes options and their values, such as `--port 7000`. `None`: help was asked for.
    pub(crate) fn from_arguments(
        words: impl IntoIterator<Item = String>,
    ) -> Result<Option<Config>, String> {
        let mut config = Config::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if matches!(&*word, "-h" | "--help") {
                return Ok(None);
            }
            let setting = word
                .strip_prefix("--")
                .and_then(|name| SETTINGS.iter().find(|setting| setting.name == name))
                .ok_or_else(|| format!("unknown option {word:?}"))?;
            let text = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            (setting.value)(&mut config)
                .set(&text)
                .ok_or_else(|| format!("{word} cannot be {text:?}"))?;
        }
        Ok(Some(config))
    }

    pub(crate) fn usage() -> String {
        let mut text = "usage: redis_server [--OPTION VALUE]...\n".to_string();
        for Setting { name, about, value } in SETTINGS {
            let default = value(&mut Config::default()).show();
            writeln!(text, "  --{name:<27} {about} [{default}]").expect("a string takes it");
        }
        text.push_str(
            "  --help                        this text\nBytes may be written as 512kb, 64mb, 2gb.",
        );
        text
    }

    /// The settings whose names match a pattern, with their values, each once, in the order of their names.
    pub(crate) fn matching<'a>(
        &self,
        patterns: impl Iterator<Item = &'a [u8]>,
    ) -> Vec<(&'static str, String)> {
        let mut config = self.clone();
        let own = SETTINGS.iter().map(|it| (it.name, (it.value)(&mut config).show()));
        let fixed = FIXED.iter().map(|(name, value)| (*name, value.to_string()));
        let (mut left, mut found): (Vec<_>, Vec<_>) = (own.chain(fixed).collect(), Vec::new());
        for pattern in patterns {
            let pattern = pattern.to_ascii_lowercase();
            found.extend(left.extract_if(.., |it| glob::matches(&pattern, it.0.as_bytes())));
        }
        found.sort();
        found
    }

    /// How long a client may take, when the server stops, to end a connection on which all is said; in
    /// time for that to be no reason to cut it off.
    pub(crate) fn patience_at_stop(&self) -> Duration {
        (self.shutdown.unwrap_or_default() / 2).min(Duration::from_secs(1))
    }
}

fn positive(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&number| number > 0)
}

fn bytes(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        _ => return None,
    };
    positive(digits)?.checked_mul(unit)
}
