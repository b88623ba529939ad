//! A TCP proxy: a goroutine for each client, bytes that stay in the kernel, and an end that lets those at work finish.
//!
//! `cargo run --example proxy -- 127.0.0.1:8080 example.org:80`, and Ctrl-C; a second one ends it at once.

use gort::net::{TcpListener, TcpStream, is_closed};
use gort::signal::{self, Signal};
use gort::sync::WaitGroup;
use std::io;
use std::process::ExitCode;

#[gort::main]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream] = &arguments[..] else {
        eprintln!("usage: proxy LISTEN UPSTREAM, each HOST:PORT");
        return ExitCode::FAILURE;
    };
    match serve(listen, upstream) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(listen: &str, upstream: &str) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("listening on {}", listener.local_addr()?);

    let stop = signal::notify(&[Signal::INTERRUPT, Signal::TERMINATE])?;
    let door = listener.try_clone()?;
    gort::go!(move || {
        if let Some(signal) = stop.recv() {
            println!("{signal}: no new connections");
        }
        door.close() // which ends the loop below
    }); // `stop` goes there, so that the next signal ends the process

    let clients = WaitGroup::new();
    let mut served = 0;
    for client in listener.incoming() {
        let client = match client {
            Err(error) if is_closed(&error) => break,
            client => client?,
        };
        served += 1;
        let upstream = upstream.to_owned();
        clients.go(move || {
            let joined = TcpStream::connect(&upstream)
                .and_then(|server| gort::io::copy_both(&client, &server));
            if let Err(error) = joined {
                eprintln!("proxy: {upstream}: {error}");
            }
        });
    }
    clients.wait();
    println!("{served} connection(s) served");
    Ok(())
}
