//! Addresses in a configuration. A webhook's path may be its only secret, and a query may hold a key.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::clean;
use crate::hop::is_local;

/// One address, or several separated by commas: `https://USER:PASSWORD@HOST:PORT/PATH?QUERY`, `HOST:PORT,HOST:PORT`,
/// `sqlite:PATH`. Wherever it is printed, only its scheme, hosts and ports are shown; if these cannot be told from a
/// secret with certainty, they are not shown either.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct SecretUrl(String);

const HIDDEN: &str = "(hidden)";

impl SecretUrl {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with it as an address to call: `https://HOST…` or `http://HOST…`.
    pub fn http_fault(&self, key: &str) -> Option<String> {
        let rest = self.parts().filter(|(scheme, _)| matches!(*scheme, "http" | "https")).map(|(_, rest)| rest);
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        let host = authority.map(|authority| authority.rsplit_once('@').map_or(authority, |(_user, host)| host));
        let right = host.is_some_and(|host| !host.is_empty() && !host.starts_with(':') && !host.contains(' '));
        (!right).then(|| format!("{key}: must begin with https://HOST or http://HOST"))
    }

    /// What is wrong with it as `HOST:PORT`, or several separated by commas.
    pub fn hosts_fault(&self, key: &str) -> Option<String> {
        let right = self.0.is_empty() || self.0.split(',').all(|host| !host.is_empty() && is_host(host.trim()));
        (!right).then(|| format!("{key}: must be HOST:PORT, or several separated by commas"))
    }

    /// Whether each of its hosts is this machine; false if the hosts cannot be told from a secret.
    pub fn is_local(&self) -> bool {
        let hosts = match self.parts() {
            Some((scheme, _)) if scheme == "unix" || scheme.ends_with("+unix") => return true,
            Some((_, rest)) => hosts(rest),
            None => Some(self.0.as_str()),
        };
        let local = |host: &str| is_local(bare(host.trim()).unwrap_or_default());
        hosts.is_some_and(|hosts| hosts.split(',').all(local))
    }

    /// The scheme and the rest, if it is one address with a scheme.
    fn parts(&self) -> Option<(&str, &str)> {
        let (scheme, rest) = self.0.split_once("://")?;
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
        let named = named && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        named.then_some((scheme, rest))
    }
}

/// The host of `USER:PASSWORD@HOST/PATH`. A password may contain a slash that should have been encoded: if an `@`
/// follows a slash, nobody can tell which part is the host.
fn hosts(rest: &str) -> Option<&str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, more) = rest.split_at(end);
    if more.contains('@') || more.contains("://") {
        return None;
    }
    let hosts = authority.rsplit_once('@').map_or(authority, |(_user, hosts)| hosts);
    hosts.split(',').all(is_host).then_some(hosts)
}

/// `HOST`, `HOST:PORT`, `[::1]:PORT`. The port must be a number, because `USER:PASSWORD` without a host looks similar.
fn is_host(text: &str) -> bool {
    let Some(bare) = bare(text) else { return false };
    let address = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']'));
    address.map_or_else(
        || bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
        |address| address.parse::<std::net::Ipv6Addr>().is_ok(),
    )
}

