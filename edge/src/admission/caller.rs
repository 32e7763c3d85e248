//! Whose share a request uses: its token's subject, or the address that it comes from.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use onhand_http::{auth::Scope, share::network};

use super::Auth;

/// A key that no other caller has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Caller(pub(super) Box<[u8]>);

impl Caller {
    fn subject(auth: &Auth, headers: &HeaderMap) -> Option<Self> {
        let subject = auth.subject(headers, Scope::Storefront).ok()?;
        Some(Self([b"sub:", subject.as_bytes()].concat().into()))
    }

    pub(crate) fn address(address: IpAddr) -> Self {
        Self(format!("ip:{}", network(address)).into_bytes().into())
    }

    pub(super) fn is_address(&self) -> bool {
        self.0.starts_with(b"ip:")
    }
}

/// The sender of a request. It is determined only if something depends on it, so a lookup that L1 answers does not pay
/// for it.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) auth: &'a Auth,
    pub(crate) headers: &'a HeaderMap,
    /// The peer of the request's connection.
    pub(crate) peer: IpAddr,
    /// How many of the operator's proxies are in front of the node.
    pub(crate) proxies: usize,
}

impl Asking<'_> {
    /// The subject of a valid token, else the address.
    pub(crate) fn caller(&self) -> Caller {
        self.subject().unwrap_or_else(|| Caller::address(self.address()))
    }

    pub(super) fn subject(&self) -> Option<Caller> {
        Caller::subject(self.auth, self.headers)
    }

    /// Each of the operator's proxies has added an address to `X-Forwarded-For`; earlier addresses come from the
    /// caller.
    fn address(&self) -> IpAddr {
        let told = self.proxies.checked_sub(1).and_then(|nth| forwarded(self.headers, nth));
        told.unwrap_or(self.peer)
    }
}

/// The `nth` last address of `X-Forwarded-For`.
fn forwarded(headers: &HeaderMap, nth: usize) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().rev().filter_map(|line| line.to_str().ok());
    let mut addresses = lines.flat_map(|line| line.rsplit(',')).map(str::trim);
    let told = addresses.nth(nth)?;
    told.parse().ok().or_else(|| told.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ed25519_dalek::{SigningKey, pkcs8::spki::EncodePublicKey};
    use onhand_http::auth::Verifier;

    use super::*;

    fn key(peer: &str, forwarded: &[&str], proxies: usize) -> String {
        let mut headers = HeaderMap::new();
        forwarded.iter().for_each(|line| {
            headers.append("x-forwarded-for", line.parse().unwrap());
        });
        let public = SigningKey::from_bytes(&[7; 32]).verifying_key().to_public_key_pem(Default::default()).unwrap();
        let verifier = Arc::new(Verifier::from_pem(public.as_bytes()).unwrap());
        let auth = Auth { verifier, public_reads: true };
        let asking = Asking { auth: &auth, headers: &headers, peer: peer.parse().unwrap(), proxies };
        String::from_utf8(asking.caller().0.to_vec()).unwrap()
    }

    #[test]
    fn only_what_own_proxies_saw_is_believed() {
        let told = ["6.6.6.6, 1.1.1.1", "2.2.2.2:99"];
        assert_eq!(key("9.9.9.9", &told, 0), "ip:9.9.9.9");
        assert_eq!(key("9.9.9.9", &told, 1), "ip:2.2.2.2");
        assert_eq!(key("9.9.9.9", &told, 2), "ip:1.1.1.1");
        assert_eq!(key("9.9.9.9", &told, 4), "ip:9.9.9.9", "fewer than there should be");
        assert_eq!(key("9.9.9.9", &["nonsense"], 1), "ip:9.9.9.9");
    }

    #[test]
    fn a_v6_network_is_one_caller() {
        assert_eq!(key("2001:db8:1:2:3:4:5:6", &[], 0), "ip:2001:db8:1:2::");
        assert_eq!(key("::ffff:1.2.3.4", &[], 0), "ip:1.2.3.4");
    }
}
