//! TLS on a listener: version 1.2 and up, HTTP/1.1, certificate and key from files.
//!
//! The files are checked while the node runs. A new pair is used only as a whole: while a new certificate is beside an
//! old key, or a file is half written, callers still get the old pair.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, pki_types::CertificateDer, server::WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    pem::{PemFault, PemFile},
    setting::TlsConfig,
};

/// How often the files are checked.
const LOOK: Duration = Duration::from_secs(1);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error(transparent)]
    File(#[from] PemFault),
    #[error("http.tls: certificate and key do not match, or cannot be used: {0}")]
    Pair(rustls::Error),
    #[error("http.tls.client_ca_file: {0}")]
    ClientCa(String),
}

/// The files' bytes, as they were read together.
#[derive(PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// Turns connections into TLS connections.
pub struct Acceptor {
    config: TlsConfig,
    held: ArcSwap<ServerConfig>,
}

/// A connection that was accepted.
pub(crate) enum Accepted {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Acceptor {
    /// Reads the files, and reads them again when they change, for as long as someone holds the acceptor. `None` if TLS
    /// is off.
    pub fn start(config: &TlsConfig) -> Result<Option<Arc<Self>>, TlsFault> {
        if !config.is_on() {
            return Ok(None);
        }
        let files = Files::read(config)?;
        let held = ArcSwap::from(files.server(config)?);
        let acceptor = Arc::new(Self { config: config.clone(), held });
        tokio::spawn(follow(Arc::downgrade(&acceptor), files));
        Ok(Some(acceptor))
    }

    /// `plain`: whether a caller on the same machine may use plain HTTP, as probes do.
    pub(crate) async fn accept(&self, stream: TcpStream, peer: IpAddr, plain: bool) -> io::Result<Accepted> {
        if plain && peer.to_canonical().is_loopback() && first(&stream).await? != HANDSHAKE {
            return Ok(Accepted::Plain(stream));
        }
        let stream = TlsAcceptor::from(self.held.load_full()).accept(stream).await?;
        Ok(Accepted::Tls(Box::new(stream)))
    }
}

/// The first byte that the caller sends, without removing it.
async fn first(stream: &TcpStream) -> io::Result<u8> {
    let mut byte = [0];
    match stream.peek(&mut byte).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(byte[0]),
    }
}

async fn follow(acceptor: std::sync::Weak<Acceptor>, mut seen: Files) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(acceptor) = acceptor.upgrade() else { return };
        let config = acceptor.config.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || Files::read(&config)).await else { return };
        if read.as_ref().is_ok_and(|files| *files == seen) {
            continue;
        }
        match read.and_then(|files| Ok((files.server(&acceptor.config)?, files))) {
            Ok((server, files)) => {
                acceptor.held.store(server);
                seen = files;
                told.clear();
                tracing::info!(certificate = acceptor.config.cert_file, "the listeners' certificate was changed");
            }
            // The same fault is not logged again.
            Err(fault) if fault.to_string() == told => {}
            Err(fault) => {
                told = fault.to_string();
                tracing::warn!(%fault, "the listeners keep their old certificate");
            }
        }
    }
}

impl TlsConfig {
    fn cert(&self) -> PemFile<'_> {
        PemFile { setting: "http.tls.cert_file", path: &self.cert_file }
    }

    fn key(&self) -> PemFile<'_> {
        PemFile { setting: "http.tls.key_file", path: &self.key_file }
    }

    fn client_ca(&self) -> PemFile<'_> {
        PemFile { setting: "http.tls.client_ca_file", path: &self.client_ca_file }
    }
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Self, TlsFault> {
        let client_ca = (!config.client_ca_file.is_empty()).then(|| config.client_ca().read()).transpose()?;
        Ok(Self { cert: config.cert().read()?, key: config.key().read()?, client_ca })
    }

    fn server(&self, config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsFault> {
        let chain = config.cert().certificates(&self.cert)?;
        let key = config.key().key(&self.key)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(TlsFault::Pair)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let roots = Arc::new(roots(config.client_ca().certificates(pem)?)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| TlsFault::ClientCa(error.to_string()))?)
            }
        };
        let mut server = builder.with_single_cert(chain, key).map_err(TlsFault::Pair)?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    let refused = |error: rustls::Error| TlsFault::ClientCa(error.to_string());
    certificates.into_iter().try_for_each(|certificate| roots.add(certificate)).map_err(refused)?;
    Ok(roots)
}
