//! What an import has taken as something else than it was written, told in its report.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// How often something was so, and where first.
#[derive(Debug, Clone)]
struct Note {
    rows: u64,
    /// The line in the file; 0: it concerns the whole file.
    row: u64,
    detail: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Notes(BTreeMap<&'static str, Note>);

impl Notes {
    /// `detail` is of the first one.
    pub(super) fn add(&mut self, code: &'static str, row: u64, detail: impl FnOnce() -> String) {
        self.0.entry(code).or_insert_with(|| Note { rows: 0, row, detail: detail() }).rows += 1;
    }

    /// Of the whole file.
    pub(super) fn tell(&mut self, code: &'static str, detail: String) {
        self.0.insert(code, Note { rows: 0, row: 0, detail });
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn shown(&self) -> Vec<Value> {
        let shown = |(code, note): (&&'static str, &Note)| match note.row {
            0 => json!({"code": code, "detail": note.detail}),
            row => json!({"code": code, "detail": note.detail, "rows": note.rows, "row": row}),
        };
        self.0.iter().map(shown).collect()
    }
}
