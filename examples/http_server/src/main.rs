//! `http_server FOLDER`: files over HTTP/1.1, with TLS if wanted, a goroutine for each connection.
//!
//! ```text
//! cargo run --release --bin http_server -- --listen 127.0.0.1:8080 .
//! curl http://127.0.0.1:8080/README.md
//! ```
//!
//! README.md in this folder tells what it answers, and what it holds clients to.
//!
//! ```text
//! server ──a goroutine for each──> connection: request, framing ──> exchange ──> response
//!    │                                  │                              │
//! registry (who is there)         wire (buffers, times)     site: echo, slow, send_file
//!    └──── stops it by ────────> socket or tls                         └─> files, document
//! ```

mod arguments;
mod body;
mod conditions;
mod connection;
mod date;
mod document;
mod echo;
mod exchange;
mod files;
mod framing;
mod limits;
mod range;
mod registry;
mod request;
mod send_file;
mod server;
mod site;
mod slow;
mod socket;
#[cfg(test)]
mod stand_in;
mod status;
mod target;
mod tls;
mod wire;

use arguments::Settings;
use gort::chan::chan;
use gort::signal::{self, Signal};
use gort::{go, select};
use server::Server;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

#[gort::main]
fn main() -> ExitCode {
    let settings = match Settings::parse(std::env::args_os().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("http_server: {message}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http_server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal says to stop, and then until what had begun is done.
fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let signals = signal::notify(&[Signal::TERMINATE, Signal::INTERRUPT])?;
    let scheme = if settings.identity.is_some() { "https" } else { "http" };
    let stop_time = settings.limits.stop_time;
    let server = Arc::new(Server::bind(settings)?);
    println!("serving {scheme}://{}/", server.address()?);
    let (alive, all_gone) = chan::<()>(0);
    let accepting = server.clone();
    go!(move || accepting.accept_all(&alive));
    signals.recv();
    report("stopping; once more to break off");
    server.stop();
    select! {
        recv(all_gone) -> _ => return Ok(()),
        recv(signals) -> _ => {}
        after(stop_time) => {}
    }
    report(format_args!("broke off {} connections", server.abort()));
    Ok(())
}

/// Says on standard error what has happened. That nobody reads it any more, which `eprintln!` panics about, is no reason to
/// leave clients without their responses.
fn report(what: impl Display) {
    let _ = writeln!(io::stderr(), "http_server: {what}");
}
