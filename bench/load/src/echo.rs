//! A closed loop: on each connection the next message is sent when the last one has been answered.

use crate::connection::Connection;
use crate::histogram::Histogram;
use crate::server::Server;
use crate::{Result, connect};
use std::io;
use std::time::{Duration, Instant};
use workloads::epoll::{Epoll, Ready};
use workloads::{Args, Report};

/// At least so often it is looked whether the time is over.
const LOOK: Duration = Duration::from_millis(100);
/// A connection without an answer for that long is stuck.
const STUCK: Duration = Duration::from_secs(1);

/// How many messages are answered in a second, how long that takes, and what it costs the server.
pub fn measure(peer: &str, args: &Args, server: &Server) -> Result<Report> {
    let mut clients = Clients::start(connect(args, server)?)?;
    clients.run(Duration::from_millis(args.get("warm", 500)))?;
    let cpu = server.cpu();
    let (answered, seconds) = clients.run(Duration::from_millis(args.get("ms", 3000)))?;
    let cpu_used = server.cpu() - cpu;
    if answered.count() == 0 {
        return Err("nothing was answered in the time that counts".into());
    }
    let percentile_us = |p| answered.percentile(p) as f64 * 1e-3;
    Ok(Report::new(peer, args, answered.count(), seconds)
        .with("p50_us", percentile_us(0.5))
        .with("p90_us", percentile_us(0.9))
        .with("p99_us", percentile_us(0.99))
        .with("p999_us", percentile_us(0.999))
        .with("max_us", percentile_us(1.0))
        .with("server_cpu_us", cpu_used.as_secs_f64() * 1e6 / answered.count() as f64)
        .with("stuck", clients.stuck() as f64))
}

/// All of them, on one thread, with a message under way on each.
struct Clients {
    connections: Vec<Connection>,
    epoll: Epoll,
    ready: Ready,
}

impl Clients {
    fn start(mut connections: Vec<Connection>) -> io::Result<Clients> {
        let epoll = Epoll::new()?;
        for (name, connection) in connections.iter_mut().enumerate() {
            epoll.add(connection, name)?;
            connection.send(Instant::now())?;
        }
        Ok(Clients { connections, epoll, ready: Ready::none() })
    }

    /// Sends and receives for some time. Returns how long the answers took, in nanoseconds, and how many
    /// seconds it really were.
    fn run(&mut self, time: Duration) -> io::Result<(Histogram, f64)> {
        let mut answered = Histogram::new();
        let start = Instant::now();
        while start.elapsed() < time {
            self.epoll.wait(&mut self.ready, Some(LOOK))?;
            for name in self.ready.names() {
                let connection = &mut self.connections[name];
                if connection.receive()? {
                    let now = Instant::now();
                    answered.add(connection.since_sent(now).as_nanos() as u64);
                    connection.send(now)?;
                }
            }
        }
        Ok((answered, start.elapsed().as_secs_f64()))
    }

    fn stuck(&self) -> usize {
        let now = Instant::now();
        self.connections.iter().filter(|connection| connection.since_sent(now) > STUCK).count()
    }
}
