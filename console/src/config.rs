//! The console's configuration.

use onhand_http::setting::{HttpConfig, Secret, SecretUrl, Span, address_fault};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where people's browsers come, by themselves or through a proxy.
    pub listen: String,
    /// API listeners of origins of one database; the next is asked if one does not answer.
    pub origins: Vec<SecretUrl>,
    /// Management listeners of origins, for Now and Health. May be empty: then these pages leave them out.
    pub origin_management: Vec<SecretUrl>,
    /// Public listeners of edges. Shoppers' pages ask the first one that answers.
    pub edges: Vec<SecretUrl>,
    /// Management listeners of the same edges, in the same order. May be empty.
    pub edge_management: Vec<SecretUrl>,
    /// The private key in PEM that signs people's tokens, of five minutes each. Give it to an issuer of its own among
    /// `auth.issuers` at edges and origins, with `greatest = "admin"`.
    pub key_file: String,
    /// The key's name in a JWKS; empty: none.
    pub kid: String,
    /// The tokens' `iss`, which must be set: an issuer of its own keeps users' names apart from other tokens' subjects.
    pub issuer: String,
    /// The tokens' `aud`; empty: none.
    pub audience: String,
    /// Seals sessions: 32 characters or more, the same at every console. Another key ends all sessions.
    pub seal_key: Secret,
    /// A session ends when its person has done nothing for so long, 1m or more.
    pub idle: Span,
    /// A session ends so long after its sign-in, whatever its person does; `idle` or more.
    pub absolute: Span,
    /// Whether strangers may register, as shoppers. Invitations work in any case.
    pub registration: bool,
    /// Proxies of your own before it: an address is then taken from `X-Forwarded-For`, counted from the end. 1 or more
    /// with `behind_tls`.
    pub trusted_proxies: usize,
    /// If true, `onhand check` accepts that calls of the console leave the machine in the clear.
    pub insecure: bool,
    /// Whether a proxy before it speaks TLS with browsers; then cookies are marked as they are with `[http.tls]`.
    pub behind_tls: bool,
    /// How long current calls may still take after SIGTERM.
    pub drain: Span,
    /// A section of its own: `[http]`.
    #[serde(skip)]
    pub http: HttpConfig,
}

const LEAST_SEAL: usize = 32;
const LEAST_IDLE: Span = Span::s(60);

impl Config {
    /// What is wrong with it, key by key, but for what only a start needs.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = address_fault("console.listen", &self.listen).into_iter().collect();
        let lists = [
            ("console.origins", &self.origins),
            ("console.origin_management", &self.origin_management),
            ("console.edges", &self.edges),
            ("console.edge_management", &self.edge_management),
        ];
        for (key, urls) in lists {
            faults.extend(urls.iter().filter_map(|url| url.http_fault(key)));
        }
        for (key, none) in [("console.origins", self.origins.is_empty()), ("console.edges", self.edges.is_empty())] {
            faults.extend(none.then(|| format!("{key}: must name one listener or more")));
        }
        if !self.edge_management.is_empty() && self.edge_management.len() != self.edges.len() {
            faults.push("console.edge_management: must have as many entries as console.edges, or none".to_owned());
        }
        if !self.seal_key.is_empty() && self.seal_key.expose().len() < LEAST_SEAL {
            faults.push(format!("console.seal_key: must have {LEAST_SEAL} characters or more"));
        }
        if self.idle < LEAST_IDLE {
            faults.push("console.idle: must be 1m or more".to_owned());
        }
        if self.behind_tls && self.trusted_proxies == 0 {
            let right = "must be 1 or more where console.behind_tls is true, the number of your proxies before it; \
                otherwise everybody's attempts at passwords count for the proxy's address";
            faults.push(format!("console.trusted_proxies: {right}"));
        }
        if self.absolute < self.idle {
            faults.push("console.absolute: must be console.idle or more".to_owned());
        }
        faults
    }
}

impl Default for Config {
    fn default() -> Self {
        let url = |port: u16| vec![SecretUrl::new(format!("http://127.0.0.1:{port}"))];
        Self {
            listen: "0.0.0.0:8082".to_owned(),
            origins: url(8090),
            origin_management: url(9090),
            edges: url(8080),
            edge_management: url(8081),
            key_file: String::new(),
            kid: String::new(),
            issuer: String::new(),
            audience: String::new(),
            seal_key: Secret::default(),
            idle: Span::s(30 * 60),
            absolute: Span::s(12 * 3600),
            registration: true,
            trusted_proxies: 0,
            insecure: false,
            behind_tls: false,
            drain: Span::s(10),
            http: HttpConfig::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_each_fault_names_its_key() {
        assert_eq!(Config::default().faults(), Vec::<String>::new());
        let bad = Config {
            listen: "nowhere".to_owned(),
            origins: vec![SecretUrl::new("nonsense")],
            edges: Vec::new(),
            seal_key: Secret::new("short"),
            idle: Span::s(1),
            absolute: Span::ms(1),
            behind_tls: true,
            ..Config::default()
        };
        let faults = bad.faults().join("\n");
        for key in ["listen", "origins", "edges", "edge_management", "seal_key", "idle", "absolute", "trusted_proxies"]
        {
            assert!(faults.contains(&format!("console.{key}: ")), "{key}: {faults}");
        }
    }
}
