//! What clients send: requests out of bytes.
//!
//! A request is an array of bulk strings, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, or a line of words as a person would
//! type it. The parser is given all that has come of the request at hand. If that is not the whole of it, it
//! keeps where it got to, so that however slowly the bytes drip in, each is looked at about once.
//! It copies nothing: arguments are spans of the input. Quoted words of a line become shorter in
//! their place.
//!
//! What it allocates is eight bytes for each argument that has begun to come, never what a length promises.

use std::fmt;
use std::ops::{Index, Range};

/// As Redis has it, for lines and for the lengths in front of arrays and strings.
const MAX_LINE: usize = 64 << 10;

/// What a request may be at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Arguments, the command's name among them.
    pub(crate) arguments: usize,
    /// Bytes of one argument.
    pub(crate) bulk: usize,
}

/// What is wrong with the input. There is no telling where the next request begins, so the
/// connection ends with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Malformed {
    LongLine,
    UnbalancedQuotes,
    LongArrayLength,
    ArrayLength,
    LongBulkLength,
    BulkLength,
    NoBulk(u8),
    NoEndOfBulk,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        match self {
            Malformed::LongLine => f.write_str("too big inline request"),
            Malformed::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
            Malformed::LongArrayLength => f.write_str("too big mbulk count string"),
            Malformed::ArrayLength => f.write_str("invalid multibulk length"),
            Malformed::LongBulkLength => f.write_str("too big bulk count string"),
            Malformed::BulkLength => f.write_str("invalid bulk length"),
            // A line break here would end the reply too early.
            Malformed::NoBulk(got @ 0x20..0x7f) => {
                write!(f, "expected '$', got '{}'", char::from(*got))
            }
            Malformed::NoBulk(_) => f.write_str("expected '$', got ' '"),
            Malformed::NoEndOfBulk => f.write_str("expected CRLF after a bulk string"),
        }
    }
}

#[derive(Clone, Copy)]
struct Span {
    start: u32,
    end: u32,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Span {
        debug_assert!(range.end <= u32::MAX as usize, "Config keeps requests below 4 GiB");
        Span { start: range.start as u32, end: range.end as u32 }
    }
}

/// The arguments of a request; the first is the command's name.
#[derive(Clone, Copy)]
pub(crate) struct Args<'a> {
    input: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    pub(crate) fn len(self) -> usize {
        self.spans.len()
    }

    pub(crate) fn get(self, index: usize) -> Option<&'a [u8]> {
        let span = self.spans.get(index)?;
        Some(&self.input[span.start as usize..span.end as usize])
    }

    /// The arguments from `index` on.
    pub(crate) fn from(self, index: usize) -> Args<'a> {
        Args { spans: &self.spans[index.min(self.spans.len())..], ..self }
    }

    pub(crate) fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        let Args { input, spans } = self;
        spans.iter().map(move |span| &input[span.start as usize..span.end as usize])
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        let span = self.spans[index];
        &self.input[span.start as usize..span.end as usize]
    }
}

/// Where in a request the parser is.
#[derive(Clone, Copy)]
enum State {
    Start,
    /// In an array of which so many strings are to come.
    Array {
        left: usize,
    },
    /// In a string of that length, the last but `left` of an array.
    Bulk {
        left: usize,
        len: usize,
    },
}

pub(crate) struct Parser {
    limits: Limits,
    state: State,
    /// What has been parsed of the request at hand.
    at: usize,
    /// How much of what follows is known to have no end of line in it.
    searched: usize,
    spans: Vec<Span>,
}

impl Parser {
    pub(crate) fn new(limits: Limits) -> Parser {
        Parser { limits, state: State::Start, at: 0, searched: 0, spans: Vec::new() }
    }

    /// Looks at the request at the front of `input`. If it is there as a whole: how long it is. It may
    /// have no arguments, an empty line for example, and is to be passed over then.
    ///
    /// If not, the next call gets the same bytes and more.
    pub(crate) fn parse(&mut self, input: &mut [u8]) -> Result<Option<usize>, Malformed> {
        if matches!(self.state, State::Start) {
            match input.first() {
                None => return Ok(None),
                Some(b'*') => {}
                Some(_) => return self.line(input),
            }
            self.spans.clear();
            let Some(length) = self.length(input, Malformed::LongArrayLength)? else {
                return Ok(None);
            };
            let length = length.ok_or(Malformed::ArrayLength)?;
            let Ok(left) = usize::try_from(length) else { return Ok(Some(self.end())) };
            if left > self.limits.arguments {
                return Err(Malformed::ArrayLength);
            }
            self.state = State::Array { left };
        }
        self.bulks(input)
    }

    /// The arguments of the request that [`parse`](Self::parse) has found at the front of `input`.
    pub(crate) fn args<'a>(&'a self, input: &'a [u8]) -> Args<'a> {
        Args { input, spans: &self.spans }
    }

    /// Gives back what an unusually long request has taken.
    pub(crate) fn shrink(&mut self, arguments: usize) {
        self.spans.clear();
        self.spans.shrink_to(arguments);
    }

