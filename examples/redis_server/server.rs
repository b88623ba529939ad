//! What all connections share, and who they are.

use crate::commands::Table;
use crate::config::Config;
use crate::pubsub::Hub;
use crate::store::Store;
use gort::net::TcpStream;
use gort::sync::{Mutex, MutexGuard, WaitGroup};
use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) commands: Table,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    pub(crate) clients: Clients,
    pub(crate) started: Instant,
    /// Commands, counted by the batch.
    pub(crate) commands_done: AtomicU64,
    /// Clients that wait for an element of a list.
    pub(crate) blocked: AtomicU64,
}

impl Server {
    pub(crate) fn new(config: Config) -> Server {
        Server {
            config,
            commands: Table::new(),
            store: Store::new(),
            hub: Hub::default(),
            clients: Clients::default(),
            started: Instant::now(),
            commands_done: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
        }
    }
}

/// Those who are connected.
#[derive(Default)]
pub(crate) struct Clients {
    table: Mutex<HashMap<u64, Arc<Client>>>,
    /// How many have ever come; the number of the last one.
    last: AtomicU64,
    pub(crate) rejected: AtomicU64,
    stopping: AtomicBool,
    connections: WaitGroup,
}

pub(crate) struct Client {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    pub(crate) stream: TcpStream,
    since: Instant,
    name: Mutex<Vec<u8>>,
}

impl Client {
    pub(crate) fn name(&self) -> Vec<u8> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_name(&self, name: &[u8]) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name.into();
    }

    /// A line of `CLIENT LIST`.
    pub(crate) fn describe(&self) -> String {
        let Client { id, address, .. } = self;
        let name = String::from_utf8_lossy(&self.name()).into_owned();
        format!("id={id} addr={address} name={name} age={}", self.since.elapsed().as_secs())
    }
}

/// The place of a connection, given back when it is dropped.
pub(crate) struct Place<'a> {
    clients: &'a Clients,
    pub(crate) client: Arc<Client>,
}

impl Clients {
    /// Gives a new connection a place. `None`: there are `limit` already.
    pub(crate) fn admit(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        limit: usize,
    ) -> Result<Place<'_>, TcpStream> {
        let mut table = self.lock();
        if table.len() >= limit {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return Err(stream);
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = Mutex::new(Vec::new());
        let client = Arc::new(Client { id, address, stream, since: Instant::now(), name });
        table.insert(id, client.clone());
        self.connections.add(1);
        Ok(Place { clients: self, client })
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn total(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// In the order in which they came.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> = self.lock().values().cloned().collect();
        clients.sort_by_key(|client| client.id);
        clients
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Has every connection end as soon as it has answered what it was asked. Waits for them, for at most
    /// `timeout`; then cuts them off, and leaves alone who does not even notice that. Returns how many those were.
    pub(crate) fn stop(&self, timeout: Duration) -> usize {
        // Who waits for its client notices at once. A command that computes for long, or many one behind the other, may not.
        const NOTICE: Duration = Duration::from_secs(1);
        self.stopping.store(true, Ordering::SeqCst);
        for client in self.all() {
            // Whoever reads, or is about to, finds that its time is over.
            // An error says that the socket is no more, which is what we want.
            let _: io::Result<()> = client.stream.set_read_deadline(Some(Instant::now()));
        }
        if self.connections.wait_timeout(timeout).is_ok() {
            return 0;
        }
        let slow = self.all();
        for client in &slow {
            let _: io::Result<()> = client.stream.shutdown(Shutdown::Both);
        }
        let _ = self.connections.wait_timeout(NOTICE);
        slow.len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Client>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.clients.lock().remove(&self.client.id);
        self.clients.connections.done();
    }
}
