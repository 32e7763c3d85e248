//! Certificates: a test's own authority, and what it signs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use crate::{Error, scratch::Scratch};

/// The names of a world's servers.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

/// Signs certificates. Its root and the signed certificates are PEM files in its own directory.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// Its directory is removed with the scratch directory.
    pub(crate) fn new(scratch: &Scratch, name: &str) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("{name} of a test"));
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("a root certificate");
        let authority = Self { issuer, dir: scratch.dir(name)? };
        write(&authority.dir.join("ca.pem"), &authority.issuer.pem())?;
        Ok(authority)
    }

    pub fn root(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A certificate that is valid for this machine.
    pub fn here(&self, name: &str) -> Pair {
        self.sign(name, &HERE, |_| {})
    }

    /// A certificate for this machine that has expired.
    pub fn expired(&self, name: &str) -> Pair {
        self.sign(name, &HERE, |params| params.not_after = date_time_ymd(2020, 1, 1))
    }

    /// A certificate for another machine.
    pub fn elsewhere(&self, name: &str) -> Pair {
        self.sign(name, &["elsewhere.example"], |_| {})
    }

    fn sign(&self, name: &str, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())
            .expect("names for a certificate");
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = key();
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let pair =
            Pair { cert: self.dir.join(format!("{name}.cert.pem")), key: self.dir.join(format!("{name}.key.pem")) };
        let written = write(&pair.cert, &cert.pem()).and_then(|()| write(&pair.key, &key.serialize_pem()));
        written.unwrap_or_else(|error| panic!("{error}"));
        pair
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::file("cannot write", path))
}
