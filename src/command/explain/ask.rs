//! What is asked of whom, in an order that lets it be judged: the edges, then the origin.

use std::time::Duration;

use futures_util::future::join_all;
use onhand_client::{Client, Error, LedgerLine};
use onhand_http::setting::{ClientConfig, SecretUrl};
use onhand_wire::{
    Sku,
    bulk::{LoadFacts, LoadedFacts},
    explain::Explained,
};
use serde::Serialize;

const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Asked {
    pub(super) edges: Vec<Edge>,
    pub(super) origin: Origin,
}

/// One edge's word.
#[derive(Serialize)]
pub(super) struct Edge {
    pub(super) url: SecretUrl,
    pub(super) explained: Option<Explained>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// The origin's word.
#[derive(Serialize)]
pub(super) struct Origin {
    pub(super) url: SecretUrl,
    pub(super) facts: LoadedFacts,
    /// Its newest lines; empty for a SKU that was never there.
    pub(super) ledger: Vec<LedgerLine>,
}

/// # Errors
/// That the origin does not answer, or not with what was asked.
pub(super) async fn all(
    sku: &Sku,
    edges: &[SecretUrl],
    origin: &SecretUrl,
    token: &str,
    tls: &ClientConfig,
    lines: u16,
) -> Result<Asked, String> {
    let edges = join_all(edges.iter().map(|url| edge(with_scheme(url), tls, sku))).await;
    let url = with_scheme(origin);
    let asked = async {
        let client = client(&url, token, tls)?;
        let load = LoadFacts { skus: vec![sku.clone()], ..LoadFacts::default() };
        let facts = client.facts(&load).await?.value;
        let ledger = match client.ledger(sku, None).limit(lines.into()).await {
            Err(error) if error.is("unknown_sku") => Vec::new(),
            page => page?.value.items,
        };
        Ok((facts, ledger))
    };
    let (facts, ledger) = asked.await.map_err(|error| format!("origin {url}: {}", why(&error)))?;
    Ok(Asked { edges, origin: Origin { url, facts, ledger } })
}

/// One look, now: what is asked later would say something else.
pub(super) fn client(url: &SecretUrl, token: &str, tls: &ClientConfig) -> Result<Client, Error> {
    let client = Client::builder().url(url.expose()).tls(tls).try_timeout(PATIENCE).patience(Duration::ZERO);
    if token.is_empty() { client.build() } else { client.token(token).build() }
}

/// As an operator types it, and as `edge.management` has it.
pub(super) fn with_scheme(url: &SecretUrl) -> SecretUrl {
    let url = url.expose().trim().trim_end_matches('/');
    SecretUrl::new(if url.contains("://") { url.to_owned() } else { format!("http://{url}") })
}

async fn edge(url: SecretUrl, tls: &ClientConfig, sku: &Sku) -> Edge {
    let asked = async { client(&url, "", tls)?.explain(sku).await };
    match asked.await {
        Ok(explained) => Edge { url, explained: Some(explained.value), error: None },
        Err(error) if error.problem().is_some_and(|problem| problem.status.as_u16() == 404) => {
            let why = "has no /actuator/explain: is it the management listener of an edge?";
            Edge { url, explained: None, error: Some(why.to_owned()) }
        }
        Err(error) => Edge { error: Some(why(&error)), explained: None, url },
    }
}

/// In few words: the address stands beside it.
pub(super) fn why(error: &Error) -> String {
    match error {
        Error::Problem(problem) if matches!(problem.status.as_u16(), 401 | 403) => {
            "the token is not accepted; it needs scope operator (one of scope edge, as an edge carries, does not do)"
                .to_owned()
        }
        Error::Problem(problem) => format!("answered {}", problem.status.as_u16()),
        Error::NoAnswer { last, .. } => last.clone(),
        error => error.to_string(),
    }
}
