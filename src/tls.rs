//! Whom a command believes, and what it proves itself with, where it calls nodes by https.

use onhand_http::setting::ClientConfig;

/// The variables are those of a node's `[http.client]`: a node's environment does for a command, too.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Tls {
    /// PEM file of roots that are believed beside the system's where an address begins with https
    #[arg(long, value_name = "FILE", env = "ONHAND_HTTP__CLIENT__CA_FILE")]
    ca_file: Option<String>,
    /// PEM file of the caller's own certificate, for nodes that ask for one
    #[arg(long, value_name = "FILE", env = "ONHAND_HTTP__CLIENT__CERT_FILE", requires = "key_file")]
    cert_file: Option<String>,
    /// PEM file of that certificate's key
    #[arg(long, value_name = "FILE", env = "ONHAND_HTTP__CLIENT__KEY_FILE", requires = "cert_file")]
    key_file: Option<String>,
}

impl Tls {
    pub(crate) fn config(&self) -> ClientConfig {
        let file = |file: &Option<String>| file.clone().unwrap_or_default();
        ClientConfig { ca_file: file(&self.ca_file), cert_file: file(&self.cert_file), key_file: file(&self.key_file) }
    }
}
