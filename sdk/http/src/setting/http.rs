//! `[http]`: the limits of every HTTP listener, of edge and origin alike.

use serde::{Deserialize, Serialize};

use super::{Size, Span, count_fault};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Web origins that may read answers (`https://shop.example`), or `*`; empty allows none.
    pub cors_origins: Vec<String>,
    /// How long a request's head, and then its body, may take to arrive; beyond that, the connection is closed. An
    /// import's body may take any time.
    pub header_timeout: Span,
    /// How long a connection may stay open between requests, and how long its caller may take nothing of an answer or a
    /// stream; beyond that, it is closed. At the origin also how long an import may send nothing.
    pub idle_timeout: Span,
    /// Largest head of a request, 8KiB or more; a larger head is answered 431.
    pub max_header_size: Size,
    /// Most headers of a request; more are answered 431.
    pub max_headers: usize,
    /// Connections that a public listener, or the origin's API listener, keeps open at once; one more is answered 503
    /// overloaded and closed. The process needs a few thousand file descriptors more than this (`ulimit -n`).
    pub max_connections: usize,
    /// How many of these one address may have open (an IPv6 address counts for its /64); one more is answered 429
    /// rate_limited and closed. Callers behind one proxy count as one address, and so does an edge. 0: no limit.
    pub max_connections_per_peer: usize,
    pub tls: TlsConfig,
    pub client: ClientConfig,
}

/// `[http.tls]`: the listeners' certificate; without it they use plain HTTP. The files, in PEM, are read again when
/// they change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, then its intermediates.
    pub cert_file: String,
    pub key_file: String,
    /// Roots for callers' own certificates. If set, every caller must have one, in addition to its token; if empty,
    /// none is requested. Callers of the management listener from the same machine, such as probes, need neither TLS
    /// nor a certificate.
    pub client_ca_file: String,
    /// If true, `onhand check` accepts listeners with plain HTTP for other machines.
    pub insecure: bool,
}

/// `[http.client]`: for every call to others: from an edge to its origins, for an issuer's keys, to webhooks and to the
/// warehouse system. The files, in PEM, are read at the start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Roots to trust besides the system's; empty adds none.
    pub ca_file: String,
    /// The node's own certificate, then its intermediates, for servers that ask for one; empty means none.
    pub cert_file: String,
    pub key_file: String,
}

impl ClientConfig {
    fn fault(&self) -> Option<String> {
        match (self.cert_file.is_empty(), self.key_file.is_empty()) {
            (true, false) => Some("http.client.cert_file: must be set where key_file is".to_owned()),
            (false, true) => Some("http.client.key_file: must be set where cert_file is".to_owned()),
            _ => None,
        }
    }
}

impl TlsConfig {
    /// Whether the listeners use TLS.
    pub fn is_on(&self) -> bool {
        !self.cert_file.is_empty()
    }

    /// How a listener's address begins.
    pub fn scheme(&self) -> &'static str {
        if self.is_on() { "https" } else { "http" }
    }

    fn fault(&self) -> Option<String> {
        let Self { cert_file, key_file, client_ca_file, insecure: _ } = self;
        match (cert_file.is_empty(), key_file.is_empty(), client_ca_file.is_empty()) {
            (false, false, _) | (true, true, true) => None,
            (true, _, _) => Some("http.tls.cert_file: must be set where key_file or client_ca_file is".to_owned()),
            (false, true, _) => Some("http.tls.key_file: must be set where cert_file is".to_owned()),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            header_timeout: Span::s(10),
            idle_timeout: Span::s(75),
            max_header_size: Size(64 << 10),
            max_headers: 100,
            max_connections: 16_384,
            max_connections_per_peer: 0,
            tls: TlsConfig::default(),
            client: ClientConfig::default(),
        }
    }
}

const LEAST_HEADER_SIZE: Size = Size(8 << 10);

impl HttpConfig {
    /// What is wrong with it, key by key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for origin in self.cors_origins.iter().filter(|origin| !is_web_origin(origin)) {
            faults.push(format!("http.cors_origins: {origin:?} is neither * nor like \"https://shop.example\""));
        }
        for (key, span) in [("header_timeout", self.header_timeout), ("idle_timeout", self.idle_timeout)] {
            if span.0.is_zero() {
                faults.push(format!("http.{key}: must be longer than 0"));
            }
        }
        if self.max_header_size < LEAST_HEADER_SIZE {
            faults.push("http.max_header_size: must be 8KiB or more".to_owned());
        }
        faults.extend(count_fault("http.max_headers", self.max_headers == 0));
        faults.extend(self.tls.fault());
        faults.extend(self.client.fault());
        faults.extend(count_fault("http.max_connections", self.max_connections == 0));
        faults
    }
}

/// In the form that a browser sends: a scheme, a host, perhaps a port, and no slash at the end.
fn is_web_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text == "*" || host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/'))
}
