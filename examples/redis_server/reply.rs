//! What is sent: replies, gathered until they are written at once.

use crate::error::Error;
use crate::{memory, number};

/// Bytes that every client may have us keep.
const ALWAYS: usize = 16 << 10;
/// No more than this comes with what an element says, or an array: its sign, its length, the ends of lines.
pub(crate) const HEAD: usize = 32;

/// Replies in the order of their requests, as bytes.
///
/// There are two versions of the protocol. The second knows strings, numbers, errors and arrays; the
/// third has types for what is a map, a set, a null, or came without being asked for.
pub(crate) struct Reply {
    out: Vec<u8>,
    resp3: bool,
    /// More than this is not kept: see [`is_over`](Reply::is_over).
    limit: usize,
    over: bool,
}

impl Reply {
    pub(crate) fn new(limit: usize) -> Reply {
        Reply { out: Vec::new(), resp3: false, limit, over: false }
    }

    /// For a message of up to `len` bytes that goes to several clients.
    pub(crate) fn message(resp3: bool, len: usize) -> Reply {
        Reply { out: Vec::with_capacity(len), resp3, ..Reply::new(usize::MAX) }
    }

    pub(crate) fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    pub(crate) fn is_resp3(&self) -> bool {
        self.resp3
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.out
    }

    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there was more to say than one client may make us keep. What is here is not whole
    /// then, and of no use to anybody.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Forgets what came after the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }

    /// Empty again; keeps up to `capacity` bytes of room.
    pub(crate) fn clear(&mut self, capacity: usize) {
        self.out.clear();
        self.out.shrink_to(capacity);
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn ok(&mut self) {
        self.push(b"+OK\r\n");
    }

    /// A word or two without a line break.
    pub(crate) fn simple(&mut self, text: &str) {
        debug_assert!(!text.contains(['\r', '\n']));
        self.push(b"+");
        self.push(text.as_bytes());
        self.push(b"\r\n");
    }

    pub(crate) fn error(&mut self, error: &Error) {
        // It may quote what came from a client. A line break would end it.
        let text = error.to_string().replace(['\r', '\n'], " ");
        self.push(b"-");
        self.push(text.as_bytes());
        self.push(b"\r\n");
    }

    pub(crate) fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// How many there are of something.
    pub(crate) fn count(&mut self, count: usize) {
        self.integer(count as i64);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.push(if flag { b":1\r\n" } else { b":0\r\n" });
    }

    pub(crate) fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.header(b'$', bytes.len() as i64);
        self.push(bytes);
        self.push(b"\r\n");
    }

    pub(crate) fn bulk_or_null(&mut self, bytes: Option<impl AsRef<[u8]>>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    pub(crate) fn null(&mut self) {
        self.push(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    pub(crate) fn null_array(&mut self) {
        self.push(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// A text for people; the third version marks it as such.
    pub(crate) fn verbatim(&mut self, text: &str) {
        if self.resp3 {
            self.header(b'=', text.len() as i64 + 4);
            self.push(b"txt:");
            self.push(text.as_bytes());
            self.push(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    pub(crate) fn double(&mut self, value: f64) {
        let text = number::format_double(value);
        if self.resp3 {
            self.push(b",");
            self.push(text.as_bytes());
            self.push(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// What follows are the `len` elements.
    pub(crate) fn array(&mut self, len: usize) {
        self.header(b'*', len as i64);
    }

    /// What follows are the `len` keys, each with its value.
    pub(crate) fn map(&mut self, len: usize) {
        if self.resp3 {
            self.header(b'%', len as i64);
        } else {
            self.array(2 * len);
        }
    }

    pub(crate) fn set(&mut self, len: usize) {
        self.header(if self.resp3 { b'~' } else { b'*' }, len as i64);
    }

    /// As an array, for what the client has not asked for with the request before it.
    pub(crate) fn out_of_band(&mut self, len: usize) {
        self.header(if self.resp3 { b'>' } else { b'*' }, len as i64);
    }

    fn header(&mut self, sign: u8, value: i64) {
        let mut line = [0; 24];
        let digits = number::format(value, (&mut line[1..21]).try_into().expect("twenty"));
        let start = digits.start;
        line[start] = sign;
        line[21] = b'\r';
        line[22] = b'\n';
        self.push(&line[start..23]);
    }

    /// Puts the head of an array before what came after the first `mark` bytes: its `len` elements.
    pub(crate) fn array_from(&mut self, mark: usize, len: usize) {
        let end = self.out.len();
        self.array(len);
        if !self.over {
            let head = self.out.len() - end;
            self.out[mark..].rotate_right(head);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let len = self.out.len() + bytes.len();
        if len > self.limit || (len > self.out.capacity() && !may_take(len)) {
            self.over = true;
        }
        if !self.over {
            self.out.extend_from_slice(bytes);
        }
    }
}

/// Small ones always may.
#[cold]
pub(crate) fn may_take(len: usize) -> bool {
    len <= ALWAYS || memory::has_room(len)
}
