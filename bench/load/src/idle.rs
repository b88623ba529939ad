//! Connections on which nothing happens.

use crate::server::Server;
use crate::{Result, connect};
use std::thread;
use std::time::{Duration, Instant};
use workloads::memory::bytes_per_task;
use workloads::{Args, Report};

/// For the server to come to rest.
const REST: Duration = Duration::from_millis(300);

/// The server's memory for each connection that has had an answer and is idle.
pub fn measure(peer: &str, args: &Args, server: &Server) -> Result<Report> {
    let before = server.rss_kib();
    let start = Instant::now();
    let mut connections = connect(args, server)?;
    let seconds = start.elapsed().as_secs_f64();
    thread::sleep(REST);
    let rss = server.rss_kib();
    for connection in &mut connections {
        connection.round_trip()?;
    }
    let count = connections.len() as u64;
    Ok(Report::new(peer, args, count, seconds)
        .with("bytes_per_connection", bytes_per_task(before, rss, count)))
}
