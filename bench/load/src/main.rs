//! Starts a peer's program as an echo server, is all of its clients, and measures how the server does.
//!
//! `load PROGRAM WORKLOAD [key=number ..]` runs `PROGRAM WORKLOAD [key=number ..]`, which prints the port that
//! it listens at, and ends it when all is measured. Then it prints the one line of JSON that the peer's
//! program prints for other workloads. The numbers that are its own:
//!
//! | | |
//! |---|---|
//! | `conns` | how many connections |
//! | `warm`, `ms` | `tcp`: for how many milliseconds to send before it counts, and while it counts |
//! | `buffer` | for the server: how much it reads at a time |
//! | `pin` | 1: the server stays on CPU 0, the clients on CPU 1 |

mod connection;
mod echo;
mod histogram;
mod idle;
mod server;

use connection::Connection;
use server::Server;
use std::path::Path;
use std::process::ExitCode;
use workloads::{Args, Report, process};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match measure() {
        Ok(report) => report.emit(),
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured, when the server has been ended.
fn measure() -> Result<Report> {
    let mut words = std::env::args().skip(1);
    let program = words.next().ok_or("usage: load PROGRAM WORKLOAD [key=number ..]")?;
    let words: Vec<String> = words.collect();
    let args = Args::of(words.iter().cloned());
    let peer = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    process::allow_descriptors();
    let is_pinned = args.get("pin", 0) == 1;
    if is_pinned {
        process::pin_to(0);
    }
    let server = Server::start(&program, &words)?;
    if is_pinned {
        process::pin_to(1);
    }
    match args.workload.as_str() {
        "tcp" => echo::measure(&peer, &args, &server),
        "tcp_idle" => idle::measure(&peer, &args, &server),
        other => Err(format!("{other} is not for a server").into()),
    }
}

/// As many connections as the arguments say, each of which has had an answer: none is left in the
/// listener's queue, which some peers keep short.
fn connect(args: &Args, server: &Server) -> Result<Vec<Connection>> {
    let count = args.get("conns", 64);
    let open = |number| {
        let failed = |error| format!("connection {number} of {count}: {error}");
        Connection::open(server.port(), number).map_err(|error| failed(error).into())
    };
    (0..count).map(open).collect()
}
