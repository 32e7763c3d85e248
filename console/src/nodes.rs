//! The origins and edges that the console calls, and the tokens with which it does so in people's names.

use std::time::Duration;

use onhand_client::{Client, Error, Role};
use onhand_http::{
    auth::{Claims, Issuer, OWNED_BY_SUBJECT, OWNER_CLAIM, Scope},
    setting::{ClientConfig, SecretUrl},
};

use crate::{config::Config, seal::now_s};

/// A page waits no longer for a node; what it could not get it says.
const TRY: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(1);
/// Verifiers allow clocks five seconds of difference beyond it.
const TOKEN_S: u64 = 300;
/// The console's own subject, for what nobody has signed in for yet.
const CONSOLE: &str = "console";

/// One edge, by each of its listeners.
pub(crate) struct EdgeAt {
    pub(crate) name: String,
    pub(crate) public: Client,
    pub(crate) management: Option<Client>,
}

pub(crate) struct Nodes {
    issuer: Issuer,
    origin: Client,
    pub(crate) origin_management: Vec<Client>,
    /// Any edge: the first one that answers.
    edge: Client,
    pub(crate) edges: Vec<EdgeAt>,
}

/// What a role may do at edges and origins.
fn scope(role: Role) -> Scope {
    match role {
        Role::Shopper => Scope::Storefront,
        Role::Fulfilment => Scope::Fulfilment,
        Role::Operator => Scope::Operator,
        Role::Admin => Scope::Admin,
    }
}

impl Nodes {
    pub(crate) fn new(config: &Config, issuer: Issuer) -> Result<Self, Error> {
        let tls = &config.http.client;
        let alone = |url: &SecretUrl| client(std::slice::from_ref(url), tls);
        let edge = |(index, url): (usize, &SecretUrl)| {
            let management = config.edge_management.get(index).map(alone).transpose()?;
            Ok(EdgeAt { name: url.to_string(), public: alone(url)?, management })
        };
        // Whatever edges and origins are configured with, a shopper's token sees what that person made, and no more.
        let own = (OWNER_CLAIM.to_owned(), OWNED_BY_SUBJECT.to_owned());
        Ok(Self {
            issuer: issuer.with_claims([own]),
            origin: client(&config.origins, tls)?,
            origin_management: config.origin_management.iter().map(alone).collect::<Result<_, _>>()?,
            edge: client(&config.edges, tls)?,
            edges: config.edges.iter().enumerate().map(edge).collect::<Result<_, Error>>()?,
        })
    }

    fn token(&self, subject: &str, scope: Scope) -> String {
        let now = now_s();
        self.issuer.issue(&Claims { iat: now, ..Claims::new(subject, scope, now + TOKEN_S) })
    }

    /// In a person's name.
    pub(crate) fn origin(&self, name: &str, role: Role) -> Client {
        self.origin.with_token(&self.token(name, scope(role)))
    }

    /// Likewise, as a shopper, whatever the role: who buys sees what the same person holds and has ordered, only.
    pub(crate) fn edge(&self, name: &str) -> Client {
        self.edge.with_token(&self.token(name, Scope::Storefront))
    }

    /// In the console's own name: passwords, registrations and epochs.
    pub(crate) fn users(&self) -> Client {
        self.origin.with_token(&self.token(CONSOLE, Scope::Admin))
    }
}

/// With several nodes, the next one is asked while there is time for it.
fn client(urls: &[SecretUrl], tls: &ClientConfig) -> Result<Client, Error> {
    let patience = if urls.len() > 1 { TRY } else { Duration::ZERO };
    let builder = Client::builder().urls(urls.iter().map(SecretUrl::expose)).tls(tls);
    builder.connect_timeout(CONNECT).try_timeout(TRY).patience(patience).build()
}
