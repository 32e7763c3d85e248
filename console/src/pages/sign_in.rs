//! Signing in and out.

use axum::{
    Form,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use onhand_client::User;

use super::why;
use crate::{
    asking::local,
    caller::{Address, Console, Shared},
    fields::Fields,
    page::{Block, Field, Form as PageForm, Page, Section},
    seal::{Session, now_s},
};

type Pairs = Vec<(String, String)>;

fn shown(console: &Console, next: &str, name: &str, refused: Option<(StatusCode, String)>) -> Response {
    let form = PageForm::get("/sign-in", "Sign in")
        .sent()
        .hidden("next", local(next))
        .field(Field::text("name", "Name").value(name).required().autocomplete("username"))
        .field(Field::password("password", "Password").required().autocomplete("current-password"));
    let (status, failed) = refused.unzip();
    let section = Section::new("sign-in", "With your name and password");
    let section = match failed {
        Some(failed) => section.failed("You are not signed in.", failed),
        None => section,
    };
    let section = section.form(form);
    let register = Block::More { href: "/register".to_owned(), text: "Register as a shopper".to_owned() };
    let section = if console.registration { section.block(register) } else { section };
    Page::new("", "Sign in").status(status.unwrap_or(StatusCode::OK)).with(section).show(None)
}

pub(crate) async fn page(State(Shared(console)): State<Shared>, Query(query): Query<Pairs>) -> Response {
    shown(&console, Fields::from(query).text("next"), "", None)
}

pub(crate) async fn enter(
    State(Shared(console)): State<Shared>,
    Address(address): Address,
    Form(form): Form<Pairs>,
) -> Response {
    let form = Fields::from(form);
    let (next, name) = (form.text("next"), form.text("name"));
    let verified = console.nodes.users().verify_user(name, form.exact("password"), &address).await;
    let refused = match verified.map(|verified| verified.value) {
        Ok(Some(user)) => return begun(&console, &user, local(next)),
        Ok(None) => (StatusCode::FORBIDDEN, "The name or the password is wrong.".to_owned()),
        Err(error) if error.is("rate_limited") => (StatusCode::TOO_MANY_REQUESTS, why(&error)),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, why(&error)),
    };
    shown(&console, next, name, Some(refused))
}

/// A session begins, and its page follows.
pub(super) fn begun(console: &Console, user: &User, next: &str) -> Response {
    console.people.forget(&user.name);
    let cookie = console.seals.seal(&Session::begin(user, now_s()));
    ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
}

pub(crate) async fn leave(State(Shared(console)): State<Shared>) -> Response {
    ([(header::SET_COOKIE, console.seals.end())], Redirect::to("/sign-in")).into_response()
}
