//! `Host`: the name under which a caller reaches a listener.
//!
//! Every listener refuses a request that does not have exactly one valid `Host`, since a proxy in front of the node may
//! have read another one. A management listener also refuses names that it does not know. Otherwise a web page whose
//! name resolves to this machine (DNS rebinding) could read metrics through its visitor's browser, which sends that
//! name.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::{HeaderValue, Request, Version, header};
use onhand_wire::Problem;

const FIELD: &str = "Host";

/// The name under which the caller reached the listener, without its port; `None` if HTTP/1.0 omits it.
///
/// # Errors
/// 400 if it is missing although HTTP/1.1 needs it, given twice, empty or malformed.
pub fn of<B>(request: &Request<B>) -> Result<Option<&str>, Problem> {
    let lines = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    given(lines, request.version() >= Version::HTTP_11)
}

fn given<'a>(mut lines: impl Iterator<Item = &'a [u8]>, required: bool) -> Result<Option<&'a str>, Problem> {
    let Some(line) = lines.next() else {
        return if required { Err(Problem::field(FIELD, "missing; HTTP/1.1 needs one")) } else { Ok(None) };
    };
    if lines.next().is_some() {
        return Err(Problem::field(FIELD, "given more than once"));
    }
    name(line).map(Some).ok_or_else(|| Problem::field(FIELD, "a name or an IP address, and perhaps :PORT"))
}

/// RFC 3986's `host [":" port]`; the host may not be empty.
fn name(line: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(line).ok()?;
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = text.split_at(end);
    let port = if port.is_empty() { port } else { port.strip_prefix(':')? };
    let sound = match host.strip_prefix('[') {
        Some(literal) => literal.trim_end_matches(']').parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_of_name),
    };
    (sound && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(host)
}

/// Unreserved characters, those of percent-encoding, and sub-delimiters.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte)
}

/// The names under which a management listener may be reached.
#[derive(Debug)]
pub struct Hosts {
    names: Vec<String>,
    /// The setting that lists them.
    setting: &'static str,
}

impl Hosts {
    pub fn new(names: &[String], setting: &'static str) -> Self {
        Self { names: names.iter().map(|name| plain(name)).collect(), setting }
    }

    /// Checks that a request's `Host`, and the host in its request line if it has one, are allowed.
    ///
    /// # Errors
    /// As [`of`], and as [`Self::allow`].
    pub fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let named = [of(request)?, request.uri().host()];
        named.into_iter().flatten().try_for_each(|host| self.allow(host))
    }

    /// IP addresses and `localhost` are always allowed, because they do not depend on DNS.
    ///
    /// # Errors
    /// 400 that says which setting would allow the name.
    fn allow(&self, host: &str) -> Result<(), Problem> {
        let name = plain(host);
        let literal = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
        if literal || name == "localhost" || self.names.contains(&name) {
            return Ok(());
        }
        let setting = self.setting;
        let right = format!("an IP address, localhost, or a name listed in {setting}; {host} is not listed there");
        Err(Problem::field(FIELD, right))
    }
}

/// Names are equal whatever their case, and with or without a final dot.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// What is wrong with a name in a list of hosts.
pub fn host_fault(key: &str, text: &str) -> Option<String> {
    let sound = name(text.as_bytes()) == Some(text);
    (!sound).then(|| {
        format!("{key}: {text:?} is not a host name; write it without scheme and port, like \"edge-1.internal\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[&str]) -> Result<Option<String>, String> {
        let given = given(lines.iter().map(|line| line.as_bytes()), true);
        given.map(|host| host.map(str::to_owned)).map_err(|problem| problem.detail.into_owned())
    }

    #[test]
    fn a_host_is_said_once_and_well() {
        for (line, name) in [
            ("shop.example", "shop.example"),
            ("Shop.Example:8080", "Shop.Example"),
            ("127.0.0.1:8081", "127.0.0.1"),
            ("[::1]:8081", "[::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("shop.example:", "shop.example"),
            ("b%C3%BCcher.example", "b%C3%BCcher.example"),
        ] {
            assert_eq!(judged(&[line]), Ok(Some(name.to_owned())), "{line}");
        }
        let bad =
            ["", ":8080", "a b", "a/b", "a@b", "a:b", "a:123456", "[::1", "[x]", "[]", "[::1]x", "a\u{e9}", "a,b c"];
        for line in bad {
            assert!(judged(&[line]).unwrap_err().starts_with("Host: "), "{line:?}");
        }
        assert!(judged(&[]).unwrap_err().contains("missing"));
        assert!(judged(&["a", "a"]).unwrap_err().contains("more than once"));
        assert_eq!(given(std::iter::empty(), false), Ok(None), "HTTP/1.0 has none");
    }

    #[test]
    fn only_literals_localhost_and_listed_names_reach_management() {
        let hosts = Hosts::new(&["Edge-1.internal".to_owned()], "edge.management_hosts");
        for host in ["127.0.0.1", "10.0.0.7", "[::1]", "localhost", "LOCALHOST", "edge-1.INTERNAL", "edge-1.internal."]
        {
            assert!(hosts.allow(host).is_ok(), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "edge-1", "1.2.3", "0x7f.1"] {
            let refused = hosts.allow(host).unwrap_err();
            assert!(refused.detail.contains("edge.management_hosts"), "{}", refused.detail);
        }
    }

    #[test]
    fn a_list_of_hosts_holds_names_only() {
        assert!(host_fault("k", "edge-1.internal").is_none());
        for bad in ["", "http://edge-1", "edge-1:8081", "edge 1", "*.internal/"] {
            assert!(host_fault("k", bad).is_some(), "{bad}");
        }
    }
}
