//! Which rules decided where a reservation's units come from.

use std::fmt::Write;

use onhand_client::Trace;
use onhand_http::setting::{ClientConfig, SecretUrl};
use serde_json::Value;
use uuid::Uuid;

use super::{ask, show};

/// Longer ones are cut: `--json` has all of it.
const SHOWN: usize = 100;

pub(super) async fn trace(id: Uuid, origin: &SecretUrl, token: &str, tls: &ClientConfig) -> Result<Trace, String> {
    let url = ask::with_scheme(origin);
    match async { ask::client(&url, token, tls)?.trace(id).await }.await {
        Ok(trace) => Ok(trace.value),
        Err(error) if error.is("not_found") => Err(format!("origin {url}: there is no reservation {id}")),
        Err(error) => Err(format!("origin {url}: {}", ask::why(&error))),
    }
}

/// The report for people.
pub(super) fn report(trace: &Trace, terminal: bool) -> String {
    let mut text = String::new();
    let Trace { id, allocated_by, calls } = trace;
    let _ = writeln!(text, "{id}: allocated by {allocated_by}");
    if calls.is_empty() {
        let _ = writeln!(text, "No rule was asked: a built-in strategy decided.");
        return text;
    }
    let mut table = show::table(terminal, &["rule", "world", "answer, or why none", "input", "component"]);
    for call in calls {
        let word = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
        let said = match &call["answer"] {
            Value::Null => format!("{}: {}", call["fault"]["reason"].as_str().unwrap_or_default(), fault(call)),
            answer => answer.to_string(),
        };
        table.add_row([word("rule"), word("world"), cut(&said), short(&word("digest")), short(&word("component"))]);
    }
    let _ = writeln!(
        text,
        "\n{table}\n\ninput and component are the first digits of their SHA-256. With --json, an element of"
    );
    let _ = writeln!(text, "`calls` saved to a file can be run again: `onhand rule replay FILE`.");
    text
}

fn fault(call: &Value) -> &str {
    call["fault"]["detail"].as_str().unwrap_or_default()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("…".chars()).collect()
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
