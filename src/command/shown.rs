//! Answers as people read them, or as programs do.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde_json::Value;

/// JSON a line, or a table of these members; what is not there is left empty.
pub(super) fn show(items: &[Value], columns: &[&str], json: bool) {
    if json {
        items.iter().for_each(|item| println!("{item}"));
        return;
    }
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(columns.to_vec());
    for item in items {
        table.add_row(columns.iter().map(|column| cell(&item[*column])));
    }
    println!("{table}");
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("{name} {}", cell(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}
