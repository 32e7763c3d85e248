//! Imports: the body is streamed, whatever its length.

use axum::{
    body::HttpBody,
    extract::{Request, State},
    http::request::Parts,
};
use futures_util::TryStreamExt;
use onhand_http::{
    auth::Scope,
    body::{broke_off, media_type},
    query::Params,
};
use onhand_wire::{Code, Problem, request::unsupported_media_type};

use super::{
    Reply, Shared,
    whole::{self, Begun},
    write,
};
use crate::answer::WriteAnswer;
use crate::command::{Ask, Command, ImportMode};
use crate::import::{Caller, Format, OnError, Options, Staged, apply, drop_the_rest, receive};

pub(super) async fn import(State(context): Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    let mut options = options(&parts)?;
    options.items = claims.scope.include(Scope::Admin);
    if options.mode == ImportMode::Set || options.create {
        claims.need(Scope::Admin)?;
    }
    let format = match media_type(&parts.headers)?.to_ascii_lowercase().as_str() {
        "text/csv" => Format::Csv,
        "application/x-ndjson" => Format::Ndjson,
        _ => return Err(unsupported_media_type("text/csv or application/x-ndjson").into()),
    };
    let (actor, owner) = (claims.sub.clone(), claims.owner.clone());
    let begun = context.begin(&parts, claims, b"").await?;
    let again = matches!(begun, Begun::Before(_));
    let caller = Caller { actor, owner, key: whole::key(&parts)?, again, correlation: write::correlation(&parts) };
    let declared = body.size_hint().lower();
    let body = body.into_data_stream().map_err(|error| broke_off(&error));
    let Ok(_importing) = context.importing.try_acquire() else {
        drop_the_rest(body).await;
        return Err(crowded(context.imports.at_once).into());
    };
    let file = receive(body, declared, context.imports.max_bytes).await?;
    let staged = Staged::check(file, format, options, &context.store).await?;
    // From here on the key belongs to this import: another call with it is refused, and the same call resumes. Its rows
    // have keys of their own.
    if let Begun::Fresh(ask) = begun
        && !ask.key.is_empty()
    {
        context.batches.ask(Ask { command: Command::Keep("{}".to_owned()), ..*ask }, context.write_timeout).await?;
    }
    let report = apply(&context.batches, staged, options, &caller).await?;
    let Some(committed_at) = report.committed_at else { return Ok(write::json(&report.shown())) };
    let (body, replayed) = (report.shown().to_string(), report.replayed);
    let answer = WriteAnswer { status: 200, body, replayed, committed_at, stocks: Vec::new() };
    Ok(whole::respond(answer, &caller.correlation))
}

fn crowded(at_once: usize) -> Problem {
    let detail = format!("{at_once} imports are under way here, as many as may be; try again when one has ended");
    Problem::new(Code::Overloaded, detail).with("limit", at_once)
}

fn options(parts: &Parts) -> Result<Options, Problem> {
    let mut params = Params::of(parts.uri.query())?;
    let options = Options {
        mode: params.word("mode", &[("set", ImportMode::Set), ("adjust", ImportMode::Adjust)], ImportMode::Set)?,
        on_error: params.word("on_error", &[("abort", OnError::Abort), ("skip", OnError::Skip)], OnError::Abort)?,
        create: params.word("create", &[("false", false), ("true", true)], false)?,
        items: false,
    };
    params.end()?;
    Ok(options)
}
