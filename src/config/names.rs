//! Well-known names of environment variables, and the keys that they set.

/// Name, key, and what to put before a value that lacks it.
const NAMES: [(&str, &str, &str); 16] = [
    ("REDIS_ADDR", "edge.redis.url", "redis://"),
    ("KAFKA_ADDR", "kafka.brokers", ""),
    ("DATABASE_URL", "origin.database.url", ""),
    ("LOG_LEVEL", "log.level", ""),
    ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "edge.origin.breaker.failure_threshold", ""),
    ("CIRCUIT_BREAKER_SUCCESS_THRESHOLD", "edge.origin.breaker.success_threshold", ""),
    ("CIRCUIT_BREAKER_BASE_TIMEOUT", "edge.origin.breaker.base_timeout", ""),
    ("CIRCUIT_BREAKER_MAX_TIMEOUT", "edge.origin.breaker.max_timeout", ""),
    // Of the way to the origin, and of the way to the order lanes.
    ("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "orders.breaker.failure_threshold", ""),
    ("CIRCUIT_BREAKER_SUCCESS_THRESHOLD", "orders.breaker.success_threshold", ""),
    ("CIRCUIT_BREAKER_BASE_TIMEOUT", "orders.breaker.base_timeout", ""),
    ("CIRCUIT_BREAKER_MAX_TIMEOUT", "orders.breaker.max_timeout", ""),
    ("RATE_LIMIT_MAX_REQUESTS", "edge.limits.orders.max_requests", ""),
    ("RATE_LIMIT_WINDOW", "edge.limits.orders.window", ""),
    ("RATE_LIMIT_MAX_REQUESTS", "origin.limits.orders.max_requests", ""),
    ("RATE_LIMIT_WINDOW", "origin.limits.orders.window", ""),
];

/// The keys and values that a variable of the environment sets; none if it is not one of ours.
pub(super) fn read(name: &str, value: &str) -> Vec<(String, String)> {
    let known = NAMES.iter().filter(|(known, _, _)| *known == name);
    let set: Vec<_> = known
        .map(|(_, key, start)| {
            let value = if value.contains("://") { value.to_owned() } else { format!("{start}{value}") };
            ((*key).to_owned(), value)
        })
        .collect();
    if !set.is_empty() {
        return set;
    }
    // Every key lives in a section, so a variable without `__` is somebody else's.
    let path = name.strip_prefix("ONHAND_").filter(|path| path.contains("__"));
    path.map(|path| (path.to_lowercase().replace("__", "."), value.to_owned())).into_iter().collect()
}
