//! Importing a file: a trial run first, then the same file in earnest.

use axum::{body::Bytes, extract::Multipart, http::StatusCode, response::Response};
use onhand_client::{FileFormat, Import, Imported, Mode, OnError, Role};

use super::why;
use crate::{
    caller::Caller,
    fields::{Fields, Read},
    page::{Cell, Field, Form as PageForm, Page, Section, Table},
};

const PATH: &str = "/import";
/// A larger file goes by the command.
pub(crate) const FILE_BYTES: usize = 16 << 20;

fn form(given: &Fields) -> Section {
    let mode = [("adjust", "changes, such as -2"), ("set", "counts (admin)")];
    let on_error = [("abort", "apply nothing"), ("skip", "leave it out")];
    let form = PageForm::post(format!("{PATH}/run"), "Send the file")
        .field(
            Field::file("file", "File").required().hint("CSV with a header, a shop’s export, or .ndjson; up to 16 MiB"),
        )
        .field(Field::select("mode", "Quantities are", mode).value(given.text("mode")))
        .field(Field::select("on_error", "If a row is wrong", on_error).value(given.text("on_error")))
        .field(Field::check("create", "Create SKUs that are missing (admin)").value(given.text("create")))
        .field(
            Field::check("trial", "Only say what it would do")
                .value(given.given("mode").map_or("yes", |_| given.text("trial"))),
        );
    let note = "Begin with a trial run: it writes nothing, and says what would be created, changed and left out. Larger \
                files go by the command.";
    Section::new("file", "A file of stock").note(note).form(form).command("onhand import FILE --dry-run")
}

pub(crate) async fn page(caller: Caller) -> Response {
    Page::new(PATH, "Import").with(form(&Fields::default())).show(Some(&caller.person))
}

struct Sent {
    fields: Fields,
    name: String,
    file: Bytes,
}

async fn read(mut multipart: Multipart) -> Read<Sent> {
    let broken = |error: axum::extract::multipart::MultipartError| format!("file: {}", error.body_text());
    let (mut pairs, mut name, mut file) = (Vec::new(), String::new(), Bytes::new());
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let field_name = field.name().unwrap_or_default().to_owned();
        if field_name == "file" {
            field.file_name().unwrap_or_default().clone_into(&mut name);
            file = field.bytes().await.map_err(broken)?;
        } else {
            pairs.push((field_name, field.text().await.map_err(broken)?));
        }
    }
    if file.is_empty() {
        return Err("file: choose one that is not empty".to_owned());
    }
    Ok(Sent { fields: Fields::from(pairs), name, file })
}

fn import_of(sent: &Sent) -> Import {
    let fields = &sent.fields;
    Import {
        format: if sent.name.ends_with(".ndjson") { FileFormat::NdJson } else { FileFormat::Csv },
        mode: if fields.text("mode") == "set" { Mode::Set } else { Mode::Adjust },
        on_error: if fields.text("on_error") == "skip" { OnError::Skip } else { OnError::Abort },
        create: fields.ticked("create"),
        dry_run: fields.ticked("trial"),
        ..Import::default()
    }
}

pub(crate) async fn run(caller: Caller, multipart: Multipart) -> Response {
    let sent = match read(multipart).await {
        Ok(sent) => sent,
        Err(fault) => return refused(&caller, &Fields::default(), fault),
    };
    let import = import_of(&sent);
    if (import.mode == Mode::Set || import.create) && !caller.may(Role::Admin) {
        return refused(&caller, &sent.fields, "Only an admin sets counts or creates items.".to_owned());
    }
    match caller.origin().import(import, sent.file.clone()).key(sent.fields.key()).await {
        Err(error) => refused(&caller, &sent.fields, why(&error)),
        Ok(report) => {
            let page = Page::new(PATH, "Import").with(shown(&sent.name, import.dry_run, &report.value));
            page.with(form(&sent.fields)).show(Some(&caller.person))
        }
    }
}

fn refused(caller: &Caller, given: &Fields, fault: String) -> Response {
    let section = Section::new("refused", "Nothing is imported").failed("", fault);
    let page = Page::new(PATH, "Import").status(StatusCode::BAD_REQUEST).with(section);
    page.with(form(given)).show(Some(&caller.person))
}

fn shown(name: &str, trial: bool, report: &Imported) -> Section {
    let title = if trial { format!("What {name} would do") } else { format!("What {name} did") };
    let mut section = Section::new("report", title).facts([
        ("Rows read", Cell::number(report.read)),
        ("Applied", Cell::number(report.applied)),
        ("Rejected", Cell::number(report.rejected)),
    ]);
    if trial {
        section = section.note("Nothing is written. To do it, choose the file again without the trial.");
    }
    if let Some(would) = &report.would {
        section = section.facts([
            ("Items it would create", Cell::number(would.create_items)),
            ("Rows it would change", Cell::number(would.change_stock)),
            ("Rows that are so already", Cell::number(would.unchanged)),
        ]);
        let rows = would.changes.iter().map(|change| {
            let to = format!("{} → {}", change.from, change.to);
            vec![Cell::number(change.row), Cell::text(&change.sku), Cell::text(&change.location), Cell::number(to)]
        });
        let table = Table::new("The largest changes", &["Line", "SKU", "Location", "On hand"]);
        section = section.table(table.rows(rows).empty("None."));
    }
    let errors = report
        .errors
        .iter()
        .map(|error| vec![Cell::number(error.row), Cell::text(&error.code), Cell::text(&error.detail)]);
    let table = Table::new("Rows that are wrong, the first 100", &["Line", "Code", "Why"]);
    section = section.table(table.rows(errors).empty("No row is wrong."));
    let notes =
        report.notes.iter().map(|note| vec![Cell::number(note.row), Cell::number(note.rows), Cell::text(&note.detail)]);
    let table = Table::new("Taken otherwise than written", &["First line", "Rows", "What"]);
    if report.notes.is_empty() { section } else { section.table(table.rows(notes)) }
}
