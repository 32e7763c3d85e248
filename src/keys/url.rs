//! A JWKS at an issuer, over HTTP or HTTPS.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use onhand_http::{
    outgoing::{HttpConnect, Outgoing, causes},
    setting::SecretUrl,
};

/// How long a fetch may take in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest set that is read, in bytes.
const LARGEST: usize = 256 << 10;

type Body = Empty<bytes::Bytes>;

pub(super) struct Fetcher {
    url: SecretUrl,
    client: Client<HttpConnect, Body>,
}

impl Fetcher {
    /// `setting`: the setting that names it.
    pub(super) fn new(url: SecretUrl, setting: &str, outgoing: &Outgoing) -> Self {
        if url.expose().starts_with("http://") {
            tracing::warn!(%url, setting, "keys come by plain HTTP: an attacker in the network can replace them");
        }
        // No connection is kept, because two fetches are minutes apart.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(outgoing.connector(PATIENCE));
        Self { url, client }
    }

    pub(super) fn url(&self) -> &SecretUrl {
        &self.url
    }

    /// Redirects are not followed: keys come only from the configured address.
    pub(super) async fn fetch(&self) -> Result<Vec<u8>, String> {
        let fetched = tokio::time::timeout(PATIENCE, self.fetch_slowly()).await;
        let fetched = fetched.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        fetched.map_err(|error| format!("{}: {error}", self.url))
    }

    async fn fetch_slowly(&self) -> Result<Vec<u8>, String> {
        let uri = self.url.expose().parse().map_err(|error| format!("no URL: {error}"))?;
        let answer = self.client.get(uri).await.map_err(|error| causes(&error))?;
        if answer.status() != 200 {
            return Err(format!("answered {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        Ok(body.map_err(|error| format!("the answer cannot be read: {error}"))?.to_bytes().to_vec())
    }
}
