//! Users: who may sign in, with which role; invitations; signing somebody out everywhere.

use axum::{
    Form,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use onhand_client::{Role, User};

use super::{back, done, why};
use crate::{
    caller::Caller,
    fields::Fields,
    page::{Cell, Field, Form as PageForm, Page, Section, Table},
};

type Pairs = Vec<(String, String)>;

const PATH: &str = "/users";
const COMMAND: &str = "onhand console invite --role admin";

fn roles(name: &'static str, of: Role) -> Field {
    Field::select(name, "Role", Role::ALL.map(|role| (role.as_str(), role.as_str()))).value(of.as_str())
}

fn row(user: &User, me: &str) -> Vec<Cell> {
    let action = format!("{PATH}/{}", onhand_client::encode(&user.name));
    let form = |what: &str, button: &str| {
        PageForm::post(action.clone(), button).about(format!("of {}", user.name)).hidden("what", what)
    };
    let forms = [
        form("role", "Set role").field(roles("role", user.role)),
        form("sign-out", "Sign out everywhere"),
        form("remove", "Remove").weighty(),
    ];
    let name = if user.name == me { format!("{} (you)", user.name) } else { user.name.clone() };
    vec![Cell::text(name), Cell::text(user.role.as_str()), Cell::time(user.created_at), Cell::forms(forms)]
}

async fn list(caller: &Caller, query: &Fields) -> Section {
    let mut call = caller.origin().users().limit(50);
    if let Some(cursor) = query.given("cursor") {
        call = call.after(&cursor);
    }
    let section = Section::new("users", "Who may sign in");
    match call.await {
        Err(error) => section.failed("The users cannot be shown.", why(&error)),
        Ok(page) => {
            let rows = page.value.items.iter().map(|user| row(user, &caller.person.name));
            let table = Table::new("By name", &["Name", "Role", "Since", "Change"]).rows(rows);
            let next = page.value.next_cursor.map(|cursor| query.address(PATH, &[("cursor", &cursor)]));
            section.table(table.empty("Nobody has registered.")).more(next, "Next page")
        }
    }
}

fn invitation() -> Section {
    let form = PageForm::post(PATH, "Make a link").field(roles("role", Role::Operator));
    let note = "A link is good for one person and 24 hours. It is shown once.";
    Section::new("invite", "Invite somebody").note(note).form(form).command(COMMAND)
}

async fn whole(caller: &Caller, query: &Fields, first: Option<Section>) -> Page {
    let page = Page::new(PATH, "Users").done(done(query.text("done")));
    let page = first.into_iter().fold(page, Page::with);
    page.with(list(caller, query).await).with(invitation())
}

pub(crate) async fn page(caller: Caller, Query(query): Query<Pairs>) -> Response {
    whole(&caller, &Fields::from(query), None).await.show(Some(&caller.person))
}

pub(crate) async fn invite(caller: Caller, headers: HeaderMap, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let section = Section::new("invited", "The invitation");
    let role = match form.text("role").parse::<Role>() {
        Ok(role) => role,
        Err(fault) => return refused(&caller, section.failed("No link was made.", fault)).await,
    };
    let invited = match caller.origin().invite(role, None).await {
        Ok(invited) => invited.value,
        Err(error) => return refused(&caller, section.failed("No link was made.", why(&error))).await,
    };
    // The browser knows by which address the console is reached.
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    let facts = [
        ("Send this link", Cell::code(format!("{origin}/register?invitation={}", invited.token))),
        ("Role", Cell::text(invited.role.as_str())),
        ("Good until", Cell::time(invited.expires_at)),
    ];
    let section = section.facts(facts).note("It is not shown again.");
    whole(&caller, &Fields::default(), Some(section)).await.show(Some(&caller.person))
}

async fn refused(caller: &Caller, section: Section) -> Response {
    let page = whole(caller, &Fields::default(), Some(section)).await;
    page.status(StatusCode::BAD_REQUEST).show(Some(&caller.person))
}

pub(crate) async fn change(caller: Caller, Path(name): Path<String>, Form(form): Form<Pairs>) -> Response {
    let form = Fields::from(form);
    let origin = caller.origin();
    let (word, changed) = match (form.text("what"), form.text("role").parse::<Role>()) {
        ("role", Ok(role)) => ("role", origin.set_role(&name, role).await),
        ("sign-out", _) => ("signed-out", origin.sign_out_everywhere(&name).await),
        ("remove", _) => ("removed", origin.remove_user(&name).await),
        _ => {
            let section = Section::new("refused", "Nothing is changed").failed("", "Say what to change.");
            return refused(&caller, section).await;
        }
    };
    caller.console.people.forget(&name);
    match changed {
        Ok(_) => back(PATH, word),
        Err(error) => {
            let section = Section::new("refused", "Nothing is changed").failed(format!("{name}:"), why(&error));
            refused(&caller, section).await
        }
    }
}