    /// The request at hand is complete. Returns its length.
    fn end(&mut self) -> usize {
        self.state = State::Start;
        self.searched = 0;
        std::mem::take(&mut self.at)
    }

    fn bulks(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        loop {
            match self.state {
                State::Start | State::Array { left: 0 } => return Ok(Some(self.end())),
                State::Array { left } => {
                    match input.get(self.at) {
                        None => return Ok(None),
                        Some(b'$') => {}
                        Some(&other) => return Err(Malformed::NoBulk(other)),
                    }
                    let Some(length) = self.length(input, Malformed::LongBulkLength)? else {
                        return Ok(None);
                    };
                    let length = length.and_then(|length| usize::try_from(length).ok());
                    match length {
                        Some(len) if len <= self.limits.bulk => {
                            self.state = State::Bulk { left: left - 1, len };
                        }
                        _ => return Err(Malformed::BulkLength),
                    }
                }
                State::Bulk { left, len } => {
                    let end = self.at + len;
                    let Some(line_end) = input.get(end..end + 2) else { return Ok(None) };
                    if line_end != b"\r\n" {
                        return Err(Malformed::NoEndOfBulk);
                    }
                    self.spans.push(Span::from(self.at..end));
                    self.at = end + 2;
                    self.state = State::Array { left };
                }
            }
        }
    }

    /// The number between the sign at hand and the end of its line. `Some(None)`: it is no number.
    fn length(
        &mut self,
        input: &[u8],
        too_long: Malformed,
    ) -> Result<Option<Option<i64>>, Malformed> {
        let line = &input[self.at..];
        // Short ones are the rule, too short for a search to pay.
        let from = self.searched.max(1);
        let searchable = line[..line.len().min(MAX_LINE)].get(from..).unwrap_or(&[]);
        let Some(end) = searchable.iter().position(|&byte| byte == b'\r') else {
            self.searched = line.len();
            return if line.len() >= MAX_LINE { Err(too_long) } else { Ok(None) };
        };
        let end = from + end;
        match line.get(end + 1) {
            None => {
                self.searched = end;
                return Ok(None);
            }
            Some(b'\n') => {}
            Some(_) => return Ok(Some(None)),
        }
        self.at += end + 2;
        self.searched = 0;
        Ok(Some(decimal(&line[1..end])))
    }

    fn line(&mut self, input: &mut [u8]) -> Result<Option<usize>, Malformed> {
        let searchable = &input[self.searched..input.len().min(MAX_LINE + 1)];
        let Some(end) = memchr::memchr(b'\n', searchable) else {
            self.searched += searchable.len();
            return if input.len() > MAX_LINE { Err(Malformed::LongLine) } else { Ok(None) };
        };
        let end = self.searched + end;
        let line = &mut input[..end];
        let text = line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
        self.spans.clear();
        self.at = end + 1;
        words(&mut line[..text], &mut self.spans)?;
        Ok(Some(self.end()))
    }
}

/// A decimal number as the protocol has it: no plus, no zeros in front.
fn decimal(digits: &[u8]) -> Option<i64> {
    let (negative, digits) = match digits {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, digits),
    };
    let starts_well = match digits {
        [b'0'] => !negative,
        [b'1'..=b'9', ..] => digits.len() <= 18,
        _ => false,
    };
    if !starts_well {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

/// The words of a line. They are parted by blanks, and may be in single or double quotes, in which
/// backslashes mean what they do in C; these are resolved in place.
fn words(line: &mut [u8], spans: &mut Vec<Span>) -> Result<(), Malformed> {
    let mut from = 0;
    loop {
        while line.get(from).is_some_and(|&byte| is_blank(byte)) {
            from += 1;
        }
        if from == line.len() {
            return Ok(());
        }
        let start = from;
        let mut to = from;
        while let Some(&byte) = line.get(from) {
            match byte {
                b'"' | b'\'' => (from, to) = unquote(line, from, to)?,
                _ if is_blank(byte) => break,
                _ => {
                    line[to] = byte;
                    (from, to) = (from + 1, to + 1);
                }
            }
        }
        spans.push(Span::from(start..to));
    }
}

/// Moves what is in the quotes at `from` to `to`. Returns what follows either.
fn unquote(line: &mut [u8], mut from: usize, mut to: usize) -> Result<(usize, usize), Malformed> {
    let quote = line[from];
    from += 1;
    loop {
        let (byte, len) = match line[from..] {
            [] => return Err(Malformed::UnbalancedQuotes),
            [byte, ref rest @ ..] if byte == quote => {
                // A word ends with its quotes.
                return match rest.first() {
                    Some(&next) if !is_blank(next) => Err(Malformed::UnbalancedQuotes),
                    _ => Ok((from + 1, to)),
                };
            }
            [b'\\', b'\'', ..] if quote == b'\'' => (b'\'', 2),
            [b'\\', b'x', high, low, ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(high) << 4 | hex(low), 4)
            }
            [b'\\', escaped, ..] if quote == b'"' => (escape(escaped), 2),
            [byte, ..] => (byte, 1),
        };
        line[to] = byte;
        (from, to) = (from + len, to + 1);
    }
}

/// What C's `isspace` says, but for the line break, of which there is none in a line.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

fn escape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
