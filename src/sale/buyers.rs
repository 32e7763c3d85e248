//! The buyers: each comes at its moment, and goes with a 202 or a refusal.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use onhand_wire::{Sku, Timestamp};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use uuid::Uuid;

use super::{Args, Failure};

/// An order that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) id: String,
    pub(super) sku: String,
    pub(super) at: Timestamp,
    /// From the first try on.
    pub(super) took: Duration,
    /// Of the try that was accepted.
    pub(super) last_took: Duration,
}

/// How all of them fared.
#[derive(Debug, Default)]
pub(super) struct Fared {
    pub(super) placed: Vec<Placed>,
    /// The last answer to each buyer who went without, by status.
    pub(super) refused: BTreeMap<u16, usize>,
    /// Answers after which a buyer tried again, by status; 0: none.
    pub(super) again: BTreeMap<u16, usize>,
    pub(super) took: Duration,
}

/// Tries under one key: a 503 or a 504 says that it may be sent again.
const TRIES: usize = 30;
const PAUSE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn all(args: &Args, skus: &[Sku]) -> Result<Fared, Failure> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let (sale, places) = (Uuid::new_v4(), Arc::new(Semaphore::new(args.at_once)));
    let began = Instant::now();
    let mut buyers = JoinSet::new();
    for number in 0..args.buyers {
        let due = began + args.over.mul_f64(number as f64 / args.buyers.max(1) as f64);
        tokio::time::sleep_until(due.into()).await;
        let place = places.clone().acquire_owned().await?;
        let sku = wanted(skus, number);
        let low = args.low > 0 && number % args.low == args.low - 1;
        let body = json!({
            "lines": [{"sku": sku, "quantity": 1}],
            "priority": if low { "low" } else { "high" },
            "order_ref": format!("sale-{sale}"),
        });
        let buyer = Buyer {
            client: client.clone(),
            url: format!("{}/v1/orders", args.edges[number % args.edges.len()].trim_end_matches('/')),
            token: args.token_storefront.clone(),
            key: format!("sale-{sale}-{number}"),
            sku,
            body,
        };
        buyers.spawn(async move {
            let placed = buyer.buy().await;
            drop(place);
            placed
        });
    }
    let mut fared = Fared::default();
    for (outcome, again) in buyers.join_all().await {
        again.into_iter().for_each(|status| *fared.again.entry(status).or_default() += 1);
        match outcome {
            Ok(order) => fared.placed.push(order),
            Err(status) => *fared.refused.entry(status).or_default() += 1,
        }
    }
    fared.took = began.elapsed();
    Ok(fared)
}

/// Two of three want the first.
fn wanted(skus: &[Sku], number: usize) -> String {
    let others = &skus[1..];
    if others.is_empty() || number % 3 != 2 {
        skus[0].to_string()
    } else {
        others[(number / 3) % others.len()].to_string()
    }
}

struct Buyer {
    client: reqwest::Client,
    url: String,
    token: String,
    key: String,
    sku: String,
    body: Value,
}

impl Buyer {
    /// The order, or the status of the last refusal; 0: no answer. And what it was told to try again for.
    async fn buy(self) -> (Result<Placed, u16>, Vec<u16>) {
        let mut again = Vec::new();
        let placed = self.try_to_buy(&mut again).await;
        (placed, again)
    }

    async fn try_to_buy(self, again: &mut Vec<u16>) -> Result<Placed, u16> {
        let (began, at) = (Instant::now(), Timestamp::from(chrono::Utc::now()));
        let mut last = 0;
        for _ in 0..TRIES {
            let tried = Instant::now();
            last = 0;
            let call = self.client.post(&self.url).bearer_auth(&self.token).header("idempotency-key", &self.key);
            if let Ok(answer) = call.json(&self.body).send().await {
                last = answer.status().as_u16();
                if last == 202 {
                    let shown: Value = answer.json().await.map_err(|_| 0_u16)?;
                    let id = shown["id"].as_str().unwrap_or_default().to_owned();
                    let (took, last_took) = (began.elapsed(), tried.elapsed());
                    return Ok(Placed { id, sku: self.sku, at, took, last_took });
                }
                if !matches!(last, 429 | 503 | 504) {
                    return Err(last);
                }
            }
            again.push(last);
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }
}
