//! What a command answers if it cannot be done, in the words of Redis.

use std::borrow::Cow;
use std::fmt;

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes that a [`quote`] has at most.
pub(crate) const QUOTED: usize = 128;

#[derive(Debug)]
pub(crate) enum Error {
    WrongType,
    NotInteger,
    NotFloat,
    NotPositive,
    Overflow,
    Syntax,
    OutOfMemory,
    /// Of the command with this name.
    Arguments(Cow<'static, str>),
    /// Of the command with this name.
    ExpireTime(&'static str),
    /// Anything else, with its code in front.
    Other(Cow<'static, str>),
}

impl Error {
    /// With the code for what is of no particular kind.
    pub(crate) fn err(text: impl fmt::Display) -> Error {
        Error::Other(format!("ERR {text}").into())
    }
}

/// As much of what a client has sent as tells what it was.
pub(crate) fn quote(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(QUOTED)])
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::NotInteger => "ERR value is not an integer or out of range",
            Error::NotFloat => "ERR value is not a valid float",
            Error::NotPositive => "ERR value is out of range, must be positive",
            Error::Overflow => "ERR increment or decrement would overflow",
            Error::Syntax => "ERR syntax error",
            Error::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Error::Arguments(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Error::ExpireTime(name) => {
                return write!(f, "ERR invalid expire time in '{name}' command");
            }
            Error::Other(text) => text,
        })
    }
}
