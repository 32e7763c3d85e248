//! Pages that only say why another one is not shown.

use axum::{http::StatusCode, response::Response};
use onhand_client::Role;

use super::{Block, Page, Section};
use crate::people::Person;

pub(crate) fn forbidden(person: &Person, least: Role) -> Response {
    let why = format!(
        "This page is for the role {} and those above it; you are signed in as {} with the role {}. An admin can give \
         you another role on the page Users.",
        least.as_str(),
        person.name,
        person.role.as_str()
    );
    let section = Section::new("forbidden", "Your role does not allow this").note(why);
    Page::new("", "Not allowed").status(StatusCode::FORBIDDEN).with(section).show(Some(person))
}

pub(crate) fn nothing_here() -> Response {
    let section = Section::new("nothing", "There is no such page")
        .block(Block::More { href: "/".to_owned(), text: "To the beginning".to_owned() });
    Page::new("", "Not found").status(StatusCode::NOT_FOUND).with(section).show(None)
}
