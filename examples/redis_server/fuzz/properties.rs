//! What the parser of requests holds to, whatever comes.

use crate::request::{Limits, Malformed, Parser};

/// Small ones, which are met often.
pub(crate) const LIMITS: Limits = Limits { arguments: 8, bulk: 100 };

pub(crate) type Request = Vec<Vec<u8>>;

/// What there was in some input: requests, and then bytes that are none yet, or never.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<Request>,
    pub(crate) end: Result<usize, Malformed>,
}

/// How much memory is in use. It can only be told where nothing else goes on; elsewhere it is always 0.
pub(crate) type Used = fn() -> usize;

/// Gives the parser `input`, cut in pieces at some places, as a connection does.
pub(crate) fn parse(used: Used, input: &[u8], cuts: &[usize]) -> Outcome {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.push(input.len());
    cuts.sort_unstable();
    let mut parser = Parser::new(LIMITS);
    let mut requests = Vec::new();
    let mut buffer = Vec::new();
    let mut from = 0;
    for cut in cuts {
        buffer.extend_from_slice(&input[from..cut]);
        from = cut;
        loop {
            // A line is changed in its place.
            let is_array = buffer.first() == Some(&b'*');
            let before = used();
            let parsed = parser.parse(&mut buffer);
            let taken = used().saturating_sub(before);
            // A span is eight bytes, an argument two at least, and half of what a vector has may be spare.
            assert!(taken <= 8 * buffer.len() + 64, "{taken} bytes for {} of input", buffer.len());
            match parsed {
                Ok(Some(len)) => {
                    let request: Request =
                        parser.args(&buffer).iter().map(<[u8]>::to_vec).collect();
                    check(&request, len, is_array);
                    requests.push(request);
                    buffer.drain(..len);
                }
                Ok(None) => break,
                Err(malformed) => {
                    let text = malformed.to_string();
                    assert!(!text.contains(['\r', '\n']), "a reply of several lines: {text:?}");
                    return Outcome { requests, end: Err(malformed) };
                }
            }
        }
    }
    Outcome { requests, end: Ok(buffer.len()) }
}

fn check(request: &Request, len: usize, is_array: bool) {
    assert!(len > 0, "a request out of nothing");
    let total: usize = request.iter().map(Vec::len).sum();
    assert!(total < len, "{total} bytes of arguments in {len}");
    if is_array {
        assert!(request.len() <= LIMITS.arguments);
        assert!(request.iter().all(|argument| argument.len() <= LIMITS.bulk));
    }
}

/// Where the input is cut makes no difference.
pub(crate) fn cuts_do_not_matter(used: Used, input: &[u8], cuts: &[usize]) {
    let (whole, pieces) = (parse(used, input, &[]), parse(used, input, cuts));
    assert_eq!(whole, pieces, "{:?} cut at {cuts:?}", input.escape_ascii());
}

/// Requests come out as they were put in.
pub(crate) fn round_trip(used: Used, requests: &[Request], cuts: &[usize]) {
    let arrays: Vec<u8> = requests.iter().flat_map(array).collect();
    let expected = Outcome { requests: requests.to_vec(), end: Ok(0) };
    assert_eq!(parse(used, &arrays, cuts), expected, "as arrays");
    let lines: Vec<u8> = requests.iter().flat_map(line).collect();
    assert_eq!(parse(used, &lines, cuts), expected, "as lines");
}

/// A request as an array of bulk strings.
pub(crate) fn array(request: &Request) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
    for argument in request {
        bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        bytes.extend_from_slice(argument);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A request as a line of words in quotes.
pub(crate) fn line(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    for argument in request {
        bytes.push(b'"');
        for byte in argument {
            match byte {
                b'\n' => bytes.extend_from_slice(b"\\n"),
                b'"' | b'\\' => bytes.extend_from_slice(&[b'\\', *byte]),
                b' '..=b'~' => bytes.push(*byte),
                _ => bytes.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            }
        }
        bytes.extend_from_slice(b"\" ");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
