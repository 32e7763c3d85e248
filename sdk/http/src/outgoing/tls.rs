//! The client's side of TLS, version 1.2 and up.

mod verify;

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
};

use self::verify::Lenient;
use crate::pem::{PemFault, PemFile};

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    #[error(transparent)]
    File(#[from] PemFault),
    #[error("{setting}: a certificate cannot be used: {cause}")]
    Root { setting: &'static str, cause: rustls::Error },
    #[error("{setting}: certificate and key do not match, or cannot be used: {cause}")]
    Pair { setting: &'static str, cause: rustls::Error },
    #[error("the system's certificates cannot be read: {0}")]
    System(String),
    #[error("TLS cannot be set up: {0}")]
    Rustls(String),
}

/// The certificates that judge another's certificate.
#[derive(Debug, Clone, Copy)]
pub enum Roots<'a> {
    System,
    /// Only the file's.
    File(PemFile<'a>),
    /// The file's, if there is one, and the system's.
    Also(Option<PemFile<'a>>),
}

/// What a server has to prove.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// Nothing: an attacker in the network can pretend to be the server.
    None,
    /// A certificate signed by these roots, for any name.
    Chain(Roots<'a>),
    /// A certificate signed by these roots, for the name that is called.
    Name(Roots<'a>),
}

/// The client's own certificate with its intermediates, and its key.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    pub cert: PemFile<'a>,
    pub key: PemFile<'a>,
}

/// Reads the files.
pub fn config(proof: Proof<'_>, own: Option<Own<'_>>) -> Result<ClientConfig, ClientFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let failed = |error: rustls::Error| ClientFault::Rustls(error.to_string());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(failed)?;
    let builder = match proof {
        Proof::Name(roots) => builder.with_root_certificates(roots.read()?),
        Proof::Chain(roots) => {
            let lenient = Lenient::new(Some(judge(roots, provider.clone())?), &provider);
            builder.dangerous().with_custom_certificate_verifier(Arc::new(lenient))
        }
        Proof::None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient::new(None, &provider))),
    };
    let Some(Own { cert, key }) = own else { return Ok(builder.with_no_client_auth()) };
    let chain = cert.certificates(&cert.read()?)?;
    let read = key.key(&key.read()?)?;
    builder.with_client_auth_cert(chain, read).map_err(|cause| ClientFault::Pair { setting: cert.setting, cause })
}

fn judge(roots: Roots<'_>, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ClientFault> {
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots.read()?), provider).build();
    built.map_err(|error| ClientFault::Rustls(error.to_string()))
}

impl Roots<'_> {
    fn read(self) -> Result<RootCertStore, ClientFault> {
        let mut store = RootCertStore::empty();
        if let Self::File(file) | Self::Also(Some(file)) = self {
            let refused = |cause| ClientFault::Root { setting: file.setting, cause };
            file.certificates(&file.read()?)?.into_iter().try_for_each(|root| store.add(root)).map_err(refused)?;
        }
        if let Self::System | Self::Also(_) = self {
            let found = rustls_native_certs::load_native_certs();
            // Among the system's many certificates, one that cannot be used is not a fault.
            store.add_parsable_certificates(found.certs);
            if store.is_empty() && matches!(self, Self::System) {
                let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
                return Err(ClientFault::System(why));
            }
        }
        Ok(store)
    }
}
