//! `[orders]`: the queued lanes, set alike at edges and origins.

use onhand_http::{
    breaker::BreakerConfig,
    setting::{Secret, Span, count_fault},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Makes orders' ids, the same at every edge and origin: 32 bytes or more, random. It never changes: under another
    /// one, a repeated call makes a second order, and ids of before are 404. Empty: there are no orders here.
    pub id_key: Secret,
    /// The topic of the high lane; the low lane's is this with `.low`, the dead letters' with `-dlq`.
    pub topic: String,
    /// Beyond this much estimated waiting an order is refused, 503 overloaded.
    pub max_wait: Span,
    /// How long an order has to be decided, unless it says otherwise; then it is rejected.
    pub decide_within: Span,
    /// How long the log may take to acknowledge an order; then 504, and the same key settles it.
    pub append_within: Span,
    /// Times that an order of a fault of its own is tried before it is set aside as a dead letter.
    pub max_attempts: u32,
    /// The pause after its first failure; it doubles up to `longest_pause`, and each is taken up to a quarter longer.
    pub shortest_pause: Span,
    pub longest_pause: Span,
    /// Of the edge's or origin's way to the lanes' log.
    pub breaker: BreakerConfig,
}

/// Of `id_key`.
const KEY_BYTES: usize = 32;

impl Default for Config {
    fn default() -> Self {
        Self {
            id_key: Secret::default(),
            topic: "orders".to_owned(),
            max_wait: Span::s(120),
            decide_within: Span::s(600),
            append_within: Span::s(2),
            max_attempts: 8,
            shortest_pause: Span::s(1),
            longest_pause: Span::s(300),
            breaker: BreakerConfig::default(),
        }
    }
}

impl Config {
    /// Whether orders are taken here.
    pub fn is_on(&self) -> bool {
        !self.id_key.is_empty()
    }

    /// What is wrong with it, key by key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.breaker.faults("orders.breaker");
        if self.is_on() && self.id_key.expose().len() < KEY_BYTES {
            faults.push(format!(
                "orders.id_key: must have {KEY_BYTES} bytes or more, such as `openssl rand -hex 32` prints"
            ));
        }
        if self.topic.is_empty() {
            faults.push("orders.topic: must not be empty".to_owned());
        }
        faults.extend(count_fault("orders.max_attempts", self.max_attempts == 0));
        for (key, span, least) in [
            ("orders.max_wait", self.max_wait, Span::s(1)),
            ("orders.decide_within", self.decide_within, Span::s(1)),
            ("orders.append_within", self.append_within, Span::ms(10)),
            ("orders.shortest_pause", self.shortest_pause, Span::ms(1)),
        ] {
            if span < least {
                faults.push(format!("{key}: must be {least} or more"));
            }
        }
        if self.longest_pause < self.shortest_pause {
            faults.push("orders.longest_pause: must be shortest_pause or more".to_owned());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_a_fault_and_is_not_shown() {
        let short = Config { id_key: Secret::new("S3CRET"), topic: String::new(), ..Config::default() };
        let faults = short.faults().join("\n");
        assert!(faults.contains("orders.id_key") && faults.contains("orders.topic"), "{faults}");
        assert!(!faults.contains("S3CRET"), "{faults}");
        assert!(Config::default().faults().is_empty() && !Config::default().is_on());
    }
}
