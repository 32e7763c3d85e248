//! How safe a hop is from an attacker in the network.

use std::net::IpAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// It never leaves this machine.
    Local,
    /// Encrypted, and the other side has proved who it is.
    Verified,
    /// Encrypted, and the other side has a certificate signed by the right roots, for any name.
    AnyName,
    /// Encrypted, but an attacker in the network can pretend to be the other side.
    Unverified,
    /// Anyone in the network can read and change it.
    Clear,
}

impl Hop {
    /// A hop by a scheme that is either encrypted and verified, or neither.
    pub fn by(encrypted: bool, local: bool) -> Self {
        match (encrypted, local) {
            (true, _) => Self::Verified,
            (false, true) => Self::Local,
            (false, false) => Self::Clear,
        }
    }
}

/// Whether a host is this machine: a loopback address, `localhost`, or the path of a Unix socket.
pub fn is_local(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = host.parse::<IpAddr>();
    host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_machine() {
        for host in ["127.0.0.1", "127.3.2.1", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "/run/postgresql"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example", "0.0.0.0", "::", "127.example", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
