//! Whose share a request takes: its token's subject, or the address that it comes from.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Request};
use onhand_wire::auth::Scope;

use super::Auth;

/// The other end of a request's connection; told only where some limit asks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Subjects that begin with the same so many bytes share a limit: what is remembered is bounded.
const SUBJECT_BYTES: usize = 128;

/// A key that no other caller has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Caller(pub(super) Box<[u8]>);

impl Caller {
    pub(super) fn subject(auth: &Auth, headers: &HeaderMap) -> Option<Self> {
        let subject = auth.subject(headers, Scope::Storefront).ok()?;
        let bytes = &subject.as_bytes()[..subject.len().min(SUBJECT_BYTES)];
        Some(Self([b"sub:", bytes].concat().into()))
    }

    /// `proxies` of the operator's own each added to `X-Forwarded-For`; what stands before that is
    /// the caller's own word.
    pub(super) fn address<B>(request: &Request<B>, proxies: usize) -> Option<Self> {
        let Peer(peer) = request.extensions().get()?;
        let told = proxies.checked_sub(1).and_then(|nth| forwarded(request.headers(), nth));
        Some(Self(format!("ip:{}", network(told.unwrap_or(peer.ip()))).into_bytes().into()))
    }
}

/// The `nth` last address of `X-Forwarded-For`.
fn forwarded(headers: &HeaderMap, nth: usize) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().rev().filter_map(|line| line.to_str().ok());
    let mut addresses = lines.flat_map(|line| line.rsplit(',')).map(str::trim);
    let told = addresses.nth(nth)?;
    told.parse().ok().or_else(|| told.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Whoever has one IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(peer: &str, forwarded: &[&str], proxies: usize) -> String {
        let mut request = Request::new(());
        request.extensions_mut().insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        forwarded.iter().for_each(|line| {
            request.headers_mut().append("x-forwarded-for", line.parse().unwrap());
        });
        String::from_utf8(Caller::address(&request, proxies).unwrap().0.to_vec()).unwrap()
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
