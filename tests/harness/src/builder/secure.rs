//! A world in which every hop is encrypted.

use crate::{Authority, Pair, RedisCluster, Servers, config::Shared, kafka, redis};

/// Makes the nodes use TLS to the servers.
pub(super) fn lead(shared: &mut Shared, servers: &Servers, name: &str, database: u32, cluster: Option<&RedisCluster>) {
    let (by, Pair { cert, key }) = (servers.authority(), servers.authority().here("origin-to-postgres"));
    let parameters = format!(
        "sslmode=verify-full&channel_binding=require&sslrootcert={}&sslcert={}&sslkey={}",
        by.root().display(),
        cert.display(),
        key.display()
    );
    shared.database_url = servers.postgres.url_as("stock", name, &parameters);
    shared.redis_url = match cluster {
        Some(cluster) => cluster.secure_url(redis::PASSWORD),
        None => servers.redis.secure_url(database, redis::PASSWORD),
    };
    shared.brokers = servers.kafka.secure_brokers();
}

/// Settings of every node.
pub(super) fn settings(by: &Authority) -> Vec<(String, String)> {
    let node = by.here("node");
    let path = |path: &std::path::Path| path.display().to_string();
    [
        ("ONHAND_EDGE__REDIS__CA_FILE", path(&by.root())),
        ("ONHAND_KAFKA__SECURITY__PROTOCOL", "sasl_ssl".to_owned()),
        ("ONHAND_KAFKA__SECURITY__MECHANISM", "SCRAM-SHA-512".to_owned()),
        ("ONHAND_KAFKA__SECURITY__USERNAME", "onhand".to_owned()),
        ("ONHAND_KAFKA__SECURITY__PASSWORD", kafka::PASSWORD.to_owned()),
        ("ONHAND_KAFKA__SECURITY__CA_FILE", path(&by.root())),
        ("ONHAND_HTTP__TLS__CERT_FILE", path(&node.cert)),
        ("ONHAND_HTTP__TLS__KEY_FILE", path(&node.key)),
        ("ONHAND_HTTP__CLIENT__CA_FILE", path(&by.root())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
