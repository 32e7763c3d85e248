//! What `onhand check` says of the lanes' topics; makes nothing.

use std::time::Duration;

use onhand_kafka::Brokers;
use onhand_orders::{Config, topic_of};
use onhand_wire::order::Lane;
use rdkafka::{
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
};

const ASK: Duration = Duration::from_secs(5);
/// What is in no database yet must outlive an outage of every origin.
const LEAST_DAYS: i64 = 3;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Whether both lanes keep their records for long enough.
pub async fn probe(brokers: &Brokers, config: &Config) -> Result<String, String> {
    let admin: AdminClient<DefaultClientContext> =
        brokers.client(&[("client.id", "onhand-check")]).create().map_err(|error: KafkaError| error.to_string())?;
    let names = Lane::ALL.map(|lane| topic_of(&config.topic, lane));
    let topics: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let described = admin.describe_configs(&topics, &AdminOptions::new().request_timeout(Some(ASK))).await;
    let described = described.map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    for (name, found) in names.iter().zip(described) {
        said.push(match found {
            Err(RDKafkaErrorCode::UnknownTopicOrPartition) => format!("{name} will be made by the first origin"),
            Err(error) => return Err(format!("{name}: {error}")),
            Ok(found) => judge(name, found.get("retention.ms").and_then(|entry| entry.value.as_deref()))?,
        });
    }
    Ok(said.join("; "))
}

/// `-1`: for ever.
fn judge(name: &str, retention: Option<&str>) -> Result<String, String> {
    let ms = retention.and_then(|text| text.parse::<i64>().ok());
    match ms {
        None => Err(format!("{name}: the brokers do not tell its retention.ms")),
        Some(ms) if (0..LEAST_DAYS * DAY_MS).contains(&ms) => Err(format!(
            "{name}: retention.ms is {ms}: orders that are not taken in yet would expire; make it {LEAST_DAYS} days or more"
        )),
        Some(ms) if ms < 0 => Ok(format!("{name} keeps its records")),
        Some(ms) => Ok(format!("{name} keeps its records for {} days", ms / DAY_MS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_retention_is_a_fault() {
        assert!(judge("orders", Some("3600000")).unwrap_err().contains("retention.ms is 3600000"));
        assert!(judge("orders", Some("0")).is_err() && judge("orders", None).is_err());
        assert!(judge("orders", Some("-1")).is_ok());
        assert_eq!(judge("orders", Some("604800000")).unwrap(), "orders keeps its records for 7 days");
    }
}
