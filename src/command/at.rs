//! The origin that a command asks, and the token that it shows.

use std::time::Duration;

use onhand_client::Client;
use onhand_http::setting::SecretUrl;

use super::token;
use crate::tls::Tls;

#[derive(clap::Args)]
pub(crate) struct At {
    /// The origin's API
    #[arg(long, value_name = "URL", value_parser = url, default_value = "http://127.0.0.1:8090")]
    origin: SecretUrl,
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
    #[command(flatten)]
    tls: Tls,
}

impl At {
    pub(super) fn new(origin: SecretUrl, token: String, tls: Tls) -> Self {
        Self { origin, token, tls }
    }

    /// Who runs a command sees what became of it, and runs it again: each call has one try.
    pub(super) fn client(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let client = Client::builder().url(self.origin.expose()).token(token::given(&self.token)?);
        Ok(client.tls(&self.tls.config()).patience(Duration::ZERO).build()?)
    }
}

/// For addresses among a command's arguments.
#[allow(clippy::unnecessary_wraps)] // as clap wants it
pub(super) fn url(text: &str) -> Result<SecretUrl, std::convert::Infallible> {
    Ok(SecretUrl::new(text))
}
