//! What stops a comparison. Every message says what to do.

use onhand_http::setting::SecretUrl;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Client(#[from] onhand_client::Error),
    #[error("Redis at {url}: {source}; check --redis (the address in the edges' [edge.redis] url), or leave it out")]
    Redis { url: SecretUrl, source: redis::RedisError },
}
