//! Nodes that prove who they are: mutual TLS 1.3.
//!
//! Each node has a certificate that the cluster's authority has signed, and whose DNS name says which node of which
//! cluster it is: [`Tls::name`]. Both sides ask for it. Who has none, or one of another authority, is told nothing; who
//! has that of another node cannot be this one.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    client::verify_server_name,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ParsedCertificate, WebPkiClientVerifier},
    version::TLS13,
};

use super::{
    channel::{Bounded, Channel, Conversation, Outgoing, Reading, Writing, limit_waits},
    handshake::HandshakeError,
    identity::Identity,
    time::Deadline,
};
use crate::consensus::NodeId;

/// How many encrypted bytes are read at once.
const BUFFER_BYTES: usize = 32 << 10;

/// What a node proves itself with, and by what it knows the others.
#[derive(Clone)]
pub struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

/// Why certificates or a key are of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}; check the path and who may read it")]
    Unreadable {
        /// Which one.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not PEM, or holds something else.
    #[error("the {what} is no PEM of that kind: {reason}")]
    NotPem {
        /// What was expected.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificates and key do not fit together, or are of a kind that is not supported.
    #[error("the certificates or the key cannot be used: {0}; issue them anew")]
    Unusable(String),
}

impl Tls {
    /// The DNS name that the certificate of a node must have: `node-2.cluster-7.quorate`.
    ///
    /// If the certificate says what it may be used for, that must be both `serverAuth` and `clientAuth`, for each node calls
    /// and is called.
    #[must_use]
    pub fn name(cluster: u64, node: NodeId) -> String {
        format!("node-{}.cluster-{cluster}.quorate", node.0)
    }

    /// Takes everything from PEM: the certificates of the cluster's authority (several while it is replaced), the node's own
    /// with those between it and the authority, and its key.
    ///
    /// # Errors
    /// [`TlsError`] if any is not what it should be.
    pub fn from_pem(authority: &[u8], certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let unusable = |error: &dyn fmt::Display| TlsError::Unusable(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in parse(authority, "authority's certificate")? {
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
        let roots = Arc::new(roots);
        let chain = parse(certificates, "node's certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| TlsError::NotPem { what: "node's key", reason: error.to_string() })?;

        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let verifier = verifier.build().map_err(|error| unusable(&error))?;
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| unusable(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|error| unusable(&error))?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| unusable(&error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| unusable(&error))?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }

    /// As [`from_pem`](Self::from_pem), from files.
    ///
    /// # Errors
    /// [`TlsError`] if any cannot be read, or is not what it should be.
    pub fn from_pem_files(
        authority: impl AsRef<Path>,
        certificates: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| TlsError::Unreadable { path: path.display().to_string(), source })
        };
        Self::from_pem(&read(authority.as_ref())?, &read(certificates.as_ref())?, &read(key.as_ref())?)
    }

    /// Calls `peer`, which must prove that it is.
    pub(super) fn call(
        &self,
        socket: TcpStream,
        cluster: u64,
        peer: NodeId,
        deadline: Deadline,
    ) -> Result<Secure, HandshakeError> {
        let name = ServerName::try_from(Self::name(cluster, peer)).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.client), name).map_err(io::Error::other)?;
        Secure::begin(connection.into(), socket, deadline)
    }

    /// Answers whoever calls, and has a certificate of the cluster.
    pub(super) fn answer(&self, socket: TcpStream, deadline: Deadline) -> Result<Secure, HandshakeError> {
        let connection = ServerConnection::new(Arc::clone(&self.server)).map_err(io::Error::other)?;
        Secure::begin(connection.into(), socket, deadline)
    }
}

fn parse(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = parsed.map_err(|error| TlsError::NotPem { what, reason: error.to_string() })?;
    if certificates.is_empty() {
        return Err(TlsError::NotPem { what, reason: "there is none in it".to_owned() });
    }
    Ok(certificates)
}

/// Never shows keys.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// An encrypted connection.
pub(super) struct Secure {
    connection: Connection,
    socket: TcpStream,
}

impl Secure {
    fn begin(
        mut connection: Connection,
        socket: TcpStream,
        deadline: Deadline,
    ) -> Result<Self, HandshakeError> {
        while connection.is_handshaking() {
            connection.complete_io(&mut Bounded { socket: &socket, deadline })?;
        }
        Ok(Self { connection, socket })
    }
}

impl Channel for Secure {
    fn before(&mut self, deadline: Deadline) -> Box<dyn Conversation + '_> {
        let socket = Bounded { socket: &self.socket, deadline };
        Box::new(SecureBounded { connection: &mut self.connection, socket })
    }

    fn split(self: Box<Self>, idle: Duration) -> io::Result<(Reading, Writing)> {
        limit_waits(&self.socket, idle)?;
        let Self { connection, socket } = *self;
        let connection = Arc::new(Mutex::new(connection));
        let (raw, come) = (vec![0; BUFFER_BYTES], 0..0);
        let reading =
            SecureReading { connection: Arc::clone(&connection), socket: socket.try_clone()?, raw, come };
        Ok((Box::new(reading), Box::new(SecureWriting { connection, socket, raw: Vec::new() })))
    }

    fn proves(&self, claimed: &Identity) -> bool {
        let certificate = self.connection.peer_certificates().and_then(<[_]>::first);
        let certificate = certificate.and_then(|own| ParsedCertificate::try_from(own).ok());
        let name = ServerName::try_from(Tls::name(claimed.cluster, claimed.node)).ok();
        certificate
            .zip(name)
            .is_some_and(|(certificate, name)| verify_server_name(&certificate, &name).is_ok())
    }
}

/// Both directions, until the deadline.
struct SecureBounded<'a> {
    connection: &'a mut Connection,
    socket: Bounded<'a>,
}

impl Read for SecureBounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.connection.wants_read() && self.connection.complete_io(&mut self.socket)?.0 > 0 {}
        self.connection.reader().read(buffer)
    }
}

impl Write for SecureBounded<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.connection.writer().write(buffer)?;
        self.flush()?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.socket)?;
        }
        Ok(())
    }
}

/// What comes, decrypted. The lock is not held while it waits.
struct SecureReading {
    connection: Arc<Mutex<Connection>>,
    socket: TcpStream,
    raw: Vec<u8>,
    /// The part of `raw` that has come and is not decrypted yet.
    come: std::ops::Range<usize>,
}

impl Read for SecureReading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.lock().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if self.come.is_empty() {
                self.come = 0..self.socket.read(&mut self.raw)?;
                if self.come.is_empty() {
                    return Ok(0);
                }
            }
            let mut connection = self.connection.lock();
            let taken = connection.read_tls(&mut &self.raw[self.come.clone()])?;
            self.come.start += taken;
            connection
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
}

/// What goes, encrypted. Only this side writes to the socket.
struct SecureWriting {
    connection: Arc<Mutex<Connection>>,
    socket: TcpStream,
    raw: Vec<u8>,
}

/// What is encrypted is on its way, and cannot be taken back if the socket is full.
impl Outgoing for SecureWriting {}

impl Write for SecureWriting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.connection.lock().writer().write(buffer)?;
        self.flush()?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        {
            let mut connection = self.connection.lock();
            while connection.wants_write() {
                connection.write_tls(&mut self.raw)?;
            }
        }
        let sent = self.socket.write_all(&self.raw);
        self.raw.clear();
        sent
    }
}
