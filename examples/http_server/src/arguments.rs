//! The command line.

use crate::limits::Limits;
use crate::tls::Identity;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub(crate) const USAGE: &str = "\
usage: http_server [options] FOLDER
  serves the files below FOLDER, /echo and /slow?lines=N&ms=M
  --listen ADDRESS       where to listen (127.0.0.1:8080; port 0: any)
  --cert FILE --key FILE TLS, with a certificate and its key from PEM files
  --self-signed          TLS, with a certificate made now
limits; times in seconds, as 0.5 or 60:
  --connections N        at once (10000)
  --per-address N        of them, from one address (1000)
  --head-bytes N         of a request before its body (16384)
  --fields N             header fields of a request (100)
  --body-bytes N         of a request's body (67108864)
  --idle TIME            without a request (60)
  --head-time TIME       for a request to arrive, before its body (10)
  --rate N               bytes a second of a body or response, at least (1024)
  --grace TIME           by which these may be late (10)
  --stop-time TIME       for responses to be completed on SIGTERM (10)
  -h, --help             this text";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) folder: PathBuf,
    pub(crate) listen: String,
    pub(crate) identity: Option<Identity>,
    pub(crate) limits: Limits,
}

impl Settings {
    /// `None`: help was asked for.
    pub(crate) fn parse(
        mut words: impl Iterator<Item = OsString>,
    ) -> Result<Option<Settings>, String> {
        let (mut listen, mut limits) = ("127.0.0.1:8080".to_owned(), Limits::default());
        let (mut folder, mut certificate, mut key, mut self_signed) = (None, None, None, false);
        while let Some(word) = words.next() {
            let option = word.to_str().unwrap_or_default();
            if !option.starts_with('-') {
                if folder.replace(PathBuf::from(word)).is_some() {
                    return Err("there is one folder to be served".into());
                }
                continue;
            }
            match option {
                "-h" | "--help" => return Ok(None),
                "--self-signed" => {
                    self_signed = true;
                    continue;
                }
                _ => {}
            }
            let next = words.next();
            let value = next.as_deref();
            match option {
                "--cert" => read(certificate.insert(PathBuf::new()), value),
                "--key" => read(key.insert(PathBuf::new()), value),
                "--listen" => read(&mut listen, value),
                _ => set_limit(&mut limits, option, value),
            }
            .map_err(|what| format!("{option} {what}"))?;
        }
        let identity = match (certificate, key, self_signed) {
            (None, None, false) => None,
            (None, None, true) => Some(Identity::SelfSigned),
            (Some(certificate), Some(key), false) => Some(Identity::Files { certificate, key }),
            _ => return Err("TLS takes --cert and --key, or --self-signed".into()),
        };
        let folder = folder.ok_or("the folder to be served is missing")?;
        Ok(Some(Settings { folder, listen, identity, limits }))
    }
}

fn set_limit(limits: &mut Limits, option: &str, value: Option<&OsStr>) -> Result<(), String> {
    match option {
        "--connections" => read(&mut limits.connections, value),
        "--per-address" => read(&mut limits.per_address, value),
        "--head-bytes" => read(&mut limits.head_bytes, value),
        "--fields" => read(&mut limits.fields, value),
        "--body-bytes" => read(&mut limits.body_bytes, value),
        "--rate" => read(&mut limits.rate, value),
        "--idle" => read_time(&mut limits.idle, value),
        "--head-time" => read_time(&mut limits.head_time, value),
        "--grace" => read_time(&mut limits.grace, value),
        "--stop-time" => read_time(&mut limits.stop_time, value),
        _ => Err("is no option".into()),
    }
}

/// Sets a value to what a word says; the error is what is wrong with it.
fn read<V: FromStr>(place: &mut V, word: Option<&OsStr>) -> Result<(), String> {
    let word = word.ok_or("is followed by nothing")?;
    let value = word.to_str().and_then(|word| word.parse().ok());
    *place = value.ok_or_else(|| format!("cannot be {word:?}"))?;
    Ok(())
}

fn read_time(place: &mut Duration, word: Option<&OsStr>) -> Result<(), String> {
    /// A year: times are added to the present one.
    const LONGEST: f64 = 365.0 * 86400.0;
    let mut seconds = 0.0;
    read(&mut seconds, word)?;
    match (0.001..=LONGEST).contains(&seconds) {
        true => *place = Duration::from_secs_f64(seconds),
        false => return Err(format!("cannot be {seconds} seconds")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Settings>, String> {
        Settings::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options() {
        let settings = parse("--listen [::1]:0 . --idle 0.5 --rate 1 --self-signed");
        let settings = settings.expect("a good line").expect("no help");
        assert_eq!(settings.folder, PathBuf::from("."));
        assert_eq!(settings.listen, "[::1]:0");
        assert_eq!(settings.limits.idle, Duration::from_millis(500));
        assert_eq!(settings.limits.rate.get(), 1);
        assert_eq!(settings.identity, Some(Identity::SelfSigned));
        assert!(parse("--help").expect("a good line").is_none());
        for (line, message) in [
            ("", "missing"),
            ("a b", "one folder"),
            (". --cert a", "TLS takes"),
            (". --cert a --key b --self-signed", "TLS takes"),
            (". --idle", "followed by nothing"),
            (". --cert a", "TLS takes"),
            (". --cert", "--cert is followed by nothing"),
            (". --listen", "--listen is followed by nothing"),
            (". --idle -1", "--idle cannot be -1 seconds"),
            (". --grace 0", "--grace cannot be 0 seconds"),
            (". --idle inf", "cannot be inf seconds"),
            (". --idle soon", "cannot be \"soon\""),
            (". --rate 0", "--rate cannot be \"0\""),
            (". --rate 5000000000", "cannot be"),
            (". --fast", "--fast is no option"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(message), "{line}: {error}");
        }
    }
}
