//! `POST /internal/api/inventory/warm-cache`: loads L2, and this node's L1, before lookups ask.

use std::time::Instant;

use http::{Request, StatusCode};
use onhand_http::body::require_json;
use onhand_wire::{
    Problem, Sku,
    bulk::{MOST_HELD, MOST_HELD_DEFAULT},
    request::{self, Check},
};
use serde::Deserialize;
use serde_json::json;

use super::{Content, Failure, Reply, json as answer, whole};
use crate::{
    cache::{
        LoadError,
        warm::{STEP, Warmed},
    },
    node::Node,
};

/// Both may be given; if neither is, it is `{"top":1000}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Warm {
    /// This many of the SKUs with most units in open reservations, then others by name.
    #[serde(default)]
    top: Option<usize>,
    #[serde(default)]
    skus: Option<Vec<Sku>>,
}

impl Check for Warm {
    fn check(&self) -> Result<(), Problem> {
        let fits = self.top.is_none_or(|top| (1..=MOST_HELD).contains(&top));
        fits.then_some(()).ok_or_else(|| Problem::field("top", format!("a whole number from 1 to {MOST_HELD}")))
    }
}

/// The named SKUs first, then the top ones; each once.
async fn wanted(node: &Node, warm: Warm) -> Result<Vec<Sku>, LoadError> {
    let top = warm.top.or(warm.skus.is_none().then_some(MOST_HELD_DEFAULT));
    let mut skus = warm.skus.unwrap_or_default();
    if let Some(top) = top {
        skus.extend(node.origin.most_held(top).await?);
    }
    let mut seen = std::collections::HashSet::new();
    skus.retain(|sku| seen.insert(sku.clone()));
    Ok(skus)
}

pub(super) async fn post(node: &Node, request: Request<Content>) -> Result<Reply, Failure> {
    let began = Instant::now();
    let (head, content) = request.into_parts();
    require_json(&head.headers)?;
    let warm: Warm = request::read(&whole(node, content).await?)?;
    let skus = wanted(node, warm).await?;
    let mut warmed = Warmed { asked: skus.len(), ..Warmed::default() };
    for step in skus.chunks(STEP) {
        let failed = node.cache.warm(step, &mut warmed).await.err();
        tracing::info!(done = warmed.done, asked = warmed.asked, l2_filled = warmed.l2_filled, "warming");
        match failed {
            Some(error) if warmed.failed == warmed.done => return Err(error.into()),
            Some(_) => break, // the rest would fail too: the answer says how far it came
            None => {}
        }
    }
    let mut shown = json!(warmed);
    shown["took_ms"] = json!(began.elapsed().as_millis() as u64);
    Ok(answer(StatusCode::OK, shown.to_string()))
}
