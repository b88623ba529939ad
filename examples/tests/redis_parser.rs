//! The parser of `redis_server`: single cases, and properties that hold whatever comes. For more of the latter
//! there is a command, `cargo run --release --example redis_fuzz -- --seconds 60`.

#[path = "../redis_server/fuzz/properties.rs"]
mod properties;
#[path = "../redis_server/request.rs"]
#[expect(dead_code, reason = "the server needs more of it")]
mod request;

use properties::{LIMITS, Outcome, parse};
use proptest::collection::vec;
use proptest::prelude::*;
use request::Malformed::{self, *};
use std::process::Command;

/// Other tests use memory, too. The command has its own to itself.
fn unknown() -> usize {
    0
}

/// Parses some input as a whole, and byte by byte, which comes to the same.
fn parsed(input: &[u8]) -> Outcome {
    let everywhere: Vec<usize> = (0..input.len()).collect();
    properties::cuts_do_not_matter(unknown, input, &everywhere);
    parse(unknown, input, &[])
}

#[track_caller]
fn requests(input: &[u8], expected: &[&[&str]], left: usize) {
    let words = |request: &&[&str]| request.iter().map(|word| word.as_bytes().to_vec()).collect();
    let requests = expected.iter().map(words).collect();
    assert_eq!(parsed(input), Outcome { requests, end: Ok(left) }, "{:?}", input.escape_ascii());
}

#[track_caller]
fn malformed(input: &[u8], expected: Malformed) {
    assert_eq!(parsed(input).end, Err(expected), "{:?}", input.escape_ascii());
}

#[test]
fn arrays() {
    requests(b"*1\r\n$4\r\nPING\r\n", &[&["PING"]], 0);
    requests(b"*2\r\n$0\r\n\r\n$2\r\n\r\n\r\n*1\r\n$1\r\nx\r\n", &[&["", "\r\n"], &["x"]], 0);
    // Without strings there is nothing to answer.
    requests(b"*0\r\n*-1\r\n*-99\r\n", &[&[], &[], &[]], 0);
    requests(b"*2\r\n$4\r\nECHO\r\n$5\r\nhel", &[], 21);
    requests(b"*1\r", &[], 3);
}

#[test]
fn lines() {
    requests(b"PING\r\nGET  a\t b \n\r\n", &[&["PING"], &["GET", "a", "b"], &[]], 0);
    requests(br#"SET "a b" 'it\'s' "\x41\n" "" x"y""#, &[], 34);
    requests(
        b"SET \"a b\" 'it\\'s' '\\n' \"\\x41\\n\\q\" \"\" x\"y\"\r\n",
        &[&["SET", "a b", "it's", "\\n", "A\nq", "", "xy"]],
        0,
    );
    requests(b"PING", &[], 4);
}

#[test]
fn what_is_malformed() {
    malformed(b"*x\r\n", ArrayLength);
    malformed(b"*+1\r\n", ArrayLength);
    malformed(b"*01\r\n", ArrayLength);
    malformed(b"*\r\n", ArrayLength);
    malformed(b"*1\rx", ArrayLength);
    malformed(b"*9\r\n", ArrayLength);
    malformed(b"*99999999999999999999\r\n", ArrayLength);
    malformed(b"*1\r\n:1\r\n", NoBulk(b':'));
    malformed(b"*1\r\n\r\n", NoBulk(b'\r'));
    malformed(b"*1\r\n$-1\r\n", BulkLength);
    malformed(b"*1\r\n$x\r\n", BulkLength);
    malformed(b"*1\r\n$101\r\n", BulkLength);
    malformed(b"*1\r\n$2\r\nabcd\r\n", NoEndOfBulk);
    malformed(b"GET \"a\r\n", UnbalancedQuotes);
    malformed(b"GET 'a\r\n", UnbalancedQuotes);
    malformed(b"GET \"a\"b\r\n", UnbalancedQuotes);
    malformed(b"PING\r\nGET \"\\\r\n", UnbalancedQuotes);
}

/// The longest that are right, and the shortest that are not.
#[test]
fn the_limits() {
    let strings = |count: usize, len: usize| properties::array(&vec![vec![b'x'; len]; count]);
    let most = strings(LIMITS.arguments, LIMITS.bulk);
    assert_eq!(parsed(&most).requests.len(), 1);
    malformed(&strings(LIMITS.arguments + 1, 1), ArrayLength);
    malformed(&strings(1, LIMITS.bulk + 1), BulkLength);

    let line = |len: usize| [&vec![b'x'; len][..], b"\n"].concat();
    let parse_in_two = |input: &[u8]| {
        properties::cuts_do_not_matter(unknown, input, &[input.len() / 2]);
        parse(unknown, input, &[])
    };
    assert_eq!(parse_in_two(&line(64 << 10)).end, Ok(0));
    assert_eq!(parse_in_two(&line((64 << 10) + 1)).end, Err(LongLine));
    // It is not waited for the end of what is too long already.
    assert_eq!(parse_in_two(&vec![b'x'; 70 << 10]).end, Err(LongLine));
    let digits = vec![b'7'; 70 << 10];
    assert_eq!(parse_in_two(&[b"*", &digits[..]].concat()).end, Err(LongArrayLength));
    assert_eq!(parse_in_two(&[b"*1\r\n$", &digits[..]].concat()).end, Err(LongBulkLength));
}

/// The same properties, and what the parser allocates, for cases that always are the same.
#[test]
fn some_cases_of_the_command() {
    let test = std::env::current_exe().expect("a test knows its path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let mut command = Command::new(profile.join("examples/redis_fuzz"));
    command.args(["--cases", "5000", "--seed", "1", "--seconds", "600"]);
    let output = command.output().expect("the command starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "seed 1\n5000 cases, all properties held\n",
        "{stderr}"
    );
}

fn request() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..=LIMITS.bulk), 1..=LIMITS.arguments)
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(any::<usize>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_arrives(requests in vec(request(), 0..4), cuts in cuts()) {
            properties::round_trip(unknown, &requests, &cuts);
    }

    #[test]
    fn any_bytes(input in vec(any::<u8>(), 0..200), cuts in cuts()) {
            properties::cuts_do_not_matter(unknown, &input, &cuts);
    }

    /// Of the letters that the protocol is made of.
    #[test]
    fn nearly_requests(input in "([*$][0-9]{0,3}|-|\r|\n|\r\n|\"|'|\\\\x|[a-f ]){0,40}", cuts in cuts()) {
            properties::cuts_do_not_matter(unknown, input.as_bytes(), &cuts);
    }

    /// A byte of a request is another one.
    #[test]
    fn a_wrong_byte(request in request(), at in any::<usize>(), byte in any::<u8>(), cuts in cuts()) {
            for mut input in [properties::array(&request), properties::line(&request)] {
            let at = at % input.len();
            input[at] = byte;
            properties::cuts_do_not_matter(unknown, &input, &cuts);
        }
    }
}
