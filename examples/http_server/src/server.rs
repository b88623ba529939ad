//! Accepting connections, a goroutine for each, and stopping.

use crate::arguments::Settings;
use crate::connection;
use crate::files::Files;
use crate::registry::{Guest, Registry};
use crate::site::Site;
use crate::socket::Socket;
use crate::tls;
use crate::wire::PIECE;
use gort::chan::Sender;
use gort::go;
use gort::net::{TcpListener, TcpStream};
use rustls::ServerConfig;
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one hears for whom there is no room. It is not read what they want.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
    Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
/// How long one is given to hear it. It does not take so long, as the system has room for so little; but a short time may
/// be over before the first attempt where the machine is busy, and they would not hear why.
const TURN_AWAY: Duration = Duration::from_secs(1);
/// The pause when the listener fails; a want of descriptors is not that, and waited for in `accept`.
const BREATH: Duration = Duration::from_secs(1);

pub(crate) struct Server {
    listener: TcpListener,
    registry: Arc<Registry>,
    site: Arc<Site>,
    tls: Option<Arc<ServerConfig>>,
}

impl Server {
    pub(crate) fn bind(settings: Settings) -> Result<Server, Box<dyn Error>> {
        let folder = settings.folder.display();
        let files = Files::open(&settings.folder).map_err(|error| format!("{folder}: {error}"))?;
        let tls = settings.identity.as_ref().map(tls::configure).transpose()?;
        let listener = TcpListener::bind(&settings.listen)
            .map_err(|error| format!("{}: {error}", settings.listen))?;
        let registry = Registry::new(&settings.limits);
        let site = Arc::new(Site { files, limits: settings.limits });
        Ok(Server { listener, registry, site, tls })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves all who connect, until the server is stopped. Each connection holds a clone of `alive`.
    pub(crate) fn accept_all(&self, alive: &Sender<()>) {
        loop {
            match self.listener.accept() {
                Ok((stream, from)) => match self.registry.admit(stream, from.ip()) {
                    Ok(guest) => self.serve(guest, alive.clone()),
                    Err(stream) => self.turn_away(stream),
                },
                Err(error) if gort::net::is_closed(&error) => return,
                Err(error) => {
                    crate::report(format_args!("accepting a connection: {error}"));
                    gort::sleep(BREATH);
                }
            }
        }
    }

    fn serve(&self, guest: Guest, alive: Sender<()>) {
        let (site, tls) = (self.site.clone(), self.tls.clone());
        go!(move || {
            let _alive = alive;
            let stream = &guest.seat.stream;
            // A response is written at once, and should go at once. TLS writes while it reads, too: so it is a time-out,
            // for each write, and not a deadline. A piece is what a reader may take in one go.
            let patience = site.limits.patience(PIECE as u64);
            let set =
                stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(patience)));
            if set.is_err() {
                return;
            }
            let socket = Socket(guest.seat.clone());
            // That a client has gone is no news.
            let _ = match tls.map(|config| tls::socket(socket, config)) {
                None => connection::serve(Socket(guest.seat.clone()), &site),
                Some(Ok(socket)) => connection::serve(socket, &site),
                Some(Err(_)) => Ok(()),
            };
        });
    }

    /// Says that there is no room, to whom that can be said in the clear.
    fn turn_away(&self, mut stream: TcpStream) {
        if self.tls.is_none() {
            // Whether it arrives is the client's affair.
            let _ = stream
                .set_write_deadline(Some(Instant::now() + TURN_AWAY))
                .and_then(|()| stream.write_all(FULL));
        }
    }

    /// Accepts no more, and ends the connections that wait for a request.
    pub(crate) fn stop(&self) {
        if let Err(error) = self.listener.close() {
            // Nobody is accepted even so.
            crate::report(format_args!("closing the listener: {error}"));
        }
        self.registry.stop();
    }

    /// Breaks off what is left. Returns how many connections that were.
    pub(crate) fn abort(&self) -> usize {
        self.registry.abort()
    }
}
