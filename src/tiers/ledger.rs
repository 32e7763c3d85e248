//! The origin's own comparison of its ledger and open reservations with its rows.

use onhand_client::Client;
use serde_json::json;

use super::{Check, Error};

pub(crate) async fn compare(origins: &Client) -> Result<Check, Error> {
    let reconciled = origins.reconcile(None).await?.value;
    let mut check = Check::new("ledger = rows", "rows");
    check.compared = reconciled.checked;
    for difference in &reconciled.differences {
        check.mismatch(|| json!(difference).to_string());
    }
    Ok(check)
}
