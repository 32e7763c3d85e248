//! The first body under each order's id, as all edges of the region know it: `orders:body:ID` in Redis.
//!
//! The database decides which order a key names, once it is taken in. Until then another body under the same key would
//! be answered 202, too, by an edge that did not take the first one; so an edge claims the id for its body before it
//! appends the order. Without Redis nothing is claimed, and what is refused late is counted.

use std::time::{Duration, Instant};

use onhand_http::{
    breaker::{Breaker, BreakerConfig},
    setting::Span,
};
use redis::Script;
use uuid::Uuid;

use crate::redis_client::Redis;

/// Longer than an order waits anywhere. Afterwards its row knows.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Of a digest's hexadecimal characters: 128 bits tell two bodies apart.
const CHARACTERS: usize = 32;

/// The digest that stands; an empty text if it is this one, and was not there before.
const CLAIM: &str = "
local first = redis.call('GET', KEYS[1])
if first then return first end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''";

const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return ''";

/// Whose body an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// This one's, from now on.
    New,
    /// This one's, claimed before; or nobody can tell.
    Same,
    Other,
}

pub(crate) struct FirstBodies {
    redis: Redis,
    timeout: Duration,
    breaker: Breaker,
    claim: Script,
    release: Script,
}

impl FirstBodies {
    pub(crate) fn new(redis: Redis, timeout: Duration) -> Self {
        let config = BreakerConfig {
            failure_threshold: 5,
            success_threshold: 1,
            base_timeout: Span::ms(500),
            max_timeout: Span::s(2),
        };
        let breaker = Breaker::new("redis orders' bodies", config);
        Self { redis, timeout, breaker, claim: Script::new(CLAIM), release: Script::new(RELEASE) }
    }

    pub(crate) async fn claim(&self, id: Uuid, digest: &str) -> Claim {
        let digest = short(digest);
        let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
        let first = self.run(&self.claim, id, digest, Some(kept)).await;
        match first.as_deref() {
            Some("") => Claim::New,
            Some(first) if first != digest => Claim::Other,
            _ => Claim::Same,
        }
    }

    /// Nothing was accepted under the id: its next body is the first.
    pub(crate) async fn release(&self, id: Uuid, digest: &str) {
        self.run(&self.release, id, short(digest), None).await;
    }

    /// `None` if Redis is gone or too slow.
    async fn run(&self, script: &Script, id: Uuid, digest: &str, kept: Option<u64>) -> Option<String> {
        if !self.breaker.allows(Instant::now()) {
            return None;
        }
        let mut call = script.key(format!("orders:body:{id}"));
        call.arg(digest);
        if let Some(ms) = kept {
            call.arg(ms);
        }
        match tokio::time::timeout(self.timeout, self.redis.invoke::<String>(&call)).await {
            Ok(Ok(answer)) => {
                self.breaker.succeeded();
                return Some(answer);
            }
            Ok(Err(error)) => tracing::debug!(%error, "redis failed to tell an order's first body"),
            Err(_) => tracing::debug!(timeout = ?self.timeout, "redis was too slow to tell an order's first body"),
        }
        self.breaker.failed(Instant::now());
        None
    }
}

fn short(digest: &str) -> &str {
    digest.get(..CHARACTERS).unwrap_or(digest)
}
