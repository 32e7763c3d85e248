//! `onhand audit-log`: the origin's trail.

use std::{error::Error, process::ExitCode};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use reqwest::Method;
use serde_json::Value;

use super::{Done, at::At};

/// Show who changed what: items, locations, channels, maintenance, releases, starts, log levels, caches
///
/// Newest first. Changes of stock stand in the ledger: GET /inventory/products/{sku}/ledger. The origin keeps the
/// trail for a year unless origin.trail_keep says otherwise; nobody can change a line, nor delete one in its first 30
/// days.
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
    /// Not before this moment, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most lines to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Print each line's JSON instead of a table: whole details, with what was there before
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Done {
    let lines = args.lines().await?;
    if args.json {
        lines.iter().for_each(|line| println!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["time", "actor", "kind", "what", "change"]);
    for line in &lines {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        table.add_row([text("time"), text("actor"), text("kind"), text("what"), change(&line["detail"])]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

impl Args {
    async fn lines(&self) -> Result<Vec<Value>, Box<dyn Error>> {
        let mut lines = Vec::new();
        let mut cursor = None::<String>;
        while lines.len() < self.limit {
            let page = (self.limit - lines.len()).min(onhand_wire::limits::PAGE).to_string();
            let asked = [
                ("actor", &self.actor),
                ("kind", &self.kind),
                ("from", &self.from),
                ("to", &self.to),
                ("limit", &Some(page)),
                ("cursor", &cursor),
            ];
            let given: Vec<_> = asked.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
            // Only its query is taken.
            let url = reqwest::Url::parse_with_params("http://origin/", &given)?;
            let path = format!("/internal/api/audit?{}", url.query().unwrap_or_default());
            let answer = self.at.call(Method::GET, &path)?.send().await;
            let answer = answer.map_err(|error| format!("{}: {}", self.at.origin, error.without_url()))?;
            let status = answer.status();
            let body = answer.json::<Value>().await.map_err(reqwest::Error::without_url)?;
            if !status.is_success() {
                return Err(format!("{status}: {}", body["detail"].as_str().unwrap_or_default()).into());
            }
            lines.extend(body["items"].as_array().cloned().unwrap_or_default());
            cursor = body["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(lines)
    }
}

/// What differs between before and after; else the detail as it is.
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
