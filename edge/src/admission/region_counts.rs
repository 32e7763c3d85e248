//! A caller's count that all nodes of the region share: `ratelimit:LIMIT:CALLER` in Redis.

use std::time::{Duration, Instant};

use onhand_http::{
    breaker::{Breaker, BreakerConfig},
    setting::Span,
};
use redis::Script;

use crate::redis_client::Redis;

/// Counts one request; the window begins with the first. A key without an expiry gets one, because it would refuse its
/// caller for ever.
const COUNT: &str = "
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}";

/// The requests of a window so far, including this one, and when the window ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct RegionCount {
    pub(super) requests: u32,
    pub(super) left: Duration,
}

pub(crate) struct RegionCounts {
    redis: Redis,
    timeout: Duration,
    breaker: Breaker,
    count: Script,
}

impl RegionCounts {
    pub(crate) fn new(redis: Redis, timeout: Duration) -> Self {
        let breaker = Breaker::new(
            "redis rate limits",
            BreakerConfig {
                failure_threshold: 5,
                success_threshold: 1,
                base_timeout: Span::ms(500),
                max_timeout: Span::s(2),
            },
        );
        Self { redis, timeout, breaker, count: Script::new(COUNT) }
    }

    /// `None` if Redis is gone or too slow; the node then counts by itself.
    pub(super) async fn count(&self, key: &[u8], window: Duration) -> Option<RegionCount> {
        if !self.breaker.allows(Instant::now()) {
            return None;
        }
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let mut call = self.count.key(key);
        call.arg(window_ms);
        match tokio::time::timeout(self.timeout, self.redis.invoke::<(u32, u64)>(&call)).await {
            Ok(Ok((requests, left_ms))) => {
                self.breaker.succeeded();
                return Some(RegionCount { requests, left: Duration::from_millis(left_ms) });
            }
            Ok(Err(error)) => tracing::debug!(%error, "redis failed to count a request"),
            Err(_) => tracing::debug!(timeout = ?self.timeout, "redis was too slow to count a request"),
        }
        self.breaker.failed(Instant::now());
        None
    }
}
