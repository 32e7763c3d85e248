//! Compares this node's answers with what the origin says afterwards.
//!
//! 1. A request leaves one of its answers in the [`Sampler`](crate::sampler::Sampler), if one is wanted.
//! 2. [`run`] asks the origin for the same SKU. What the origin says **later** settles most answers at once (see
//!    [`judge`]): they are the same, or impossible.
//! 3. An older version is settled once `as_of` has passed the time at which the origin was asked: from then on the node
//!    must have what the origin said. Until then the change may have been
//!    committed after the `as_of` that the answer claimed.
//!
//! What cannot be settled (the origin gone, a lost history, the feed stalled) is counted as undecided.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use onhand_wire::{
    Sku, Stock, Timestamp,
    judge::{Judged, Verdict, Wrong, judge},
};
use tokio::sync::mpsc;

use crate::{
    cache::{Loaded, Need, load::read_before},
    config::AuditConfig,
    explain::explain,
    metrics::AuditVerdict,
    node::Node,
    sampler::Sample,
    tier::Tier,
};

/// How long an answer may wait for `as_of` to pass the time of the origin's answer.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);
/// How many answers may wait; beyond that, the oldest counts as undecided.
const MOST_UNSETTLED: usize = 1000;
/// More a second would be a load test of the origin.
const MOST_PER_S: u32 = 1000;
/// How often answers that wait are settled.
const SETTLE_EVERY: Duration = Duration::from_millis(100);

/// The origin's answer, which the node must match once `as_of` has passed `until`.
struct Unsettled {
    sku: Sku,
    truth: Stock,
    until: Timestamp,
    since: Instant,
}

/// Asks for answers, up to `per_s` a second, and judges them, for ever.
pub(crate) async fn run(node: Arc<Node>, config: AuditConfig, mut queue: mpsc::Receiver<Sample>) {
    if config.per_s == 0 {
        return;
    }
    let mut pace = tokio::time::interval(Duration::from_secs(1) / config.per_s.min(MOST_PER_S));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut settling = tokio::time::interval(SETTLE_EVERY);
    settling.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut waiting = VecDeque::new();
    loop {
        tokio::select! {
            _ = pace.tick() => node.sampler.want_one(),
            _ = settling.tick() => settle(&node, &mut waiting).await,
            Some(sample) = queue.recv() => audit(&node, sample, &mut waiting).await,
        }
    }
}

/// Compares the sample with what the origin says now.
async fn audit(node: &Node, sample: Sample, waiting: &mut VecDeque<Unsettled>) {
    let sent = Instant::now();
    let Ok(loaded) = node.origin.facts(std::slice::from_ref(&sample.sku)).await else {
        return node.metrics.audited(AuditVerdict::Undecided);
    };
    let Some(truth) = loaded.stocks.into_iter().next() else { return };
    let good_since = loaded.good_since.max(node.freshness.terms().good_since);
    let held = &sample.entry.stock;
    match worst(held, &truth, sample.as_of, good_since) {
        (_, Verdict::Agrees) => node.metrics.audited(AuditVerdict::Agreement),
        (_, Verdict::Void) => node.metrics.audited(AuditVerdict::Undecided),
        (_, Verdict::Behind) => {
            if waiting.len() >= MOST_UNSETTLED {
                waiting.pop_front();
                node.metrics.audited(AuditVerdict::Undecided);
            }
            let until = read_before(loaded.at, sent);
            waiting.push_back(Unsettled { sku: sample.sku, truth, until, since: sent });
        }
        (at, Verdict::Wrong(wrong)) => {
            let violation = Violation { sku: sample.sku, at, wrong, tier: sample.tier, as_of: sample.as_of };
            violation.report(node, held, &truth).await;
        }
    }
}

