//! The origin's own comparison of its ledger and open reservations with its rows.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Check;
use crate::fleet::{Ask, Error, Fleet};

#[derive(Deserialize)]
struct Reconciled {
    checked: u64,
    differences: Vec<Value>,
}

pub(crate) async fn compare(origins: &Fleet) -> Result<Check, Error> {
    let ask = Ask::json(Method::POST, "/internal/api/inventory/reconcile", &json!({"mode": "report"}));
    let reconciled: Reconciled = origins.ask(0, &ask).await?.success()?.json()?;
    let mut check = Check::new("ledger = rows", "rows");
    check.compared = reconciled.checked;
    for difference in &reconciled.differences {
        check.mismatch(|| difference.to_string());
    }
    Ok(check)
}
