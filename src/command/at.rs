//! The origin that a command asks, and the token that it shows.

use onhand_http::setting::SecretUrl;
use reqwest::{Method, RequestBuilder};

use super::token;

#[derive(clap::Args)]
pub(crate) struct At {
    /// The origin's API
    #[arg(long, value_name = "URL", value_parser = url, default_value = "http://127.0.0.1:8090")]
    pub(super) origin: SecretUrl,
    /// A token of the scope that this needs, admin where nothing else is said
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ONHAND_TOKEN_ADMIN",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    token: String,
}

impl At {
    pub(super) fn new(origin: SecretUrl, token: String) -> Self {
        Self { origin, token }
    }

    pub(super) fn call(&self, method: Method, path: &str) -> Result<RequestBuilder, String> {
        let url = format!("{}{path}", self.origin.expose().trim_end_matches('/'));
        Ok(reqwest::Client::new().request(method, url).bearer_auth(token::given(&self.token)?))
    }
}

/// For addresses among a command's arguments.
#[allow(clippy::unnecessary_wraps)] // as clap wants it
pub(super) fn url(text: &str) -> Result<SecretUrl, std::convert::Infallible> {
    Ok(SecretUrl::new(text))
}
