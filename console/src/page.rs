//! What a page is made of. Every page is a list of sections; one template shows them all alike.

mod form;
mod notice;
mod section;
mod table;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use onhand_client::Role;

pub(crate) use self::{
    form::{Field, Form, Kind},
    notice::{forbidden, nothing_here},
    section::{Block, Section, word},
    table::{Cell, Table, Tone},
};
use crate::{assets::BUILD, people::Person};

/// A link of the menu, for roles from this one up.
struct Entry {
    path: &'static str,
    label: &'static str,
    least: Role,
}

const fn entry(path: &'static str, label: &'static str, least: Role) -> Entry {
    Entry { path, label, least }
}

const MENU: [Entry; 13] = [
    entry("/shop", "Shop", Role::Shopper),
    entry("/items", "Items", Role::Operator),
    entry("/low-stock", "Low stock", Role::Operator),
    entry("/places", "Places", Role::Operator),
    entry("/import", "Import", Role::Operator),
    entry("/now", "Now", Role::Operator),
    entry("/explain", "Explain", Role::Operator),
    entry("/lanes", "Lanes", Role::Operator),
    entry("/dead-letters", "Dead letters", Role::Operator),
    entry("/rules", "Rules", Role::Operator),
    entry("/health", "Health", Role::Operator),
    entry("/trail", "Who did what", Role::Operator),
    entry("/users", "Users", Role::Admin),
];

/// A link as the page shows it.
struct Link {
    path: &'static str,
    label: &'static str,
    here: bool,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Shown<'a> {
    page: &'a Page,
    menu: Vec<Link>,
    name: Option<&'a str>,
    role: &'static str,
    build: &'static str,
}

#[derive(Template)]
#[template(path = "table.html")]
struct Alone<'a> {
    table: &'a Table,
}

/// A table alone, for a page that is already there.
pub(crate) fn rendered(table: &Table) -> Option<String> {
    Alone { table }.render().ok()
}

pub(crate) struct Page {
    title: String,
    /// The menu's path.
    here: &'static str,
    status: StatusCode,
    /// What has just been done.
    done: Option<String>,
    sections: Vec<Section>,
}

impl Page {
    pub(crate) fn new(here: &'static str, title: impl Into<String>) -> Self {
        Self { title: title.into(), here, status: StatusCode::OK, done: None, sections: Vec::new() }
    }

    pub(crate) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn done(self, done: Option<&str>) -> Self {
        Self { done: done.map(str::to_owned), ..self }
    }

    pub(crate) fn with(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// `person`: whose menu it has; none is signed in.
    pub(crate) fn show(&self, person: Option<&Person>) -> Response {
        let may = |entry: &&Entry| person.is_some_and(|person| person.role >= entry.least);
        let link = |entry: &Entry| Link { path: entry.path, label: entry.label, here: entry.path == self.here };
        let shown = Shown {
            page: self,
            menu: MENU.iter().filter(may).map(link).collect(),
            name: person.map(|person| person.name.as_str()),
            role: person.map_or("", |person| person.role.as_str()),
            build: BUILD,
        };
        match shown.render() {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, page = self.title, "a page could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use onhand_wire::Timestamp;

    use super::*;

    async fn html(page: &Page, person: Option<&Person>) -> String {
        let body = page.show(person).into_body();
        String::from_utf8(axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap()
    }

    fn person(role: Role) -> Person {
        Person { name: "<i>ann".to_owned(), role }
    }

    #[tokio::test]
    async fn what_comes_from_outside_is_text_and_no_markup() {
        let evil = "\"><script>alert(1)</script>";
        let table = Table::new(evil, &["a"]).row(vec![Cell::text(evil)]).row(vec![Cell::link(evil, evil)]);
        let form = Form::post("/x", evil).field(Field::text("n", evil).value(evil)).hidden("h", evil);
        let section = Section::new("s", evil).table(table).form(form).note(evil).failed(evil, evil).command(evil);
        let text = html(&Page::new("/now", evil).done(Some(evil)).with(section), Some(&person(Role::Admin))).await;
        assert!(!text.contains("<script>") && !text.contains("<i>ann"), "{text}");
        assert!(text.contains("&#60;script&#62;"), "{text}");
    }

    #[tokio::test]
    async fn the_menu_has_what_the_role_may_see() {
        let page = Page::new("/shop", "Shop");
        let text = html(&page, Some(&person(Role::Shopper))).await;
        assert!(text.contains("href=\"/shop\" aria-current=\"page\"") && !text.contains("href=\"/lanes\""), "{text}");
        let text = html(&page, Some(&person(Role::Operator))).await;
        assert!(text.contains("href=\"/lanes\"") && !text.contains("href=\"/users\""), "{text}");
        assert!(!html(&page, None).await.contains("href=\"/shop\""));
    }

    #[tokio::test]
    async fn a_field_has_its_label_and_a_moment_its_time() {
        let moment = Timestamp::parse("2026-01-31T09:30:00.123Z").unwrap();
        let form = Form::post("/x", "Go").field(Field::number("quantity", "Quantity").required());
        let table = Table::new("t", &["when"]).row(vec![Cell::time(moment)]);
        let text = html(&Page::new("/now", "t").with(Section::new("s", "S").form(form).table(table)), None).await;
        assert!(text.contains("<time datetime=\"2026-01-31T09:30:00.123Z\">2026-01-31 09:30:00 UTC</time>"), "{text}");
        let id = text.split("<label for=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(text.contains(&format!("id=\"{id}\"")), "{text}");
    }
}
