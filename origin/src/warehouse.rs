//! Counts from the warehouse system: `GET` its URL, JSON `{"counts":[…]}` or one count per line.

use futures_util::TryStreamExt;
use onhand_http::outgoing::causes;
use onhand_wire::{Code, LocationId, Problem, Quantity, Sku, request};
use reqwest::header;
use serde::Deserialize;

use crate::config::Warehouse;

/// Largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 64 << 20;

/// A count at one location.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    pub sku: Sku,
    #[serde(alias = "warehouseId")]
    pub location: LocationId,
    pub on_hand: Quantity,
}

#[derive(Deserialize)]
struct Counts {
    counts: Vec<Count>,
}

/// `None` if no warehouse system is configured.
pub async fn fetch(warehouse: &Warehouse, client: &reqwest::Client) -> Result<Option<Vec<Count>>, Problem> {
    if warehouse.url.is_empty() {
        return Ok(None);
    }
    let fetched = tokio::time::timeout(warehouse.timeout.0, get(warehouse, client)).await;
    fetched.map_err(|_| late())?.map(Some)
}

async fn get(warehouse: &Warehouse, client: &reqwest::Client) -> Result<Vec<Count>, Problem> {
    let mut request =
        client.get(warehouse.url.expose()).header(header::ACCEPT, "application/json, application/x-ndjson;q=0.9");
    if !warehouse.token.is_empty() {
        request = request.bearer_auth(warehouse.token.expose());
    }
    let answer = request
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| unusable(&causes(&error.without_url())))?;
    if answer.status().is_redirection() {
        return Err(unusable(&format!("it answered {}, and redirects are not followed", answer.status())));
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let lines = kind.starts_with("application/x-ndjson");
    let body = whole(answer).await?;
    let read = if lines { read_lines(&body) } else { request::parse::<Counts>(&body).map(|read| read.counts) };
    read.map_err(|problem| unusable(&problem.detail))
}

async fn whole(answer: reqwest::Response) -> Result<Vec<u8>, Problem> {
    let mut parts = answer.bytes_stream();
    let mut body = Vec::new();
    while let Some(part) = parts.try_next().await.map_err(|error| unusable(&error.without_url()))? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES {
            return Err(unusable(&format!("its answer is longer than {ANSWER_BYTES} bytes")));
        }
    }
    Ok(body)
}

fn read_lines(body: &[u8]) -> Result<Vec<Count>, Problem> {
    let lines = body.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    lines.map(|(line, number)| request::parse(line).map_err(|problem| at_line(number, &problem))).collect()
}

fn at_line(number: usize, problem: &Problem) -> Problem {
    Problem::new(Code::InvalidRequest, format!("line {number}: {}", problem.detail))
}

/// The log has the cause; the address may hold a secret.
pub fn unusable(cause: &impl std::fmt::Display) -> Problem {
    tracing::warn!(%cause, "counts could not be fetched from the warehouse system");
    Problem::new(
        Code::OriginUnavailable,
        "the warehouse system's counts could not be fetched; nothing was changed, the log has the cause",
    )
}

fn late() -> Problem {
    tracing::warn!("the warehouse system took too long");
    Problem::new(
        Code::DeadlineExceeded,
        "the warehouse system did not answer within origin.warehouse.timeout; nothing was changed",
    )
}
