//! What is asked of whom, in an order that lets it be judged: the edges, then the origin.

use std::time::Duration;

use futures_util::future::join_all;
use onhand_http::setting::SecretUrl;
use onhand_wire::{
    Sku,
    bulk::{LoadFacts, LoadedFacts, MESSAGEPACK},
    explain::Explained,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

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
    pub(super) ledger: Vec<Value>,
}

/// # Errors
/// That the origin does not answer, or not with what was asked.
pub(super) async fn all(
    sku: &Sku,
    edges: &[SecretUrl],
    origin: &SecretUrl,
    token: &str,
    lines: u16,
) -> Result<Asked, Box<dyn std::error::Error>> {
    let http = http()?;
    let name = utf8_percent_encode(sku.as_str(), NON_ALPHANUMERIC).to_string();
    let edges = join_all(edges.iter().map(|url| edge(&http, with_scheme(url), &name))).await;
    let url = with_scheme(origin);
    let facts = facts(&http, &url, token, sku).await.map_err(|why| format!("origin {url}: {why}"))?;
    let ledger = ledger(&http, &url, token, &name, lines).await.map_err(|why| format!("origin {url}: {why}"))?;
    Ok(Asked { edges, origin: Origin { url, facts, ledger } })
}

pub(super) fn http() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().timeout(PATIENCE).build()
}

/// As an operator types it, and as `edge.management` has it.
pub(super) fn with_scheme(url: &SecretUrl) -> SecretUrl {
    let url = url.expose().trim().trim_end_matches('/');
    SecretUrl::new(if url.contains("://") { url.to_owned() } else { format!("http://{url}") })
}

async fn edge(http: &reqwest::Client, url: SecretUrl, name: &str) -> Edge {
    let asked = async {
        let answer = http.get(format!("{}/actuator/explain/{name}", url.expose())).send().await.map_err(told)?;
        match answer.status().as_u16() {
            200 => answer.json::<Explained>().await.map_err(told),
            404 => Err("has no /actuator/explain: is it the management listener of an edge?".to_owned()),
            status => Err(format!("answered {status}")),
        }
    };
    match asked.await {
        Ok(explained) => Edge { url, explained: Some(explained), error: None },
        Err(why) => Edge { url, explained: None, error: Some(why) },
    }
}

async fn facts(http: &reqwest::Client, url: &SecretUrl, token: &str, sku: &Sku) -> Result<LoadedFacts, String> {
    let load = LoadFacts { skus: vec![sku.clone()], ..LoadFacts::default() };
    let body = rmp_serde::to_vec_named(&load).map_err(|error| error.to_string())?;
    let request = http.post(format!("{}/internal/api/facts", url.expose())).bearer_auth(token).body(body);
    let answer = request.header("content-type", MESSAGEPACK).send().await.map_err(told)?;
    let answer = accepted(answer)?.bytes().await.map_err(told)?;
    rmp_serde::from_slice(&answer).map_err(|error| error.to_string())
}

async fn ledger(
    http: &reqwest::Client,
    url: &SecretUrl,
    token: &str,
    name: &str,
    lines: u16,
) -> Result<Vec<Value>, String> {
    let path = format!("{}/inventory/products/{name}/ledger?limit={lines}", url.expose());
    let answer = http.get(path).bearer_auth(token).send().await.map_err(told)?;
    if answer.status().as_u16() == 404 {
        return Ok(Vec::new());
    }
    let mut page: Value = accepted(answer)?.json().await.map_err(told)?;
    Ok(serde_json::from_value(page["items"].take()).unwrap_or_default())
}

pub(super) fn accepted(answer: reqwest::Response) -> Result<reqwest::Response, String> {
    match answer.status().as_u16() {
        200 => Ok(answer),
        401 | 403 => Err(
            "the token is not accepted; it needs scope operator (one of scope edge, as an edge carries, does not do)"
                .to_owned(),
        ),
        status => Err(format!("answered {status}")),
    }
}

/// With its cause: "error sending request" alone helps nobody.
pub(super) fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
