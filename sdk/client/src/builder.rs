//! Builds a client from addresses and a token.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use onhand_http::{
    outgoing::Outgoing,
    setting::{ClientConfig, Secret, SecretUrl},
};

use crate::{
    Client, Error,
    client::{Node, Shared, causes},
    token::Token,
};

/// Whom a client calls, as whom, and how long it waits.
#[must_use = "a client is made by .build()"]
pub struct Builder {
    urls: Vec<SecretUrl>,
    token: Token,
    tls: ClientConfig,
    connect_timeout: Duration,
    try_timeout: Duration,
    patience: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            token: Token::None,
            tls: ClientConfig::default(),
            connect_timeout: Duration::from_secs(2),
            try_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(30),
        }
    }
}

impl Client {
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// A listener, such as `http://127.0.0.1:8080` or `https://edge-1.example`. Add more only if they give the same
    /// answers: edges of a region, or origins of one database.
    pub fn url(mut self, url: &str) -> Self {
        self.urls.push(SecretUrl::new(url));
        self
    }

    pub fn urls<U: AsRef<str>>(self, urls: impl IntoIterator<Item = U>) -> Self {
        urls.into_iter().fold(self, |builder, url| builder.url(url.as_ref()))
    }

    /// Sent as `Authorization: Bearer`. Without one, only lookups and health are open.
    pub fn token(mut self, token: &str) -> Self {
        self.token = Token::Text(Secret::new(token));
        self
    }

    /// Read for each try, so that a token is renewed by writing the file.
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token = Token::File(path.into());
        self
    }

    /// Whom an `https` address is believed by, beside the system's roots, and the caller's own certificate. The files
    /// are read by [`Builder::build`]. Default: the system's roots, and no certificate.
    pub fn tls(mut self, tls: &ClientConfig) -> Self {
        self.tls = tls.clone();
        self
    }

    /// Default: 2 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The limit of one try, including connecting and reading, so that a frozen node does not hold a caller for long.
    /// Default: 10 s.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// How long the client repeats a call, with the same key, before it returns an error. It waits for a try that is
    /// under way. Zero means one try. Default: 30 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub fn build(self) -> Result<Client, Error> {
        if self.urls.is_empty() {
            return Err(Error::NoAddress);
        }
        let http = http(&self.tls, self.connect_timeout)?;
        let nodes = self.urls.into_iter().map(node).collect::<Result<_, _>>()?;
        let Self { token, try_timeout, patience, .. } = self;
        let shared = Shared { http, nodes, token, try_timeout, patience, again: AtomicU64::new(0) };
        Ok(Client { shared: Arc::new(shared) })
    }
}

fn node(url: SecretUrl) -> Result<Node, Error> {
    let parsed = reqwest::Url::parse(url.expose()).ok();
    match parsed.filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host()) {
        Some(_) => Ok(Node { url: url.expose().trim_end_matches('/').to_owned(), name: url.to_string() }),
        None => Err(Error::Address { url }),
    }
}

/// No proxy of the environment is used: a token goes where it was sent, and nowhere else.
fn http(tls: &ClientConfig, connect_timeout: Duration) -> Result<reqwest::Client, Error> {
    let outgoing = Outgoing::new(tls).map_err(|fault| Error::Setup { what: fault.to_string() })?;
    let built = outgoing.builder(connect_timeout).no_proxy().build();
    built.map_err(|error| Error::Setup { what: causes(&error) })
}
