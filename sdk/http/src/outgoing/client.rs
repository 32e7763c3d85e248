//! HTTP clients, all made from `[http.client]` and without redirects. A redirect could send a token or a signed body to
//! an address that nobody configured.

use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::redirect::Policy;

use super::tls::{self, ClientFault, Own, Proof, Roots};
use crate::{pem::PemFile, setting::ClientConfig};

/// Connects by HTTP or HTTPS, as the address says.
pub type HttpConnect = HttpsConnector<HttpConnector>;

/// Makes clients.
#[derive(Debug, Clone)]
pub struct Outgoing {
    tls: rustls::ClientConfig,
}

impl Outgoing {
    /// Reads the files.
    pub fn new(config: &ClientConfig) -> Result<Self, ClientFault> {
        let file = |setting, path| Some(PemFile { setting, path }).filter(|file: &PemFile<'_>| !file.path.is_empty());
        let ca = file("http.client.ca_file", &config.ca_file);
        let cert = file("http.client.cert_file", &config.cert_file);
        let own = cert.zip(file("http.client.key_file", &config.key_file)).map(|(cert, key)| Own { cert, key });
        Ok(Self { tls: tls::config(Proof::Name(Roots::Also(ca)), own)? })
    }

    /// A client for whole answers. `connect` limits the time to connect; the caller limits the call.
    pub fn client(&self, connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
        self.builder(connect).build()
    }

    /// For a client that needs more said.
    pub fn builder(&self, connect: Duration) -> reqwest::ClientBuilder {
        let builder = reqwest::Client::builder().tls_backend_preconfigured(self.tls.clone());
        builder.redirect(Policy::none()).connect_timeout(connect)
    }

    /// For connections of other kinds.
    pub fn tls(&self) -> &rustls::ClientConfig {
        &self.tls
    }

    /// For hyper's client, which follows no redirects by itself.
    pub fn connector(&self, connect: Duration) -> HttpConnect {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(connect));
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
        builder.https_or_http().enable_http1().wrap_connector(tcp)
    }
}
