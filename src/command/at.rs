//! The origin that a command asks, and the token that it shows.

use reqwest::{Method, RequestBuilder};

use super::token;

#[derive(clap::Args)]
pub(crate) struct At {
    /// The origin's API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8090")]
    pub(super) origin: String,
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
    pub(super) fn new(origin: String, token: String) -> Self {
        Self { origin, token }
    }

    pub(super) fn call(&self, method: Method, path: &str) -> Result<RequestBuilder, String> {
        let url = format!("{}{path}", self.origin.trim_end_matches('/'));
        Ok(reqwest::Client::new().request(method, url).bearer_auth(token::given(&self.token)?))
    }
}
