//! Writes of more than one command: their key is looked up first, and their answer is kept last.

use axum::http::request::Parts;
use onhand_http::{auth::Claims, call};
use onhand_wire::{Code, Problem, Timestamp, session::Session};
use serde_json::Value;

use super::{Context, Reply, write};
use crate::{
    answer::WriteAnswer,
    command::{Ask, Command},
    decide::Rejection,
    key::CallDigest,
};

/// A call that has begun, or was done before with the same key.
pub(super) enum Begun {
    Fresh(Box<Ask>),
    Before(WriteAnswer),
}

impl Context {
    /// Refused under maintenance, and under a key that was used for another call.
    pub(super) async fn begin(&self, parts: &Parts, claims: Claims, body: &[u8]) -> Result<Begun, super::fail::Fail> {
        if let Some(message) = self.store.standing().await?.maintenance {
            return Err(Problem::from(Rejection::Maintenance { message }).into());
        }
        let ask = Ask {
            command: Command::Recall,
            actor: claims.sub,
            owner: claims.owner,
            sees: claims.sees,
            key: key(parts)?,
            digest: CallDigest::of(parts.method.as_str(), parts.uri.path(), body),
            correlation: write::correlation(parts),
        };
        if ask.key.is_empty() {
            return Ok(Begun::Fresh(Box::new(ask)));
        }
        match self.batches.ask(ask.clone(), self.write_timeout).await {
            Ok(answer) => Ok(Begun::Before(answer)),
            Err(Problem { code: Code::NotFound, .. }) => Ok(Begun::Fresh(Box::new(ask))),
            Err(problem) => Err(problem.into()),
        }
    }

    /// Answers, and keeps the answer under the call's key. `committed_at`: when something was last written.
    pub(super) async fn end(&self, ask: Ask, body: Value, committed_at: Option<Timestamp>) -> Reply {
        if !ask.key.is_empty() {
            let keep = Ask { command: Command::Keep(body.to_string()), ..ask.clone() };
            return Ok(respond(self.batches.ask(keep, self.write_timeout).await?, &ask.correlation));
        }
        let Some(committed_at) = committed_at else { return Ok(write::json(&body)) };
        let answer =
            WriteAnswer { status: 200, body: body.to_string(), replayed: false, committed_at, stocks: Vec::new() };
        Ok(respond(answer, &ask.correlation))
    }
}

/// The caller's key, or nothing.
pub(super) fn key(parts: &Parts) -> Result<String, Problem> {
    let key = call::key(&parts.headers)?.and_then(|key| key.to_str().ok());
    Ok(key.unwrap_or_default().to_owned())
}

/// There are too many facts to name, so the time applies to every SKU.
pub(super) fn respond(answer: WriteAnswer, correlation: &str) -> axum::response::Response {
    let session = Session { at: answer.committed_at.rounded_up(), all: true, ..Session::default() };
    write::respond(answer, session, false, correlation)
}
