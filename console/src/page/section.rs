//! A section of a page: what is in it fails alone, and says so in its place.

use super::{
    form::Form,
    table::{Cell, Table},
};

/// A word of a command, as a shell reads it.
pub(crate) fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/@:".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

pub(crate) enum Block {
    Table(Table),
    Form(Form),
    /// Names and values.
    Facts(Vec<(String, Cell)>),
    Note(String),
    /// What could not be got, and why.
    Failed {
        what: String,
        why: String,
    },
    /// A link to the next page of a list, and the like.
    More {
        href: String,
        text: String,
    },
    /// The stock of one item, kept current by its stream: the stream's address, what it shows now, and how old that is.
    Live {
        stream: String,
        table: Table,
        age: String,
    },
    /// A moment to which a countdown runs.
    Until {
        at: String,
        text: String,
    },
}

pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: String,
    pub(crate) blocks: Vec<Block>,
    /// Shows the same.
    pub(crate) command: Option<String>,
    /// Asked again every few seconds, where there is a script: the page that has it.
    pub(crate) again: Option<String>,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: impl Into<String>) -> Self {
        Self { id, title: title.into(), blocks: Vec::new(), command: None, again: None }
    }

    pub(crate) fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    pub(crate) fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    pub(crate) fn form(self, form: Form) -> Self {
        self.block(Block::Form(form))
    }

    pub(crate) fn facts<'a>(self, facts: impl IntoIterator<Item = (&'a str, Cell)>) -> Self {
        self.block(Block::Facts(facts.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()))
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        self.block(Block::Note(note.into()))
    }

    pub(crate) fn failed(self, what: impl Into<String>, why: impl Into<String>) -> Self {
        self.block(Block::Failed { what: what.into(), why: why.into() })
    }

    pub(crate) fn more(self, href: Option<String>, text: &str) -> Self {
        match href {
            Some(href) => self.block(Block::More { href, text: text.to_owned() }),
            None => self,
        }
    }

    pub(crate) fn command(self, command: impl Into<String>) -> Self {
        Self { command: Some(command.into()), ..self }
    }

    /// Only for a section without forms: what somebody types into one would be lost.
    pub(crate) fn again(self, page: impl Into<String>) -> Self {
        Self { again: Some(page.into()), ..self }
    }
}
