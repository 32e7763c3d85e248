//! A form of a page. Each works without script.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Password,
    Search,
    File,
    Check,
    /// Value and label of each.
    Select(Vec<(String, String)>),
}

pub(crate) struct Field {
    /// Ties the label to its input.
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) value: String,
    pub(crate) required: bool,
    pub(crate) hint: String,
    /// What browsers may fill in.
    pub(crate) autocomplete: &'static str,
}

/// No two fields of a page have one id.
fn new_id(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed) % 1_000_000)
}

impl Field {
    fn new(kind: Kind, name: &'static str, label: impl Into<String>) -> Self {
        let (value, hint) = (String::new(), String::new());
        Self { id: new_id(name), name, label: label.into(), kind, value, required: false, hint, autocomplete: "off" }
    }

    pub(crate) fn text(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(Kind::Text, name, label)
    }

    pub(crate) fn number(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(Kind::Number, name, label)
    }

    pub(crate) fn password(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(Kind::Password, name, label)
    }

    pub(crate) fn search(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(Kind::Search, name, label)
    }

    pub(crate) fn file(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(Kind::File, name, label)
    }

    /// Its value is `yes` where it is ticked.
    pub(crate) fn check(name: &'static str, label: impl Into<String>) -> Self {
        Self::new(Kind::Check, name, label)
    }

    pub(crate) fn select<T: ToString>(
        name: &'static str,
        label: impl Into<String>,
        options: impl IntoIterator<Item = (T, T)>,
    ) -> Self {
        let options = options.into_iter().map(|(value, text)| (value.to_string(), text.to_string()));
        Self::new(Kind::Select(options.collect()), name, label)
    }

    pub(crate) fn value(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    pub(crate) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }
}

pub(crate) struct Form {
    pub(crate) method: &'static str,
    pub(crate) action: String,
    pub(crate) button: String,
    /// What else the button's name says, for those who do not see where it stands.
    pub(crate) about: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) has_file: bool,
    pub(crate) weighty: bool,
}

impl Form {
    fn new(method: &'static str, action: impl Into<String>, button: impl Into<String>) -> Self {
        Self {
            method,
            action: action.into(),
            button: button.into(),
            about: String::new(),
            fields: Vec::new(),
            hidden: Vec::new(),
            has_file: false,
            weighty: false,
        }
    }

    /// A form that filters: its fields stand in the address.
    pub(crate) fn get(action: impl Into<String>, button: impl Into<String>) -> Self {
        Self::new("get", action, button)
    }

    /// A form that changes something. It carries a key, so that sending it twice does it once.
    pub(crate) fn post(action: impl Into<String>, button: impl Into<String>) -> Self {
        Self::new("get", action, button).sent().hidden("key", Uuid::new_v4().to_string())
    }

    /// Sent as a body: what is typed into it does not belong into an address.
    pub(crate) fn sent(self) -> Self {
        Self { method: "post", ..self }
    }

    pub(crate) fn about(self, about: impl Into<String>) -> Self {
        Self { about: about.into(), ..self }
    }

    pub(crate) fn field(mut self, field: Field) -> Self {
        self.has_file |= field.kind == Kind::File;
        self.fields.push(field);
        self
    }

    pub(crate) fn hidden(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.hidden.push((name, value.into()));
        self
    }

    /// It cannot be undone.
    pub(crate) fn weighty(self) -> Self {
        Self { weighty: true, ..self }
    }
}
