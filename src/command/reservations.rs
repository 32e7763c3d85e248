//! `onhand reservations`: found, shown and moved on.

use std::process::ExitCode;

use onhand_client::{Call, encode};
use onhand_wire::page::Page;
use serde_json::{Value, json};

use super::{Done, at::At, shown::show};

/// Find reservations, and do what the API does to them
#[derive(clap::Subcommand)]
pub(crate) enum Reservations {
    /// Those of an order, an item, a location, a state or a time; the latest first
    List(List),
    /// One reservation
    Show(One),
    /// Move a hold's deadline, from now
    Extend {
        #[command(flatten)]
        one: One,
        #[arg(long, value_name = "SECONDS")]
        ttl: u32,
    },
    /// Confirm a hold, all of it
    Confirm(One),
    /// Cancel what isn't shipped
    Cancel {
        #[command(flatten)]
        one: One,
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Ship all that is left, or some of a line
    Fulfil {
        #[command(flatten)]
        one: One,
        /// Of this line only: the first is 0
        #[arg(long, requires = "quantity", value_name = "N")]
        line: Option<u32>,
        #[arg(long, requires = "line", value_name = "N")]
        quantity: Option<u32>,
        /// From there, wherever it is allocated
        #[arg(long, requires = "line", value_name = "LOCATION")]
        location: Option<String>,
    },
    /// Take shipped goods back on hand
    Return {
        #[command(flatten)]
        one: One,
        /// The first is 0
        #[arg(long, value_name = "N")]
        line: u32,
        #[arg(long, value_name = "N")]
        quantity: u32,
        /// Where they are put [default: where they were shipped from]
        #[arg(long, value_name = "LOCATION")]
        location: Option<String>,
    },
    /// Let some of a line come from another location (operator)
    Reallocate {
        #[command(flatten)]
        one: One,
        /// The first is 0
        #[arg(long, value_name = "N")]
        line: u32,
        #[arg(long, value_name = "LOCATION")]
        from: String,
        #[arg(long, value_name = "LOCATION")]
        to: String,
        #[arg(long, value_name = "N")]
        quantity: u32,
    },
    /// Replace a hold's lines, all or nothing
    Lines {
        #[command(flatten)]
        one: One,
        /// SKU and quantity of each line
        #[arg(value_name = "SKU=QUANTITY", required = true)]
        lines: Vec<String>,
    },
}

#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    at: At,
    /// The shop's own number of the order
    #[arg(long, value_name = "TEXT")]
    order_ref: Option<String>,
    /// Holds, or held, some of this item
    #[arg(long)]
    sku: Option<String>,
    #[arg(long)]
    location: Option<String>,
    #[arg(long, value_parser = ["held", "confirmed", "fulfilled", "cancelled", "expired"])]
    state: Option<String>,
    /// Made at this moment or later, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Made before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// JSON, a reservation a line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    at: At,
    /// The reservation's id
    id: String,
    /// Print the answer's JSON
    #[arg(long)]
    json: bool,
}

const COLUMNS: [&str; 6] = ["id", "state", "order_ref", "created_at", "expires_at", "lines"];

impl Reservations {
    pub(super) async fn run(self) -> Done {
        match self {
            Self::List(list) => list.run().await,
            Self::Show(one) => one.call("GET", "", None).await,
            Self::Extend { one, ttl } => one.call("POST", "/extend", Some(json!({"ttl_s": ttl}))).await,
            Self::Confirm(one) => one.call("POST", "/confirm", Some(json!({}))).await,
            Self::Cancel { one, reason } => one.call("POST", "/cancel", Some(json!({"reason": reason}))).await,
            Self::Fulfil { one, line, quantity, location } => {
                let line =
                    line.map(|line| json!({"lines": [{"line": line, "quantity": quantity, "location": location}]}));
                one.call("POST", "/fulfil", Some(line.unwrap_or_else(|| json!({})))).await
            }
            Self::Return { one, line, quantity, location } => {
                let body = json!({"lines": [{"line": line, "quantity": quantity}], "location": location});
                one.call("POST", "/return", Some(body)).await
            }
            Self::Reallocate { one, line, from, to, quantity } => {
                let body = json!({"line": line, "from": from, "to": to, "quantity": quantity});
                one.call("POST", "/reallocate", Some(body)).await
            }
            Self::Lines { one, lines } => {
                let lines = lines.iter().map(|line| self::line(line)).collect::<Result<Vec<_>, _>>()?;
                one.call("PUT", "/lines", Some(json!({"lines": lines}))).await
            }
        }
    }
}

/// The last `=`: a SKU may have some of its own.
fn line(text: &str) -> Result<Value, String> {
    let pair = text.rsplit_once('=').and_then(|(sku, quantity)| Some((sku, quantity.parse::<u32>().ok()?)));
    let (sku, quantity) = pair.ok_or_else(|| format!("{text}: SKU=QUANTITY, such as 22423=2"))?;
    Ok(json!({"sku": sku, "quantity": quantity}))
}

impl List {
    async fn run(self) -> Done {
        let Self { at, order_ref, sku, location, state, from, to, limit, json } = self;
        let call: Call<Page<Value>> = at.client()?.list("/v1/reservations");
        let call = call.with("order_ref", order_ref).with("sku", sku).with("location", location);
        let found = call.with("state", state).with("from", from).with("to", to).items(limit).await?;
        show(&found.iter().map(|found| short(found, json)).collect::<Vec<_>>(), &COLUMNS, json);
        Ok(ExitCode::SUCCESS)
    }
}

/// As a table shows it: each line in a few words.
fn short(found: &Value, json: bool) -> Value {
    let mut shown = found.clone();
    if !json {
        let line = |line: &Value| format!("{} × {}", line["quantity"], line["sku"].as_str().unwrap_or_default());
        shown["lines"] = found["lines"].as_array().into_iter().flatten().map(line).collect::<Vec<_>>().into();
    }
    shown
}

impl One {
    async fn call(self, method: &str, verb: &str, body: Option<Value>) -> Done {
        let path = format!("/v1/reservations/{}{verb}", encode(&self.id));
        let call = self.at.client()?.call(method.parse()?, path);
        let call = match body {
            Some(body) => call.json(&body).key(uuid::Uuid::new_v4().to_string()),
            None => call,
        };
        let found = call.await?.value;
        show(&[short(&found, self.json)], &COLUMNS, self.json);
        Ok(ExitCode::SUCCESS)
    }
}
