//! `onhand audit-log`: the origin's trail.

use std::{error::Error, process::ExitCode};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_client::{TrailLine, TrailQuery};
use serde_json::Value;

use super::{Done, at::At};

/// Show who changed what: items, locations, channels, maintenance, releases, starts, log levels, caches
///
/// Newest first. Changes of stock are in the ledger: GET /inventory/products/{sku}/ledger. The origin keeps the trail
/// for a year unless origin.trail_keep says otherwise; nobody can change a line, nor delete one in its first 30 days.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    at: At,
    /// Only what this token's subject did
    #[arg(long, value_name = "SUBJECT")]
    actor: Option<String>,
    /// Only this kind, such as location_put or started
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only from this time on, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most lines to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print each line's JSON instead of a table, with all details and the values before the change
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Done {
    let json = args.json;
    let lines = args.lines().await?;
    if json {
        lines.iter().for_each(|line| println!("{}", serde_json::json!(line)));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["time", "actor", "kind", "what", "change"]);
    for line in &lines {
        let TrailLine { time, actor, kind, what, detail, .. } = line;
        table.add_row([&time.to_string(), actor, kind, what, &change(detail)]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

impl Args {
    async fn lines(self) -> Result<Vec<TrailLine>, Box<dyn Error>> {
        let Self { at, actor, kind, from, to, limit, .. } = self;
        Ok(at.client()?.trail(&TrailQuery { actor, kind, from, to }).items(limit).await?)
    }
}

/// What differs between before and after, else the whole detail.
fn change(detail: &Value) -> String {
    if let (Some(before), Some(after)) = (detail["before"].as_object(), detail["after"].as_object()) {
        let moves = |name: &&String| !matches!(name.as_str(), "version" | "changed_at");
        let differs = after.iter().filter(|(name, now)| moves(name) && before.get(*name) != Some(now));
        let told = differs.map(|(name, now)| format!("{name}: {} -> {now}", before.get(name).unwrap_or(&Value::Null)));
        return told.collect::<Vec<_>>().join(", ");
    }
    match &detail["difference"] {
        Value::Object(difference) => {
            let lines = |name: &str| difference[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            let (gone, now) =
                (lines("no_longer").map(|key| format!("- {key}")), lines("now").map(|key| format!("+ {key}")));
            let all: Vec<_> = gone.chain(now).collect();
            if all.is_empty() { "the same configuration".to_owned() } else { all.join("\n") }
        }
        _ if detail["fingerprint"].is_string() => format!("configuration {}", detail["fingerprint"]),
        _ if detail["after"].is_object() => "new".to_owned(),
        _ => detail.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_shown() {
        let moved = json!({"before": {"name": "A", "priority": 1, "version": "1"}, "after": {"name": "A", "priority": 2, "version": "2"}});
        assert_eq!(change(&moved), "priority: 1 -> 2");
        assert_eq!(change(&json!({"before": null, "after": {"name": "A"}})), "new");
        let started =
            json!({"fingerprint": "f", "difference": {"no_longer": ["log.level = 1"], "now": ["log.level = 2"]}});
        assert_eq!(change(&started), "- log.level = 1\n+ log.level = 2");
    }
}
