//! `redis_server`: a server that Redis clients can talk to, with a goroutine for each connection. It keeps what it
//! is given in memory only: with the process all of it is gone.
//!
//! ```text
//! cargo run --release --example redis_server -- --port 7000
//! redis-cli -p 7000
//! ```
//! README.md in this folder tells what it can do, how it is built, and how to compare it with Redis.

mod commands;
mod config;
mod connection;
mod error;
mod glob;
mod input;
mod memory;
mod number;
mod pubsub;
mod reply;
mod request;
mod server;
mod session;
mod store;

use config::Config;
use connection::Connection;
use gort::chan::chan;
use gort::net::{self, TcpListener, TcpStream};
use gort::signal::{self, Signal};
use gort::{go, select};
use server::Server;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

#[gort::main]
fn main() -> ExitCode {
    let config = match Config::from_arguments(std::env::args().skip(1)) {
        Ok(Some(config)) => config,
        Ok(None) => {
            println!("{}", Config::usage());
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("redis_server: {message}\n{}", Config::usage());
            return ExitCode::from(2);
        }
    };
    match run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("redis_server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal says to stop.
fn run(config: Config) -> io::Result<()> {
    // Commands hold one lock, so that more of them would mostly be in each other's way. As in Redis, one is the default.
    gort::set_gomaxprocs(config.threads);
    memory::limit(config.memory);
    let signals = signal::notify(&[Signal::TERMINATE, Signal::INTERRUPT])?;
    let listener = TcpListener::bind((&*config.bind, config.port))?;
    // Whoever has started us may want to know the port.
    println!("ready for connections at {}", listener.local_addr()?);
    let server = Arc::new(Server::new(config));

    let (stop_sweeping, stopped) = chan::<()>(0);
    let swept = server.clone();
    go!(move || store::sweep(&swept.store, &stopped));
    let (ended, end) = chan(1);
    let (acceptor, accepting) = (server.clone(), listener.try_clone()?);
    go!(move || ended.send(accept(&acceptor, &accepting)));

    let failure = select! {
        recv(signals) => None,
        // Not before the listener is closed, unless it fails.
        recv(end) -> failure => failure,
    };
    say(io::stdout(), "stopping");
    go!(move || {
        // Who asks twice means at once.
        signals.recv();
        std::process::exit(1);
    });
    listener.close()?;
    let cut_off = server.clients.stop(server.config.shutdown.unwrap_or_default());
    stop_sweeping.close();
    if cut_off > 0 {
        let text =
            format!("redis_server: {cut_off} connections did not end in time, and were cut off");
        say(io::stderr(), &text);
    }
    failure.unwrap_or(Ok(()))
}

/// Says something to whoever has started us. That nobody listens any more, which `println!` panics about, is no reason to
/// leave clients without their replies.
fn say(mut to: impl Write, text: &str) {
    let _: io::Result<()> = writeln!(to, "{text}");
}

/// Starts a goroutine for each connection until the listener is closed.
fn accept(server: &Arc<Server>, listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, address) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if net::is_closed(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let server = server.clone();
        go!(move || serve(&server, stream, address));
    }
}

fn serve(server: &Arc<Server>, stream: TcpStream, address: SocketAddr) {
    // Replies are written as a whole. If that fails the socket is of no use, and reading will tell.
    let _: io::Result<()> = stream.set_nodelay(true);
    match server.clients.admit(stream, address, server.config.clients) {
        Ok(place) => Connection::new(server.clone(), place.client.clone()).run(),
        Err(stream) => {
            let _: io::Result<()> = (&stream).write_all(b"-ERR max number of clients reached\r\n");
        }
    }
}
