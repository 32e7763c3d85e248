//! Releases of rules: pushed, rolled back, listed, and fetched by nodes.

use axum::{
    extract::{Path, Request, State},
    http::request::Parts,
};
use onhand_rules::{Checked, LoadFault, is_name};
use onhand_wire::{
    Code, Problem,
    auth::Claims,
    limits,
    page::Page,
    release::{Manifest, Release, Released},
    request::{Push, parse, read},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Context, Reply, Shared, body,
    fail::Fail,
    params::Params,
    runbook::{Nothing, not_ours, page, paged},
    whole::{self, Begun},
    write,
};
use crate::{
    announce::Announcer,
    command::Ask,
    store::releases::{By, Pushed, Standing},
};

impl Context {
    fn announcer(&self) -> Result<&Announcer, Problem> {
        let told = "rules.topic is empty at this origin: nobody would hear of it; put the release into rules.dir";
        self.announcer.as_deref().ok_or_else(|| Problem::field("rule", told))
    }

    /// Keeps the answer, if the call has a key.
    async fn changed(&self, ask: Ask, manifest: Manifest, new: bool) -> Reply {
        self.announcer()?.wake();
        let (rule, seq, actor) = (&manifest.rule, manifest.seq, &manifest.actor);
        if new {
            tracing::info!(rule, seq, actor, change = ?manifest.change, "a rule's releases have changed");
        }
        let mut answer = json!(manifest);
        answer["new"] = new.into();
        self.end(ask, answer, None).await
    }
}

fn by(ask: &Ask) -> By {
    By { actor: ask.actor.clone(), correlation: ask.correlation.clone() }
}

/// Token, media type, and a body of up to `most` bytes.
async fn admin(context: &Context, request: Request, most: usize) -> Result<(Parts, Claims, axum::body::Bytes), Fail> {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    body::require_json(&parts.headers)?;
    let body = body::read_up_to(body, most).await?;
    // Judged as with any write; what is under way is carried to its end all the same.
    write::session(&parts.headers)?;
    context.patience(&parts.headers)?;
    Params::of(parts.uri.query()).end()?;
    Ok((parts, claims, body))
}

/// Answers when it is stored; nodes hear of it after that.
pub(super) async fn push(State(context): Shared, Path(rule): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = admin(&context, request, limits::RELEASE_BYTES).await?;
    let push: Push = read(&body)?;
    let ask = match context.begin(&parts, claims, &body).await? {
        Begun::Fresh(ask) => *ask,
        Begun::Before(answer) => return Ok(whole::respond(answer, "")),
    };
    drop(body);
    context.announcer()?;
    let (next, release) = (push.next, push.release());
    let checked = check(&context, &rule, next, release.clone()).await?;
    let pushed = Pushed { released: released(&release, checked), rule, release };
    let (manifest, new) = context.store.push(&pushed, &by(&ask)).await?;
    context.changed(ask, manifest, new).await
}

fn released(release: &Release, checked: Checked) -> Released {
    Released {
        digest: release.digest(),
        component: format!("{:x}", Sha256::digest(&release.component)),
        world: checked.world.as_str().to_owned(),
        stage: checked.stage,
        share: checked.share,
        bytes: release.component.len() as u64,
    }
}

/// As every node will: signature, sizes, compilation, world, fixtures. On a thread that may take its time.
async fn check(context: &Context, rule: &str, next: bool, release: Release) -> Result<Checked, Fail> {
    let (rules, rule) = (context.rules.clone(), rule.to_owned());
    let checked = tokio::task::spawn_blocking(move || rules.check(&rule, next, release)).await;
    let checked = checked.unwrap_or(Err(LoadFault::NoRules));
    Ok(checked.map_err(|fault| refused(&fault))?)
}

fn refused(fault: &LoadFault) -> Problem {
    let field = match fault {
        LoadFault::TooLarge { most, .. } => {
            return Problem::new(Code::TooLarge, format!("component: {fault}")).with("limit", *most);
        }
        LoadFault::Read(_) | LoadFault::Sandbox(_) | LoadFault::Key { .. } | LoadFault::NoRules => {
            tracing::error!(%fault, "a release that is pushed can't be checked");
            let told = "the release can't be checked at this origin, whose log says why; try another";
            return Problem::new(Code::OriginUnavailable, told);
        }
        LoadFault::Name | LoadFault::BuiltIn(_) => "rule",
        LoadFault::Unsigned(_) | LoadFault::Signature(_) => "signature",
        LoadFault::Fixture { .. } | LoadFault::SelfTest { .. } => "fixtures",
        LoadFault::Asks { .. } | LoadFault::Settings(_) | LoadFault::Overlap(_) => "settings",
        _ => "component",
    };
    Problem::field(field, fault)
}

fn no_rule() -> Problem {
    Problem::new(Code::NotFound, "nothing was pushed of a rule of this name, or all of it was rolled back")
}

pub(super) async fn roll_back(State(context): Shared, Path(rule): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = admin(&context, request, limits::BODY_BYTES).await?;
    let Nothing {} = parse(&body)?;
    let ask = match context.begin(&parts, claims, &body).await? {
        Begun::Fresh(ask) => *ask,
        Begun::Before(answer) => return Ok(whole::respond(answer, "")),
    };
    context.announcer()?;
    if !is_name(&rule) {
        return Err(no_rule().into());
    }
    let manifest = context.store.roll_back(&rule, &by(&ask)).await?.ok_or_else(no_rule)?;
    context.changed(ask, manifest, true).await
}

pub(super) async fn rules(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let (limit, beyond) = page(&parts)?;
    let found = context.store.rules(&beyond.unwrap_or_default(), limit + 1).await?;
    let Page { items, next_cursor } = paged(found, limit, |standing| standing.manifest.rule.clone());
    let shown = |Standing { manifest, announced }: &Standing| {
        let mut rule = json!(manifest);
        rule["announced"] = (*announced).into();
        rule
    };
    Ok(write::json(&Page { items: items.iter().map(shown).collect::<Vec<_>>(), next_cursor }))
}

/// Who changed it, when, and how.
pub(super) async fn manifests(State(context): Shared, Path(rule): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let (limit, beyond) = page(&parts)?;
    let before = beyond.map(|text| text.parse::<u64>().map_err(|_| not_ours())).transpose()?;
    if !is_name(&rule) {
        return Err(no_rule().into());
    }
    let found = context.store.manifests(&rule, before, limit + 1).await?;
    if found.is_empty() && before.is_none() {
        return Err(no_rule().into());
    }
    Ok(write::json(&paged(found, limit, |manifest| manifest.seq.to_string())))
}

/// A whole release; nodes keep it, so it is read seldom.
pub(super) async fn release(State(context): Shared, Path(digest): Path<String>) -> Reply {
    let found = match digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => context.store.release(&digest).await?,
        false => None,
    };
    let release = found.ok_or_else(|| Problem::new(Code::NotFound, "no such release"))?;
    Ok(write::json(&release))
}
