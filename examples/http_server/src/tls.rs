//! TLS over a socket: the same code serves both.

use crate::socket::{Seat, Socket};
use crate::wire::Transport;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the certificate comes from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Identity {
    /// PEM files: the certificate with those that vouch for it, and its key.
    Files { certificate: PathBuf, key: PathBuf },
    /// Made at the start, for `localhost`; clients have no reason to trust it.
    SelfSigned,
}

pub(crate) type TlsSocket = StreamOwned<ServerConnection, Socket>;

#[expect(clippy::large_stack_frames, reason = "it runs once, at the start")]
pub(crate) fn configure(identity: &Identity) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let (certificates, key) = match identity {
        Identity::Files { certificate, key } => (read_certificates(certificate)?, read_key(key)?),
        Identity::SelfSigned => {
            let made =
                rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
            let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
            (vec![made.cert.into()], key)
        }
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    // Who offers protocols, and none that is here, is refused.
    config.alpn_protocols = ["http/1.1", "http/1.0"].map(Vec::from).into();
    Ok(Arc::new(config))
}

#[expect(
    clippy::large_stack_frames,
    reason = "rustls' connections are large values, which are moved; it is the first that is called"
)]
pub(crate) fn socket(
    socket: Socket,
    config: Arc<ServerConfig>,
) -> Result<TlsSocket, rustls::Error> {
    Ok(StreamOwned::new(ServerConnection::new(config)?, socket))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let certificates = read().map_err(|error| format!("{}: {error}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!("{}: there is no certificate in it", path.display()));
    }
    Ok(certificates)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| format!("{}: {error}", path.display()))
}

impl Transport for TlsSocket {
    type Control = Seat;

    fn control(&self) -> &Seat {
        self.sock.control()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.finish()
    }
}
