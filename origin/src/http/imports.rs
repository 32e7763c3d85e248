//! Imports: the body is streamed, whatever its length.

use axum::{
    body::HttpBody,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use futures_util::TryStreamExt;
use onhand_http::{auth::Scope, body::broke_off, query::Params};
use onhand_wire::{
    Code, Problem,
    request::{media_type, unsupported_media_type},
};

use super::{
    Reply, Shared,
    whole::{self, Begun},
    write,
};
use crate::answer::WriteAnswer;
use crate::command::{Ask, Command, ImportMode};
use crate::import::{
    Caller, Kind, OnError, Options, Packing, Said, Words, apply, call_digest, charset, drop_the_rest, receive, try_out,
};

/// What the call says of its file.
struct Asked {
    options: Options,
    words: Words,
    charset: Option<String>,
    dry_run: bool,
}

pub(super) async fn import(State(context): Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    let Asked { mut options, mut words, charset: said, dry_run } = asked(&parts)?;
    options.items = claims.scope.include(Scope::Admin);
    if options.mode == ImportMode::Set || options.create {
        claims.need(Scope::Admin)?;
    }
    let kind = kind(&parts.headers)?;
    let packing = Packing::of(parts.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes))?;
    let said = said.or_else(|| charset_of(&parts.headers));
    let encoding = said.as_deref().map(charset).transpose()?;
    // The same bytes in other letters are another file.
    words.charset = encoding.map(encoding_rs::Encoding::name).filter(|name| *name != "UTF-8");
    let most = context.imports.max_bytes;
    let (actor, owner) = (claims.sub.clone(), claims.owner.clone());
    // Nothing is written, so nothing is kept.
    let begun = if dry_run { None } else { Some(context.begin(&parts, claims, b"").await?) };
    let again = matches!(begun, Some(Begun::Before(_)));
    let caller = Caller { actor, owner, key: whole::key(&parts)?, again, correlation: write::correlation(&parts) };
    let declared = body.size_hint().lower();
    let body = body.into_data_stream().map_err(|error| broke_off(&error));
    let Ok(_importing) = context.importing.try_acquire() else {
        drop_the_rest(body).await;
        return Err(crowded(context.imports.at_once).into());
    };
    let received = receive(body, declared, packing, kind == Kind::Csv && encoding.is_none(), most).await?;
    let prepared = tokio::task::block_in_place(|| received.prepare(kind, encoding, most))?;
    let reading = words.reading(kind, &context.store).await?;
    let staged = prepared.check(reading, options, &context.store).await?;
    let Some(begun) = begun else {
        return Ok(write::json(&try_out(&context.store, staged, options).await?));
    };
    let content = call_digest(&staged.content, options, &words);
    // From here on the key is this import's: another call with it is refused, and this one again goes on. Its rows
    // are settled by keys of their own.
    if let Begun::Fresh(ask) = begun
        && !ask.key.is_empty()
    {
        context.batches.ask(Ask { command: Command::Keep("{}".to_owned()), ..*ask }, context.write_timeout).await?;
    }
    let report = apply(&context.batches, staged, content, options, &caller).await?;
    let Some(committed_at) = report.committed_at else { return Ok(write::json(&report.shown())) };
    let (body, replayed) = (report.shown().to_string(), report.replayed);
    let answer = WriteAnswer { status: 200, body, replayed, committed_at, stocks: Vec::new() };
    Ok(whole::respond(answer, &caller.correlation))
}

fn crowded(at_once: usize) -> Problem {
    let detail = format!("{at_once} imports are under way here, as many as may be; try again when one has ended");
    Problem::new(Code::Overloaded, detail).with("limit", at_once)
}

fn content_type(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes)
}

fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    match media_type(content_type(headers), None)?.to_ascii_lowercase().as_str() {
        "text/csv" | "text/tab-separated-values" => Ok(Kind::Csv),
        "application/x-ndjson" => Ok(Kind::Ndjson),
        _ => Err(unsupported_media_type("text/csv or application/x-ndjson")),
    }
}

/// `text/csv; charset=windows-1252`.
fn charset_of(headers: &HeaderMap) -> Option<String> {
    let kind = std::str::from_utf8(content_type(headers)?).ok()?;
    let said = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().to_owned())
    };
    kind.split(';').skip(1).find_map(said)
}

fn asked(parts: &Parts) -> Result<Asked, Problem> {
    let mut params = Params::of(parts.uri.query())?;
    let yes = [("false", false), ("true", true)];
    let options = Options {
        mode: params.word("mode", &[("set", ImportMode::Set), ("adjust", ImportMode::Adjust)], ImportMode::Set)?,
        on_error: params.word("on_error", &[("abort", OnError::Abort), ("skip", OnError::Skip)], OnError::Abort)?,
        create: params.word("create", &yes, false)?,
        items: false,
    };
    let words = Words {
        said: Said { format: params.take("format")?, map: map(params.take("map")?)? },
        location: params.take("location")?,
        locale: params.take("locale")?,
        charset: None,
    };
    let (charset, dry_run) = (params.take("charset")?, params.word("dry_run", &yes, false)?);
    params.end()?;
    Ok(Asked { options, words, charset, dry_run })
}

/// `sku=Item No.,quantity=Count`.
fn map(text: Option<String>) -> Result<Vec<(String, String)>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let right = || Problem::field("map", "our names and the file's: sku=Item No.,quantity=Count,location=Store");
    let pair = |pair: &str| {
        let (field, column) = pair.split_once('=').ok_or_else(right)?;
        Ok((field.trim().to_owned(), column.trim().to_owned()))
    };
    text.split(',').map(pair).collect()
}
