//! `onhand origin`.

use std::{process::ExitCode, sync::Arc};

use onhand_origin::{Feed, Origin};
use onhand_rules::Rules;
use onhand_wire::{actuator::Loggers, auth::Verifier};

use super::{Done, require, shutdown};
use crate::config::Config;

pub(super) async fn run((config, loggers): (Config, Arc<dyn Loggers>)) -> Done {
    require("origin.database.url", config.origin.database.url.expose(), "name the database, or set DATABASE_URL")?;
    require("kafka.brokers", &config.kafka.brokers, "name the brokers of the change feed, or set KAFKA_ADDR")?;
    let verifier = verifier(&config)?;
    let rules = Rules::load(&config.rules)?;
    let kafka = config.kafka;
    let feed = Feed::Kafka {
        brokers: kafka.brokers,
        topic: kafka.topic,
        partitions: kafka.partitions,
        replication: kafka.replication,
    };
    let origin = Origin::bind(config.origin, feed, verifier, rules).await?.with_loggers(loggers);
    println!("origin api http://{}", origin.api());
    println!("origin management http://{}", origin.management());
    println!("ready: the origin serves");
    origin.serve(shutdown::requested()).await?;
    Ok(ExitCode::SUCCESS)
}

/// The public key that tokens are judged with.
pub(super) fn verifier(config: &Config) -> Result<Arc<Verifier>, String> {
    let file = &config.auth.key_file;
    require("auth.key_file", file, "name the public key that tokens are judged with; `onhand token keygen` makes one")?;
    let pem = std::fs::read(file).map_err(|error| format!("auth.key_file: {file} cannot be read: {error}"))?;
    let verifier = Verifier::from_pem(&pem).map_err(|error| format!("auth.key_file: {file}: {error}"))?;
    Ok(Arc::new(verifier))
}