/// The host without its port.
fn bare(text: &str) -> Option<&str> {
    match text.rsplit_once(':') {
        Some((_, rest)) if rest.ends_with(']') => Some(text),
        Some((host, port)) if port.parse::<u16>().is_ok() => Some(host),
        Some(_) => None,
        None => Some(text),
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_port = |part: &str| part.contains(':') && is_host(part);
        match self.parts() {
            _ if self.0.is_empty() => Ok(()),
            Some((scheme, rest)) => write!(f, "{scheme}://{}", hosts(rest).unwrap_or(HIDDEN)),
            None if self.0 == "sqlite::memory:" => f.write_str(&self.0),
            None if self.0.starts_with("sqlite:") => write!(f, "sqlite:{HIDDEN}"),
            None if self.0.split(',').all(with_port) => f.write_str(&self.0),
            None => f.write_str(HIDDEN),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer).map_err(|_| de::Error::custom("an address is text in quotes"))?;
        clean(value, "the address").map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let url = SecretUrl::new(text);
        assert_eq!(format!("{url:?}"), format!("\"{url}\""));
        assert_eq!(serde_json::to_string(&url).unwrap(), format!("{:?}", url.to_string()));
        url.to_string()
    }

    #[test]
    fn only_scheme_and_host_are_shown() {
        for (url, right) in [
            ("", ""),
            ("https://hooks.example/T0/B0/S3CRET", "https://hooks.example"),
            ("https://hooks.example?key=S3CRET", "https://hooks.example"),
            ("https://hooks.example#S3CRET", "https://hooks.example"),
            ("http://me:S3CRET@wms.example:8080/counts?key=S3CRET", "http://wms.example:8080"),
            ("http://S3CRET@wms.example", "http://wms.example"),
            ("http://[::1]:80/S3CRET", "http://[::1]:80"),
            ("http://[::1]", "http://[::1]"),
            ("postgres://u:S3CRET@db-1:5432,db-2:5433/stock?x=S3CRET", "postgres://db-1:5432,db-2:5433"),
            ("postgres://u:S3@CRET@db/stock", "postgres://db"),
            ("redis://:S3CRET@a:6379,b:6379", "redis://a:6379,b:6379"),
            ("redis+unix:///S3CRET?pass=S3CRET", "redis+unix://"),
            ("kafka-1:9092,kafka-2:9092", "kafka-1:9092,kafka-2:9092"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("sqlite:S3CRET/onhand.db", "sqlite:(hidden)"),
        ] {
            assert_eq!(shown(url), right, "{url}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_taken_for_a_host() {
        for (url, right) in [
            ("redis://:S3/CRET@host:1", "redis://(hidden)"),
            ("redis://u:S3?CRET@host:1", "redis://(hidden)"),
            ("redis://u:p@ss/S3CRET@host:1", "redis://(hidden)"),
            ("redis://user:S3CRET", "redis://(hidden)"),
            ("redis://:S3CRET@a:1,redis://:S3CRET@b:1", "redis://(hidden)"),
            ("https://a b/S3CRET", "https://(hidden)"),
            ("https://[S3CRET]", "https://(hidden)"),
            ("S3CRET", "(hidden)"),
            ("S3 CRET://host", "(hidden)"),
            ("user:S3CRET@host:1", "(hidden)"),
            ("host=db user=u password=S3CRET", "(hidden)"),
            ("//host/S3CRET", "(hidden)"),
        ] {
            assert_eq!(shown(url), right, "{url}");
        }
    }

    #[test]
    fn an_address_is_local_where_all_its_hosts_are() {
        for url in ["http://localhost:80/x", "redis://:p@127.0.0.1:1,[::1]:2", "127.0.0.1:9092", "unix:///run/redis"] {
            assert!(SecretUrl::new(url).is_local(), "{url}");
        }
        for url in ["http://h", "redis://127.0.0.1:1,h:2", "kafka:9092", "redis://:a/b@127.0.0.1", "http://127.0.0.1@h"]
        {
            assert!(!SecretUrl::new(url).is_local(), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_called_is_a_fault() {
        for right in ["https://h", "http://u:p@h:1/a@b?c", "https://bücher.example/x", "http://[::1]:80"] {
            assert_eq!(SecretUrl::new(right).http_fault("k"), None, "{right}");
        }
        for wrong in ["", "h", "ftp://h", "https://", "https:///x", "http://u@/x", "http://:80", "https://a b/x"] {
            assert!(SecretUrl::new(wrong).http_fault("k").is_some(), "{wrong}");
        }
        for right in ["", "h:1", "h", "a:1,b:2", "a:1, b:2", "[::1]:9092"] {
            assert_eq!(SecretUrl::new(right).hosts_fault("k"), None, "{right}");
        }
        for wrong in ["a:1,", "u:p@h:1", "PLAINTEXT://h:1", "h:port"] {
            assert!(SecretUrl::new(wrong).hosts_fault("k").is_some(), "{wrong}");
        }
    }

    #[test]
    fn stray_white_space_is_refused_and_not_shown() {
        let error = serde_json::from_str::<SecretUrl>(r#""http://x/S3CRET\n""#).unwrap_err().to_string();
        assert!(error.contains("stray white space") && !error.contains("S3CRET"), "{error}");
        let error = serde_json::from_str::<SecretUrl>(r#"["http://x/S3CRET"]"#).unwrap_err().to_string();
        assert!(!error.contains("S3CRET"), "{error}");
    }
}
