//! `[http]`: the limits of every HTTP listener, of edge and origin alike.

use serde::{Deserialize, Serialize};

use super::{Size, Span, count_fault};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Web origins that may read answers (`https://shop.example`), or `*`; empty: none.
    pub cors_origins: Vec<String>,
    /// How long a request's head, and then its body, may take to arrive; beyond, the connection is
    /// closed. An import's body may take any time.
    pub header_timeout: Span,
    /// How long a connection may stay open between requests, and how long an answer or a stream may
    /// find no taker; beyond, it is closed. At the origin also how long an import may send nothing.
    pub idle_timeout: Span,
    /// Largest head of a request, 8KiB or more; beyond, 431.
    pub max_header_size: Size,
    /// Most headers of a request; beyond, 431.
    pub max_headers: usize,
    /// Connections that a public listener, or the origin's API listener, keeps open at once; beyond,
    /// a new one is answered 503 overloaded and closed. The process needs a few thousand file
    /// descriptors more than this (`ulimit -n`).
    pub max_connections: usize,
    /// Of these, how many one address may have open (an IPv6 address counts for its /64); beyond, a new
    /// one is answered 429 rate_limited and closed. Callers behind one proxy count as one address, and so
    /// does an edge. 0: no limit.
    pub max_connections_per_peer: usize,
    pub tls: TlsConfig,
    pub client: ClientConfig,
}

/// `[http.tls]`: what the listeners prove themselves with; without it they speak plain HTTP. The files, in PEM, are read
/// again when they change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, then those between it and its root.
    pub cert_file: String,
    pub key_file: String,
    /// Roots of callers' own certificates, which every caller must then have, beside its token; empty: none is asked
    /// for. Callers of the management listener from this very machine need neither TLS nor a certificate: probes.
    pub client_ca_file: String,
    /// `onhand check` does not mind that the listeners speak plain HTTP to other machines.
    pub insecure: bool,
}

/// `[http.client]`: every call to others: the edge's to its origins, for an issuer's keys, to webhooks and to the
/// warehouse system. The files, in PEM, are read at the start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Roots that are believed beside the system's; empty: none.
    pub ca_file: String,
    /// The node's own certificate, then those between it and its root, for servers that ask for one; empty: none.
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
    /// Whether the listeners speak TLS.
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
                faults.push(format!("http.{key}: must be longer than nothing"));
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

/// As a browser sends it: a scheme, a host, perhaps a port, no slash at the end.
fn is_web_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    text == "*" || host.is_some_and(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/'))
}
