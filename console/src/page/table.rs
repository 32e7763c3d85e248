//! A table of a page.

use onhand_wire::Timestamp;

use super::form::Form;

/// How a word is marked; the word itself says the same, so colour is never alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Late,
    Bad,
    Plain,
}

impl Tone {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Late => "late",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}

pub(crate) enum Cell {
    Text(String),
    Code(String),
    Number(String),
    Link {
        href: String,
        text: String,
    },
    Mark {
        tone: Tone,
        text: String,
    },
    /// RFC 3339, and the same for people.
    Time {
        at: String,
        text: String,
    },
    Forms(Vec<Form>),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    pub(crate) fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    pub(crate) fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link { href: href.into(), text: text.into() }
    }

    pub(crate) fn mark(tone: Tone, text: impl Into<String>) -> Self {
        Self::Mark { tone, text: text.into() }
    }

    /// The page's script shows it in the reader's zone.
    pub(crate) fn time(at: Timestamp) -> Self {
        let at = at.to_string();
        let text = format!("{} UTC", at.replace('T', " ").split(['.', 'Z']).next().unwrap_or_default());
        Self::Time { at, text }
    }

    pub(crate) fn forms(forms: impl IntoIterator<Item = Form>) -> Self {
        Self::Forms(forms.into_iter().collect())
    }
}

pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// Said where there is no row.
    pub(crate) empty: &'static str,
}

impl Table {
    pub(crate) fn new(caption: impl Into<String>, head: &[&str]) -> Self {
        let head = head.iter().map(ToString::to_string).collect();
        Self { caption: caption.into(), head, rows: Vec::new(), empty: "Nothing." }
    }

    pub(crate) fn empty(self, empty: &'static str) -> Self {
        Self { empty, ..self }
    }

    /// What a narrow screen writes before a cell.
    pub(crate) fn label(&self, column: &usize) -> &str {
        self.head.get(*column).map_or("", String::as_str)
    }

    pub(crate) fn row(mut self, row: Vec<Cell>) -> Self {
        self.rows.push(row);
        self
    }

    pub(crate) fn rows(mut self, rows: impl IntoIterator<Item = Vec<Cell>>) -> Self {
        self.rows.extend(rows);
        self
    }
}
