//! A JWKS at an issuer, over HTTP or HTTPS with the system's certificates.

use std::{error::Error, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use onhand_http::setting::SecretUrl;

/// How long a fetch may take in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest set that is read, in bytes.
const LARGEST: usize = 256 << 10;

type Body = Empty<bytes::Bytes>;

pub(super) struct Fetcher {
    url: SecretUrl,
    client: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Fetcher {
    /// `setting`: what names it.
    pub(super) fn new(url: SecretUrl, setting: &str) -> Result<Self, String> {
        let with_certificates = HttpsConnectorBuilder::new().with_native_roots();
        let builder = with_certificates.map_err(|error| format!("{setting}: the system's certificates: {error}"))?;
        if url.expose().starts_with("http://") {
            tracing::warn!(%url, setting, "keys come by plain HTTP: whoever is between can put in keys of their own");
        }
        let connector = builder.https_or_http().enable_http1().build();
        // No connection is kept: minutes lie between two fetches.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { url, client })
    }

    pub(super) fn url(&self) -> &SecretUrl {
        &self.url
    }

    /// Redirects are not followed: keys come from the place that was named.
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

/// hyper's own message leaves out why.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
