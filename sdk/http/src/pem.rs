//! Certificates and keys in files. Errors name the setting.

use std::io;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum PemFault {
    #[error("{setting}: {path} cannot be read: {cause}")]
    Unreadable { setting: &'static str, path: String, cause: io::Error },
    #[error("{setting}: {path} holds no {what} in PEM")]
    Nothing { setting: &'static str, path: String, what: &'static str },
}

#[derive(Debug, Clone, Copy)]
pub struct PemFile<'a> {
    /// The setting's full name, such as `http.tls.cert_file`.
    pub setting: &'static str,
    pub path: &'a str,
}

impl PemFile<'_> {
    pub fn read(&self) -> Result<Vec<u8>, PemFault> {
        let Self { setting, path } = *self;
        std::fs::read(path).map_err(|cause| PemFault::Unreadable { setting, path: path.to_owned(), cause })
    }

    /// One or more.
    pub fn certificates(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemFault> {
        let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        read.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| self.holds_no("certificate"))
    }

    pub fn key(&self, pem: &[u8]) -> Result<PrivateKeyDer<'static>, PemFault> {
        PrivateKeyDer::from_pem_slice(pem).map_err(|_| self.holds_no("private key"))
    }

    fn holds_no(&self, what: &'static str) -> PemFault {
        PemFault::Nothing { setting: self.setting, path: self.path.to_owned(), what }
    }
}
