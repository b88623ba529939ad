//! Feeds the parser of `redis_server` with requests that are right, and with what becomes of them when bytes
//! are changed, lost and doubled, for as long as you like.
//!
//! ```text
//! cargo run --release --example redis_fuzz -- --seconds 60 --seed 1
//! ```
//! Everything follows from the seed; `--cases 1000` ends after so many. When a property does not hold it panics, and tells the input.

#[path = "../memory.rs"]
#[expect(dead_code, reason = "the server needs more of it")]
mod memory;
#[path = "../number.rs"]
#[expect(dead_code, reason = "the server needs more of it")]
mod number;
mod properties;
#[path = "../request.rs"]
#[expect(dead_code, reason = "the server needs more of it")]
mod request;

use number::Random;
use properties::Request;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

struct Arguments {
    seconds: u64,
    cases: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let Some(Arguments { seconds, cases, seed }) = arguments(std::env::args().skip(1)) else {
        eprintln!("usage: redis_fuzz [--seconds N] [--cases N] [--seed N]");
        return ExitCode::from(2);
    };
    println!("seed {seed}");
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random::new(seed);
    let mut done = 0;
    while done < cases && Instant::now() < end {
        case(&mut random);
        done += 1;
    }
    println!("{done} cases, all properties held");
    ExitCode::SUCCESS
}

fn arguments(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = clock.map_or(0, |since| since.as_secs());
    let mut arguments = Arguments { seconds: 10, cases: u64::MAX, seed };
    while let Some(word) = words.next() {
        let value = match &*word {
            "--seconds" => &mut arguments.seconds,
            "--cases" => &mut arguments.cases,
            "--seed" => &mut arguments.seed,
            _ => return None,
        };
        *value = words.next()?.parse().ok()?;
    }
    Some(arguments)
}

fn case(random: &mut Random) {
    let requests: Vec<Request> = (0..random.below(4)).map(|_| request(random)).collect();
    properties::round_trip(memory::used, &requests, &cuts(random));
    let mut input = Vec::new();
    for request in &requests {
        let is_array = random.below(2) == 0;
        input.extend(if is_array { properties::array(request) } else { properties::line(request) });
    }
    for _ in 0..random.below(4) {
        mutate(&mut input, random);
        properties::cuts_do_not_matter(memory::used, &input, &cuts(random));
    }
}

fn request(random: &mut Random) -> Request {
    // One at least: a line without words is no request.
    (0..1 + random.below(properties::LIMITS.arguments)).map(|_| argument(random)).collect()
}

fn argument(random: &mut Random) -> Vec<u8> {
    let len = random.below(properties::LIMITS.bulk + 1) >> random.below(7);
    (0..len).map(|_| random.below(256) as u8).collect()
}

fn cuts(random: &mut Random) -> Vec<usize> {
    (0..random.below(6)).map(|_| random.below(1 << 20)).collect()
}

/// What parsers stumble over.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"*",
    b"$",
    b"*0\r\n",
    b"*-1\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"*1\r\n",
    b"$1\r\nx\r\n",
    b"*9\r\n",
    b"$101\r\n",
    b"*9223372036854775808\r\n",
    b"$18446744073709551616\r\n",
    b"+1",
    b"-0",
    b"00",
    b"\"",
    b"'",
    b"\\x",
    b"\\",
    b" ",
    b"\0",
    b"\xff",
];

fn mutate(input: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below(input.len() - at + 1).min(random.below(32));
    match random.below(6) {
        0 if at < input.len() => input[at] = random.below(256) as u8,
        1 => drop(input.drain(at..end)),
        2 => input.extend_from_within(at..end),
        3 => input.truncate(at),
        // A line that is about as long as lines may be.
        4 if random.below(50) == 0 => {
            let len = (64 << 10) + random.below(32) - 16;
            input.splice(at..at, std::iter::repeat_n(b'7', len));
        }
        _ => {
            let piece = PIECES[random.below(PIECES.len())];
            input.splice(at..at, piece.iter().copied());
        }
    }
}
