//! Releases of rules: pushed, rolled back, listed, and fetched by nodes.

use axum::{
    extract::{Path, Request, State},
    http::request::Parts,
};
use onhand_http::{auth::Claims, body, query::no_parameters};
use onhand_rules::{CheckedRelease, LoadFault, is_name};
use onhand_wire::{
    Code, Problem, limits,
    page::Page,
    release::{Release, Released},
    request::{Push, RollBack, parse, read},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    Context, Reply, Shared,
    fail::Fail,
    runbook::{not_ours, page, paged},
    whole::{self, Begun},
    write,
};
use crate::{
    announce::Announcer,
    command::Ask,
    store::releases::{BackTo, By, Plan, Pushed, ReleaseOutcome, Standing},
};

impl Context {
    fn announcer(&self) -> Result<&Announcer, Problem> {
        let detail = "rules.topic is empty at this origin: nobody would hear of it; put the release into rules.dir";
        self.announcer.as_deref().ok_or_else(|| Problem::field("rule", detail))
    }

    /// Keeps the answer, if the call has a key.
    async fn changed(&self, ask: Ask, outcome: ReleaseOutcome) -> Reply {
        let (manifest, new) = match outcome {
            ReleaseOutcome::Changed(manifest) => (manifest, true),
            ReleaseOutcome::Same(manifest) => (manifest, false),
            ReleaseOutcome::Older { mark } => return Err(older(mark).into()),
            ReleaseOutcome::Moved(None) => return Err(no_rule().into()),
            ReleaseOutcome::Moved(Some(seq)) => return Err(moved(seq).into()),
        };
        self.announcer()?.wake();
        let (rule, seq, actor, mark) = (&manifest.rule, manifest.seq, &manifest.actor, manifest.mark);
        if new {
            tracing::info!(rule, seq, actor, mark, change = ?manifest.change, "a rule's releases have changed");
        }
        let mut answer = json!(manifest);
        answer["new"] = new.into();
        self.end(ask, answer, None).await
    }
}

fn older(mark: u64) -> Problem {
    let detail = format!(
        "its sequence is not above {mark}, the greatest that the rule has had: what was signed before is not released \
         again; sign it anew (`onhand rule sign`) if it is this one that you mean"
    );
    Problem::field("signature", detail)
}

fn moved(seq: u64) -> Problem {
    let detail =
        format!("the rule has changed meanwhile; its seq is {seq} now. Look at what would come back, and sign that");
    Problem::field("seq", detail)
}

fn by(ask: &Ask) -> By {
    By { actor: ask.actor.clone(), correlation: ask.correlation.clone() }
}

/// Token, media type, and a body of up to `most` bytes.
async fn admin(context: &Context, request: Request, most: usize) -> Result<(Parts, Claims, axum::body::Bytes), Fail> {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    body::require_json(&parts.headers)?;
    let body = body::read(body, most).await?;
    // Judged as for any write; what has begun is carried to its end anyway.
    write::session(&parts.headers)?;
    context.patience(&parts.headers)?;
    no_parameters(parts.uri.query())?;
    Ok((parts, claims, body))
}

/// Answers once it is stored; nodes learn of it after that.
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
    let outcome = context.store.push(&pushed, &by(&ask)).await?;
    context.changed(ask, outcome).await
}

fn released(release: &Release, checked: CheckedRelease) -> Released {
    Released {
        digest: release.digest(),
        component: format!("{:x}", Sha256::digest(&release.component)),
        world: checked.world.as_str().to_owned(),
        stage: checked.stage,
        share: checked.share,
        bytes: release.component.len() as u64,
        sequence: checked.sequence,
    }
}

/// Checks it as every node will: signature, sizes, compilation, world, fixtures. On a thread that may take long.
async fn check(context: &Context, rule: &str, next: bool, release: Release) -> Result<CheckedRelease, Fail> {
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
        LoadFault::Read(_)
        | LoadFault::Sandbox(_)
        | LoadFault::Key { .. }
        | LoadFault::Marks { .. }
        | LoadFault::NoRules => {
            tracing::error!(%fault, "a pushed release can't be checked");
            let detail = "the release can't be checked at this origin, whose log says why; try another";
            return Problem::new(Code::OriginUnavailable, detail);
        }
        LoadFault::Name | LoadFault::BuiltIn(_) => "rule",
        LoadFault::Unsigned(_)
        | LoadFault::Signature(_)
        | LoadFault::Replayed { .. }
        | LoadFault::Ahead(_)
        | LoadFault::Superseded => "signature",
        LoadFault::UnsignedWithdrawal => "withdrawal",
        LoadFault::Fixture { .. } | LoadFault::SelfTest { .. } => "fixtures",
        LoadFault::Asks { .. } | LoadFault::Settings(_) | LoadFault::Overlap(_) => "settings",
        _ => "component",
    };
    Problem::field(field, fault)
}

