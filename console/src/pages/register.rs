//! Registering: by an invitation's link with its role, else as a shopper.

use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};

use super::{sign_in::begun, why};
use crate::{
    caller::{Address, Console, Shared},
    fields::Fields,
    page::{Field, Form as PageForm, Page, Section},
};

type Pairs = Vec<(String, String)>;

fn shown(console: &Console, invitation: &str, name: &str, refused: Option<(StatusCode, String)>) -> Response {
    let invited = !invitation.is_empty();
    let (status, failed) = refused.unzip();
    let title = if invited { "With the role of your invitation" } else { "As a shopper" };
    let mut section = Section::new("register", title);
    if let Some(failed) = failed {
        section = section.failed("You are not registered.", failed);
    }
    if !invited && !console.registration {
        section = section.note("Here people register by invitation only. Ask an admin for a link.");
    } else {
        let name = Field::text("name", "Name").value(name).required().autocomplete("username");
        let password = Field::password("password", "Password").required().autocomplete("new-password");
        let form = PageForm::get("/register", "Register")
            .sent()
            .hidden("invitation", invitation)
            .field(name.hint("1 to 64 of a-z, 0-9, . _ @ -"))
            .field(password.hint("12 to 256 bytes; several words are good"));
        section = section.form(form);
    }
    Page::new("", "Register").status(status.unwrap_or(StatusCode::OK)).with(section).show(None)
}

pub(crate) async fn page(State(Shared(console)): State<Shared>, Query(query): Query<Pairs>) -> Response {
    shown(&console, Fields::from(query).text("invitation"), "", None)
}

pub(crate) async fn enter(
    State(Shared(console)): State<Shared>,
    Address(address): Address,
    Form(form): Form<Pairs>,
) -> Response {
    let form = Fields::from(form);
    let (invitation, name) = (form.given("invitation"), form.text("name"));
    if invitation.is_none() && !console.registration {
        return shown(&console, "", name, Some((StatusCode::FORBIDDEN, "It needs an invitation.".to_owned())));
    }
    let users = console.nodes.users();
    let registered = users.register(name, form.exact("password"), invitation.as_deref(), &address).await;
    let refused = match registered {
        Ok(user) => return begun(&console, &user.value, "/"),
        Err(error) if error.is("invalid_request") => (StatusCode::BAD_REQUEST, why(&error)),
        Err(error) if error.is("rate_limited") => (StatusCode::TOO_MANY_REQUESTS, why(&error)),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, why(&error)),
    };
    shown(&console, form.text("invitation"), name, Some(refused))
}
