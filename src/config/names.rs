//! Well-known names of environment variables, and the keys that they set.

/// Name, key, and the prefix to add to a value that lacks it.
const NAMES: [(&str, &str, &str); 10] = [
    ("REDIS_ADDR", "edge.redis.url", "redis://"),
    ("KAFKA_ADDR", "kafka.brokers", ""),
    ("DATABASE_URL", "origin.database.url", ""),
    ("LOG_LEVEL", "log.level", ""),
    ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "edge.origin.breaker.failure_threshold", ""),
    ("CIRCUIT_BREAKER_SUCCESS_THRESHOLD", "edge.origin.breaker.success_threshold", ""),
    ("CIRCUIT_BREAKER_BASE_TIMEOUT", "edge.origin.breaker.base_timeout", ""),
    ("CIRCUIT_BREAKER_MAX_TIMEOUT", "edge.origin.breaker.max_timeout", ""),
    ("RATE_LIMIT_MAX_REQUESTS", "edge.limits.orders.max_requests", ""),
    ("RATE_LIMIT_WINDOW", "edge.limits.orders.window", ""),
];

/// The key and value that a variable of the environment sets, if it is one of ours.
pub(super) fn read(name: &str, value: &str) -> Option<(String, String)> {
    if let Some((_, key, start)) = NAMES.iter().find(|(known, _, _)| *known == name) {
        let value = if value.contains("://") { value.to_owned() } else { format!("{start}{value}") };
        return Some(((*key).to_owned(), value));
    }
    // Every key is in a section, so a variable without `__` is somebody else's.
    let path = name.strip_prefix("ONHAND_").filter(|path| path.contains("__"))?;
    Some((path.to_lowercase().replace("__", "."), value.to_owned()))
}
