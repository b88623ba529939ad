//! Who is connected: so that there are not too many, and that they can be told when the server is to stop.

use crate::limits::Limits;
use crate::socket::Seat;
use gort::net::TcpStream;
use gort::sync::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Registry {
    connections: usize,
    per_address: usize,
    stopping: Arc<AtomicBool>,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    next: u64,
    seats: HashMap<u64, Arc<Seat>>,
    addresses: HashMap<IpAddr, usize>,
}

/// A connection that is counted as long as this lives.
pub(crate) struct Guest {
    pub(crate) seat: Arc<Seat>,
    registry: Arc<Registry>,
    number: u64,
    address: IpAddr,
}

impl Registry {
    pub(crate) fn new(limits: &Limits) -> Arc<Registry> {
        Arc::new(Registry {
            connections: limits.connections,
            per_address: limits.per_address,
            stopping: Arc::default(),
            book: Mutex::default(),
        })
    }

    /// Gives the stream back if there is no room for it.
    pub(crate) fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        address: IpAddr,
    ) -> Result<Guest, TcpStream> {
        let mut book = self.book.lock().expect("no panic under it");
        let from_there = book.addresses.get(&address).copied().unwrap_or(0);
        if book.seats.len() >= self.connections || from_there >= self.per_address {
            return Err(stream);
        }
        let seat = Arc::new(Seat::new(stream, self.stopping.clone()));
        let number = book.next;
        book.next += 1;
        book.seats.insert(number, seat.clone());
        book.addresses.insert(address, from_there + 1);
        Ok(Guest { seat, registry: self.clone(), number, address })
    }

    /// Ends the connections that wait for a request; the others end with their response.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for seat in self.book.lock().expect("no panic under it").seats.values() {
            seat.wake_if_idle();
        }
    }

    /// Breaks all connections off. Returns how many there were.
    pub(crate) fn abort(&self) -> usize {
        let book = self.book.lock().expect("no panic under it");
        for seat in book.seats.values() {
            // An error says that it is broken already.
            let _ = seat.stream.shutdown(Shutdown::Both);
        }
        book.seats.len()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut book = self.registry.book.lock().expect("no panic under it");
        book.seats.remove(&self.number);
        if let Some(number) = book.addresses.get_mut(&self.address) {
            *number -= 1;
            if *number == 0 {
                book.addresses.remove(&self.address);
            }
        }
    }
}
