//! `/internal/api/users`: the people who sign in at the console. The console calls for them, and tells their addresses.

use std::time::Duration;

use axum::{
    extract::{Path, Request, State},
    http::request::Parts,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::Utc;
use onhand_http::{
    auth::Claims,
    query::{Params, no_parameters},
};
use onhand_wire::{
    Code, Problem, Timestamp,
    page::Page,
    request::{Check, check_text, parse, read as read_body},
};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Context, Reply, Shared,
    fail::Fail,
    runbook::{operator as begun, page_among, paged},
    write,
};
use crate::{
    store::users::{ChangeOfUser, NewUser, Registered},
    trail::{Kind, Line},
    users::{Attempts, Busy, InvitationDigest, Role, TooMany, User, name_fault, password_fault},
};

/// A link's life where the caller says nothing, and the longest: seven days.
const INVITED_S: u32 = 24 * 3600;
const INVITED_MOST_S: u32 = 7 * 24 * 3600;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    role: Role,
    /// Seconds, 60 to 604,800; 86,400 if absent.
    ttl_s: Option<u32>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// 1 to 64 of `a-z`, `0-9`, `.`, `_`, `@` and `-`.
    name: String,
    /// 12 to 256 bytes.
    password: String,
    /// An invitation's token; without one the role is shopper.
    invitation: Option<String>,
    /// Whence the person calls; attempts are counted by it.
    address: String,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verify {
    name: String,
    password: String,
    /// Whence the person calls; attempts are counted by it.
    address: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetRole {
    role: Role,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Check for Invite {
    fn check(&self) -> Result<(), Problem> {
        let sound = self.ttl_s.is_none_or(|ttl| (60..=INVITED_MOST_S).contains(&ttl));
        let right = format!("seconds from 60 to {INVITED_MOST_S}");
        if sound { Ok(()) } else { Err(Problem::field("ttl_s", right)) }
    }
}

impl Check for Register {
    fn check(&self) -> Result<(), Problem> {
        let faults = [("name", name_fault(&self.name)), ("password", password_fault(&self.password))];
        for (field, fault) in faults {
            fault.map_or(Ok(()), |fault| Err(Problem::field(field, fault)))?;
        }
        check_text("address", &self.address)
    }
}

impl Check for Verify {
    fn check(&self) -> Result<(), Problem> {
        check_text("name", &self.name)?;
        check_text("password", &self.password)?;
        check_text("address", &self.address)
    }
}

impl Check for SetRole {
    fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}

fn line(parts: &Parts, actor: &str, kind: Kind, what: &str, detail: Value) -> Line {
    Line { actor: actor.to_owned(), kind, what: what.to_owned(), detail, correlation: write::correlation(parts) }
}

pub(super) async fn invite(State(context): Shared, request: Request) -> Reply {
    let (parts, claims, body) = begun(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let asked: Invite = read_body(&body)?;
    let life = Duration::from_secs(asked.ttl_s.unwrap_or(INVITED_S).into());
    let expires_at = Timestamp::from(Utc::now()).plus(life);
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let token = BASE64_URL_SAFE_NO_PAD.encode(random);
    let told = line(&parts, &claims.sub, Kind::UserInvited, asked.role.as_str(), json!({"expires_at": expires_at}));
    context.store.invite(&InvitationDigest::of(&token), asked.role, expires_at, &told).await?;
    Ok(write::json(&json!({"token": token, "role": asked.role, "expires_at": expires_at})))
}

fn too_many(TooMany { limit, wait_s }: TooMany) -> Problem {
    let (minutes, window) = (wait_s.div_ceil(60), Attempts::WINDOW_S / 60);
    let detail = format!("at most {limit} attempts in {window} minutes; wait {minutes} min, or sign in from elsewhere");
    Problem::new(Code::RateLimited, detail).with("limit", limit).later(wait_s)
}

fn too_many_registered(TooMany { limit, wait_s }: TooMany) -> Problem {
    let minutes = wait_s.div_ceil(60);
    let detail =
        format!("at most {limit} people register in an hour here; wait {minutes} min, or ask for an invitation");
    Problem::new(Code::RateLimited, detail).with("limit", limit).later(wait_s)
}

fn busy(busy: Busy) -> Problem {
    match busy {
        Busy::Address(limit) => {
            let detail = format!("at most {limit} passwords are checked at once for one address; try again");
            Problem::new(Code::RateLimited, detail).with("limit", limit)
        }
        Busy::All(limit) => {
            let detail = format!("at most {limit} passwords are checked at once; try again");
            Problem::new(Code::Overloaded, detail).with("limit", limit)
        }
    }
}

pub(super) async fn register(State(context): Shared, request: Request) -> Reply {
    let (parts, _, body) = begun(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let asked: Register = read_body(&body)?;
    let (told, stranger) =
        (line(&parts, &asked.name, Kind::UserRegistered, &asked.name, Value::Null), asked.invitation.is_none());
    context.attempts.begin(None, &asked.address).map_err(too_many)?;
    if stranger {
        context.attempts.begin_registration().map_err(too_many_registered)?;
    }
    let registered = registered(&context, asked, &told).await;
    if stranger && registered.is_err() {
        context.attempts.not_registered();
    }
    registered.map(|user| write::json(&user))
}

async fn registered(context: &Context, asked: Register, told: &Line) -> Result<User, Fail> {
    let hashed = context.passwords.hash(asked.password, &asked.address).await;
    let password = hashed.map_err(|why| {
        context.attempts.not_made(None, &asked.address);
        busy(why)
    })?;
    let invitation = asked.invitation.as_deref().map(InvitationDigest::of);
    match context.store.register(&NewUser { name: asked.name, password, invitation }, told).await? {
        Registered::User(user) => Ok(user),
        Registered::NameTaken => Err(Problem::field("name", "somebody has it, or had it; choose another").into()),
        Registered::NoInvitation => {
            Err(Problem::field("invitation", "used, expired or unknown; ask for a new one").into())
        }
    }
}

/// `{"user":null}` if name or password is wrong; which of them, nobody is told.
pub(super) async fn verify(State(context): Shared, request: Request) -> Reply {
    let (parts, _, body) = begun(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let Verify { name, password, address } = read_body(&body)?;
    // A name that nobody can have counts for the address alone, and takes no room.
    let possible = Some(name.as_str()).filter(|name| name_fault(name).is_none());
    context.attempts.begin(possible, &address).map_err(too_many)?;
    let (user, hash) = match possible {
        Some(name) => context.store.user(name).await?.unzip(),
        None => (None, None),
    };
    let right = context.passwords.is_right(password, hash, &address).await.map_err(|why| {
        context.attempts.not_made(possible, &address);
        busy(why)
    })?;
    if right {
        context.attempts.succeeded(&name, &address);
    }
    Ok(write::json(&json!({"user": user.filter(|_| right)})))
}

pub(super) async fn list(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let mut params = Params::of(parts.uri.query())?;
    let (limit, after) = page_among(&mut params)?;
    params.end()?;
    let users = context.store.users(after.as_deref(), limit + 1).await?;
    let page: Page<User> = paged(users, limit, |user| user.name.clone());
    Ok(write::json(&page))
}

fn unknown(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no user {name:?}"))
}

pub(super) async fn read(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    no_parameters(request.uri().query())?;
    known(&name)?;
    let (user, _) = context.store.user(&name).await?.ok_or_else(|| unknown(&name))?;
    Ok(write::json(&user))
}

/// A name that nobody can have is not looked for: no database takes some of them.
fn known(name: &str) -> Result<(), Problem> {
    name_fault(name).map_or(Ok(()), |_| Err(unknown(name)))
}

async fn change(context: &Context, name: &str, change: ChangeOfUser, told: Line) -> Reply {
    known(name)?;
    let user = context.store.change_user(name, change, &told).await?.ok_or_else(|| unknown(name))?;
    Ok(write::json(&user))
}

pub(super) async fn set_role(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = begun(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let SetRole { role } = read_body(&body)?;
    let told = line(&parts, &claims.sub, Kind::UserRoleChanged, &name, json!({"role": role}));
    change(&context, &name, ChangeOfUser::Role(role), told).await
}

pub(super) async fn sign_out(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    let (parts, claims, body) = begun(&context, request).await?;
    no_parameters(parts.uri.query())?;
    let Nothing {} = parse(&body)?;
    let told = line(&parts, &claims.sub, Kind::UserSignedOut, &name, json!({}));
    change(&context, &name, ChangeOfUser::SignOut, told).await
}

pub(super) async fn remove(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    no_parameters(parts.uri.query())?;
    let claims: Claims = write::claims(&parts)?;
    let told = line(&parts, &claims.sub, Kind::UserRemoved, &name, json!({}));
    change(&context, &name, ChangeOfUser::Remove, told).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_how_long_it_lasts() {
        for refused in [too_many, too_many_registered] {
            let problem = refused(TooMany { limit: 10, wait_s: 61 });
            assert!(problem.detail.contains("at most 10 ") && problem.detail.contains("wait 2 min"), "{problem:?}");
            let answer = String::from_utf8(problem.to_answer()).unwrap();
            assert!(answer.contains("\r\nretry-after: 61\r\n"), "{answer}");
        }
        assert_eq!((busy(Busy::Address(4)).status(), busy(Busy::All(32)).status()), (429, 503));
    }
}