/// Looks the SKUs up again, as a caller would, once their time has come.
async fn settle(node: &Node, waiting: &mut VecDeque<Unsettled>) {
    for _ in 0..waiting.len() {
        let Some(next) = waiting.pop_front() else { return };
        let Some(as_of) = node.freshness.as_of().filter(|as_of| as_of.t > next.until) else {
            if next.since.elapsed() > GIVEN_UP_AFTER {
                node.metrics.audited(AuditVerdict::Undecided);
            } else {
                waiting.push_back(next);
            }
            continue;
        };
        let need = Need { as_of: as_of.t, ..Need::default() };
        let found = match node.cache.hit(next.sku.as_str(), &need) {
            Ok(hit) => Ok(hit),
            Err(fresh) => node.cache.load(next.sku.clone(), fresh, None).await,
        };
        match found {
            Ok(loaded) => settled(node, next, &loaded, as_of.t).await,
            Err(_) => node.metrics.audited(AuditVerdict::Undecided),
        }
    }
}

/// The node must by now have what the origin said: an older version is a violation, a newer one is not.
async fn settled(node: &Node, next: Unsettled, loaded: &Loaded, as_of: Timestamp) {
    let held = &loaded.entry.stock;
    let good_since = node.freshness.terms().good_since;
    if held.oldest_term() < good_since || next.truth.oldest_term() < good_since {
        return node.metrics.audited(AuditVerdict::Undecided);
    }
    let seq = |fact: &onhand_wire::Fact| fact.version.seq();
    let lacking = next.truth.facts.iter().find(|fact| held.fact(fact.location.as_str()).map(seq) < Some(seq(fact)));
    let item = |stock: &Stock| stock.item.as_ref().map(|item| item.version.seq());
    let at = match lacking {
        Some(fact) => fact.location.to_string(),
        None if item(held) < item(&next.truth) => String::new(),
        None => return node.metrics.audited(AuditVerdict::Agreement),
    };
    let violation = Violation { sku: next.sku, at, wrong: Wrong::Missed, tier: loaded.tier, as_of };
    violation.report(node, held, &next.truth).await;
}

/// The worst verdict, and its location; `None` for the item itself.
fn worst(held: &Stock, truth: &Stock, as_of: Timestamp, good_since: u16) -> (String, Verdict) {
    let item = judge(held.item.as_ref(), truth.item.as_ref(), as_of, good_since);
    let mut locations: Vec<_> = held.facts.iter().chain(&truth.facts).map(|fact| fact.location.as_str()).collect();
    locations.sort_unstable();
    locations.dedup();
    let facts =
        locations.into_iter().map(|at| (at.to_owned(), judge(held.fact(at), truth.fact(at), as_of, good_since)));
    let gravity = |verdict: &Verdict| match verdict {
        Verdict::Agrees => 0,
        Verdict::Behind => 1,
        Verdict::Void => 2,
        Verdict::Wrong(_) => 3,
    };
    let all = std::iter::once((String::new(), item)).chain(facts);
    all.max_by_key(|(_, verdict)| gravity(verdict)).unwrap_or((String::new(), Verdict::Agrees))
}

/// A violation.
struct Violation {
    sku: Sku,
    /// The location; empty for the item.
    at: String,
    wrong: Wrong,
    tier: Tier,
    as_of: Timestamp,
}

impl Violation {
    /// Counts it and logs it, with what each tier holds now.
    async fn report(self, node: &Node, held: &Stock, truth: &Stock) {
        node.metrics.audited(AuditVerdict::Violation);
        let trace = explain(node, self.sku.clone()).await;
        let trace = serde_json::to_string(&trace).unwrap_or_default();
        let version = |stock: &Stock| match self.at.as_str() {
            "" => stock.item.as_ref().map(|item| item.version().to_string()),
            at => stock.fact(at).map(|fact| fact.version.to_string()),
        };
        tracing::error!(
            event = "audit_violation",
            sku = %self.sku,
            location = self.at,
            fault = self.wrong.as_str(),
            source = self.tier.as_str(),
            as_of = %self.as_of,
            answered = version(held),
            origin = version(truth),
            trace,
            "an answer that the origin contradicts"
        );
    }
}
