//! Redis with TLS, and a user with a password.

use super::Redis;
use crate::{Authority, authority::Pair, port::Port};

/// Its ACL user.
pub const USER: &str = "edge";
pub const PASSWORD: &str = "r3d15pw";

/// The arguments of a server with TLS in addition to plain TCP.
pub(super) fn arguments(port: &Port, by: &Authority, name: &str) -> String {
    let (Pair { cert, key }, root) = (by.here(name), by.root());
    format!(
        "--tls-port {} --tls-cert-file {} --tls-key-file {} --tls-ca-cert-file {} --tls-auth-clients optional \
         --user {USER} on >{PASSWORD} ~* &* +@all",
        port.number,
        cert.display(),
        key.display(),
        root.display()
    )
}

impl Redis {
    /// `password`: the right one is [`PASSWORD`].
    pub fn secure_url(&self, database: u32, password: &str) -> String {
        let port = self.tls_port.as_ref().expect("a server with TLS").number;
        format!("rediss://{USER}:{password}@localhost:{port}/{database}")
    }

    /// Uses another certificate from now on.
    pub async fn present(&self, pair: &Pair) {
        let (cert, key) = (pair.cert.display().to_string(), pair.key.display().to_string());
        let set = ["tls-cert-file", &cert, "tls-key-file", &key];
        let mut client = self.client(0).await;
        let done = ::redis::cmd("CONFIG").arg("SET").arg(&set).exec_async(&mut client).await;
        done.unwrap_or_else(|error| panic!("Redis: {error}"));
    }
}