fn no_rule() -> Problem {
    Problem::new(Code::NotFound, "nothing was pushed of a rule of this name, or all of it was rolled back")
}

/// What a roll back would bring back, so that it can be signed.
pub(super) async fn roll_back_plan(State(context): Shared, Path(rule): Path<String>, request: Request) -> Reply {
    no_parameters(request.uri().query())?;
    let Plan { now, then } = planned(&context, &rule).await?;
    let (full, next) = then.map_or((None, None), |then| (then.full, then.next));
    Ok(write::json(&json!({"rule": rule, "seq": now.seq, "mark": now.mark, "full": full, "next": next})))
}

async fn planned(context: &Context, rule: &str) -> Result<Plan, Fail> {
    if !is_name(rule) {
        return Err(no_rule().into());
    }
    Ok(context.store.roll_back_plan(rule).await?.ok_or_else(no_rule)?)
}

pub(super) async fn roll_back(State(context): Shared, Path(rule): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = admin(&context, request, limits::BODY_BYTES).await?;
    let asked: RollBack = parse(&body)?;
    let ask = match context.begin(&parts, claims, &body).await? {
        Begun::Fresh(ask) => *ask,
        Begun::Before(answer) => return Ok(whole::respond(answer, "")),
    };
    context.announcer()?;
    let plan = planned(&context, &rule).await?;
    if asked.seq.is_some_and(|seq| seq != plan.now.seq) {
        return Err(moved(plan.now.seq).into());
    }
    let back = back_to(&context, &rule, plan, asked).await?;
    let outcome = context.store.roll_back(&back, &by(&ask)).await?;
    context.changed(ask, outcome).await
}

/// What comes back, with its new signatures, checked as a push is.
async fn back_to(context: &Context, rule: &str, plan: Plan, asked: RollBack) -> Result<BackTo, Fail> {
    let (full, next) = plan.then.map_or((None, None), |then| (then.full, then.next));
    let nothing = full.is_none() && next.is_none();
    let withdrawal = match (nothing, asked.withdrawal) {
        (false, Some(_)) => return Err(Problem::field("withdrawal", "leave it out: something comes back").into()),
        (false, None) => None,
        (true, signature) => {
            let sequence = context.rules.check_withdrawal(rule, signature.as_deref());
            signature.zip(sequence.map_err(|fault| refused(&fault))?)
        }
    };
    let full = part(context, rule, false, full, asked.full).await?;
    let next = part(context, rule, true, next, asked.next).await?;
    Ok(BackTo { rule: rule.to_owned(), from: plan.now.seq, full, next, withdrawal })
}

async fn part(
    context: &Context,
    rule: &str,
    next: bool,
    then: Option<Released>,
    signature: Option<String>,
) -> Result<Option<Pushed>, Fail> {
    let field = if next { "next" } else { "full" };
    let Some(then) = then else {
        let superfluous = signature.map(|_| Problem::field(field, "leave it out: nothing comes back there"));
        return superfluous.map_or(Ok(None), |problem| Err(problem.into()));
    };
    if signature.is_none() && context.rules.wants_signatures() {
        let detail = "a roll back is signed like a push; `onhand rule rollback NAME --key KEY.pem` does it";
        return Err(Problem::field(field, detail).into());
    }
    let kept = context.store.release(&then.digest).await?;
    let kept = kept.ok_or_else(|| Problem::new(Code::NotFound, "the release that comes back is not kept"))?;
    let release = Release { signature: signature.or(kept.signature.clone()), ..kept };
    let checked = check(context, rule, next, release.clone()).await?;
    Ok(Some(Pushed { rule: rule.to_owned(), released: released(&release, checked), release }))
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

/// What is in force for a rule, for nodes: an announcement only tells them to ask.
pub(super) async fn manifest(State(context): Shared, Path(rule): Path<String>, request: Request) -> Reply {
    no_parameters(request.uri().query())?;
    let found = if is_name(&rule) { context.store.manifests(&rule, None, 1).await? } else { Vec::new() };
    Ok(write::json(&found.first().ok_or_else(no_rule)?))
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
