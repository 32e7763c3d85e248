//! `onhand stock`: looked at, counted, moved.

use std::process::ExitCode;

use onhand_client::{Call, encode};
use onhand_wire::page::Page;
use serde_json::{Value, json};

use super::{Done, at::At, shown::show};

/// Look at stock, and change it
#[derive(clap::Subcommand)]
pub(crate) enum Stock {
    /// What of an item is where
    Show(Item),
    /// Set on hand, as it was counted (admin)
    Set {
        #[command(flatten)]
        item: Item,
        location: String,
        quantity: i64,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Change on hand (operator)
    Adjust {
        #[command(flatten)]
        item: Item,
        location: String,
        #[arg(allow_negative_numbers = true)]
        delta: i64,
        #[arg(long, value_parser = ["received", "damaged", "found", "lost", "correction"])]
        kind: String,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Move what is available from one location to another (operator)
    Transfer {
        #[command(flatten)]
        item: Item,
        from: String,
        to: String,
        quantity: i64,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Every change of an item's stock, newest first (operator)
    Ledger {
        #[command(flatten)]
        item: Item,
        #[arg(long)]
        location: Option<String>,
        /// Most to print
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// What is at or below its threshold (operator)
    Low {
        #[command(flatten)]
        at: At,
        /// Most to print
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// JSON, a row a line
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct Item {
    #[command(flatten)]
    at: At,
    sku: String,
    /// JSON, a row a line
    #[arg(long)]
    json: bool,
}

const ROWS: [&str; 7] =
    ["location", "on_hand", "reserved", "available", "safety_stock", "backorder_limit", "changed_at"];

impl Stock {
    pub(super) async fn run(self) -> Done {
        match self {
            Self::Show(item) => {
                let found = item.at.client()?.call("GET".parse()?, item.path("")).await?.value;
                show(found["stock"].as_array().map_or(&[][..], Vec::as_slice), &ROWS, item.json);
            }
            Self::Set { item, location, quantity, reason } => {
                let body = json!({"location": location, "quantity": quantity, "reason": reason});
                item.change("PUT", item.path("/stock"), &body).await?;
            }
            Self::Adjust { item, location, delta, kind, reason } => {
                let body = json!({"location": location, "delta": delta, "kind": kind, "reason": reason});
                item.change("POST", item.path("/adjustments"), &body).await?;
            }
            Self::Transfer { item, from, to, quantity, reason } => {
                let body = json!({"sku": item.sku, "from": from, "to": to, "quantity": quantity, "reason": reason});
                item.change("POST", "/inventory/transfers".to_owned(), &body).await?;
            }
            Self::Ledger { item, location, limit } => {
                let call: Call<Page<Value>> = item.at.client()?.list(item.path("/ledger"));
                let lines = call.with("location", location).items(limit).await?;
                let columns = ["time", "actor", "kind", "reason", "location", "before", "after", "reservation"];
                show(&lines, &columns, item.json);
            }
            Self::Low { at, limit, json } => {
                let call: Call<Page<Value>> = at.client()?.list("/internal/api/inventory/low-stock");
                show(&call.items(limit).await?, &["sku", "location", "available", "threshold", "since"], json);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Item {
    fn path(&self, part: &str) -> String {
        format!("/inventory/products/{}{part}", encode(&self.sku))
    }

    /// Shows the rows that the call has changed.
    async fn change(&self, method: &str, path: String, body: &Value) -> Result<(), Box<dyn std::error::Error>> {
        let call = self.at.client()?.call(method.parse()?, path).json(body);
        let changed = call.key(uuid::Uuid::new_v4().to_string()).await?.value;
        show(changed["facts"].as_array().map_or(&[][..], Vec::as_slice), &ROWS, self.json);
        Ok(())
    }
}
