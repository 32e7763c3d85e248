//! `/internal/api/audit`: the trail, and what an edge's operator adds to it.

use axum::{
    extract::{Request, State},
    http::request::Parts,
};
use onhand_http::{
    auth::Claims,
    query::{Params, no_parameters},
};
use onhand_wire::{
    Problem, Timestamp, limits,
    page::Page,
    request::{Check, check_text, read},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Context, Reply, Shared,
    runbook::{not_ours, operator, page_among, paged},
    write,
};
use crate::trail::{Kind, Line, Query};

/// What an operator did at a node that has no database of its own.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// `caches_cleared` or `level_changed`.
    kind: String,
    /// The node, or the part of it.
    what: String,
    detail: Option<String>,
}

/// What may be recorded from outside: everything else is recorded by itself.
const NOTED: [Kind; 2] = [Kind::CachesCleared, Kind::LevelChanged];

impl Note {
    fn kind(&self) -> Option<Kind> {
        Kind::parse(&self.kind).filter(|kind| NOTED.contains(kind))
    }
}

impl Check for Note {
    fn check(&self) -> Result<(), Problem> {
        if self.kind().is_none() {
            return Err(Problem::field("kind", "one of caches_cleared, level_changed"));
        }
        check_text("what", &self.what)?;
        self.detail.as_ref().map_or(Ok(()), |detail| check_text("detail", detail))
    }
}

pub(super) async fn note(State(context): Shared, request: Request) -> Reply {
    let (parts, claims, body) = operator(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let note: Note = read(&body)?;
    let Some(kind) = note.kind() else { return Err(Problem::field("kind", "unknown").into()) };
    let line = Line {
        actor: claims.sub,
        kind,
        what: note.what,
        detail: json!({"note": note.detail}),
        correlation: write::correlation(&parts),
    };
    context.store.record(&line).await?;
    Ok(write::json(&json!({})))
}

impl Context {
    /// A line about what this process itself was told to do. It is already done, so if the trail cannot be written,
    /// that is only logged.
    pub(super) async fn record(&self, parts: &Parts, claims: &Claims, kind: Kind, what: &str, detail: Value) {
        let (actor, correlation) = (claims.sub.clone(), write::correlation(parts));
        let line = Line { actor, kind, what: what.to_owned(), detail, correlation };
        if let Err(error) = self.store.record(&line).await {
            tracing::error!(%error, kind = kind.as_str(), what, actor = line.actor, "the trail could not be written");
        }
    }
}

pub(super) async fn list(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let (query, limit) = query(parts.uri.query())?;
    let entries = context.store.trail(&query).await?;
    let Page { items, next_cursor } = paged(entries, limit, |entry| entry.id.to_string());
    Ok(write::json(&Page { items, next_cursor }))
}

fn query(query: Option<&str>) -> Result<(Query, usize), Problem> {
    let mut params = Params::of(query)?;
    let (limit, cursor) = page_among(&mut params)?;
    let mut moment = |name| {
        let text = params.take(name)?;
        let parsed = |text: String| {
            Timestamp::parse(&text).ok_or_else(|| Problem::field(name, "a time such as 2026-01-31T09:30:00.000Z"))
        };
        text.map(parsed).transpose()
    };
    let (from, to) = (moment("from")?, moment("to")?);
    let actor = params.take("actor")?;
    if actor.as_ref().is_some_and(|actor| actor.len() > limits::TEXT_BYTES || actor.contains('\0')) {
        return Err(Problem::field("actor", format!("a token's subject, at most {} bytes", limits::TEXT_BYTES)));
    }
    let kind = params.take("kind")?.map(|word| {
        Kind::parse(&word).ok_or_else(|| Problem::field("kind", format!("one of {}", Kind::WORDS.join(", "))))
    });
    let kind = kind.transpose()?;
    let before = cursor.map(|text| text.parse().map_err(|_| not_ours())).transpose()?;
    params.end()?;
    Ok((Query { actor, kind, from, to, before, limit: limit + 1 }, limit))
}
